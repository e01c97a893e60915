"""Under which user the embedded servers run."""

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path

from config.runtime.faults import CannotStart, Unreachable

# Exists on every Unix, and owns nothing that Postgres could harm.
_UNPRIVILEGED = "nobody"


@dataclass(frozen=True, slots=True)
class Account:
    name: str
    uid: int
    gid: int


def server_account() -> Account | None:
    """The user that Postgres must run as, or None for ourselves: it refuses to run as root."""
    uid = os.geteuid()
    if uid != 0:
        _require_a_name(uid)
        return None
    try:
        entry = pwd.getpwnam(_UNPRIVILEGED)
    except KeyError as error:
        raise CannotStart(
            f"Postgres does not run as root, and this machine has no user {_UNPRIVILEGED!r} to run it as. "
            "Start tailsvc as a plain user, or set DATABASE_URL."
        ) from error
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def _require_a_name(uid: int) -> None:
    try:
        pwd.getpwuid(uid)
    except KeyError as error:
        raise CannotStart(
            f"The embedded Postgres cannot run under user id {uid}: the id has no entry in /etc/passwd. "
            "Add one, start tailsvc as another user, or set DATABASE_URL to a Postgres of your own."
        ) from error


def can_enter(folder: Path, account: Account) -> bool:
    """Tried, not computed from mode bits, which know nothing of access lists."""
    attempt = subprocess.run(  # noqa: S603
        ["/bin/sh", "-c", 'cd "$1"', "sh", str(folder)],
        user=account.uid,
        group=account.gid,
        extra_groups=[],
        cwd="/",
        env={},
        capture_output=True,
        check=False,
    )
    return attempt.returncode == 0


def require_reachable(folder: Path, account: Account) -> None:
    """Raises Unreachable, which names the outermost folder that is closed."""
    if can_enter(folder, account):
        return
    inward = [*reversed(folder.parents), folder]
    closed = next((step for step in inward if not can_enter(step, account)), folder)
    raise Unreachable(folder, account=account.name, closed=closed)
