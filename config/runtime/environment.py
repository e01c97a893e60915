"""What our own children, and the commands that work on a home, find in their environment."""

import os
from collections.abc import Mapping
from pathlib import Path

from config import env
from config.runtime.home import VARIABLE, Home, State

# Where `config`, `apps` and `tailsvc` lie. Children start there: another folder may have a `config` of its own.
CODE = Path(__file__).resolve().parent.parent.parent

# They configure the web server and libpq behind our back.
_FOREIGN_PREFIXES = ("GRANIAN_", "CELERY_")


def children_environment(home: Home, state: State) -> dict[str, str]:
    """The environment of this process, with the instance's addresses where the operator has set none."""
    found = {name: value for name, value in os.environ.items() if not is_foreign(name)}
    found.update(addresses(home, state))
    found.update(
        {
            "TAILSVC_RUN_ID": state.run_id,
            "TAILSVC_SUPERVISOR": f"{state.pid} {state.started_at}",
            "PROMETHEUS_MULTIPROC_DIR": str(home.run / "metrics"),
            "PYTHONUNBUFFERED": "1",
            # glibc keeps a heap for each thread, and what one has freed is of no use to the others.
            "MALLOC_ARENA_MAX": "2",
        }
    )
    return found


def addresses(home: Home, state: State) -> Mapping[str, str]:
    """What the applications need to find the database of a home. The operator's own settings win."""
    wanted = {
        "DATABASE_URL": state.database_url,
        "REDIS_URL": state.redis_url,
        "TAILSVC_PUBLIC_URL": state.address,
    }
    missing = {name: value for name, value in wanted.items() if value and not env.text(name)}
    if not env.text("TAILSVC_SECRET_KEY"):
        missing["TAILSVC_SECRET_KEY"] = home.secret("secret-key")
    return {**missing, "DJANGO_SETTINGS_MODULE": "config.settings", VARIABLE: str(home.path)}


def is_foreign(name: str) -> bool:
    """A variable that would change what our processes do without anybody meaning it."""
    # PGSSLMODE and the like are meant for a database that the operator names, and would break the embedded one.
    is_for_libpq = name.startswith("PG") and not env.text("DATABASE_URL")
    return is_for_libpq or name.startswith(_FOREIGN_PREFIXES)
