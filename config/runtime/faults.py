"""What can go wrong on the way up; the text of each is for the person at the terminal."""

from pathlib import Path


class CannotStart(Exception):
    """Base of all; `str()` says what is wrong and what to do about it."""


class AlreadyRunning(CannotStart):
    def __init__(self, home: Path, *, pid: int | None, address: str | None) -> None:
        where = f", at {address}" if address else ""
        who = f" (process {pid}{where})" if pid else ""
        super().__init__(f"tailsvc already runs on {home}{who}. Stop that one, or choose another folder with --home.")
        self.pid = pid
        self.address = address


class PortTaken(CannotStart):
    def __init__(self, host: str, port: int, option: str) -> None:
        super().__init__(
            f"Port {port} on {host} is taken by another program. Choose another one, for example {option} {port + 2}."
        )


class Unreachable(CannotStart):
    def __init__(self, folder: Path, *, account: str, closed: Path) -> None:
        super().__init__(
            f"As root, Postgres has to run as the user {account!r}, and that user cannot reach {folder}: "
            f"{closed} is closed to others, and tailsvc does not open folders that it has not made. "
            "Choose another folder (for example --home /var/lib/tailsvc), run as a plain user, or set DATABASE_URL."
        )


class GaveUp(CannotStart):
    """A child died again and again."""

    def __init__(self, name: str, reason: str, last_lines: str) -> None:
        text = f"{name} {reason}."
        super().__init__(f"{text} Its last words:\n{last_lines}" if last_lines else text)
        self.name = name
