"""Set Django up for the database of a home: the one that runs there now, or the one that DATABASE_URL names."""

import os

from config import env
from config.cli.terminal import fail
from config.runtime.environment import addresses, is_foreign
from config.runtime.home import Home, State

_NOWHERE = State(pid=0, run_id="", address="", database_url="", redis_url="")


def connect(home: Home) -> State | None:
    """The running instance, None where DATABASE_URL stands in for it. Exits with 1 where there is neither."""
    state = find(home)

    import django

    django.setup()
    return state


def find(home: Home) -> State | None:
    """The same for those whose children set Django up."""
    state = home.running()
    if state is None:
        _require_settings(home)
    for name in [name for name in os.environ if is_foreign(name)]:
        del os.environ[name]
    os.environ.update(addresses(home, state or _NOWHERE))
    return state


def _require_settings(home: Home) -> None:
    if not env.text("DATABASE_URL"):
        fail(
            f"No tailsvc runs on {home.path} (or it has not finished starting). "
            "Start it with `tailsvc up`, name its folder with --home, or set DATABASE_URL."
        )
    if not env.text("TAILSVC_SECRET_KEY") and not home.has("secret-key"):
        fail("DATABASE_URL is set, but TAILSVC_SECRET_KEY is not: give the one that the service runs with.")
