"""The single questions that the doctor asks. Each yields findings; none raises for what it is there to find."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from config import env
from config.runtime.accounts import server_account
from config.runtime.binaries import find_postgres, find_valkey
from config.runtime.faults import CannotStart
from config.runtime.home import Home, State

if TYPE_CHECKING:
    import psycopg

OLDEST_POSTGRES = 15
# Postgres stops where the disk ends, and needs room for a checkpoint's worth of WAL before that.
_SCARCE_BYTES = 5 * 1024**3
_EMPTY_BYTES = 1024**3
_DURABLE = {"fsync": {"on"}, "synchronous_commit": {"on", "remote_write", "remote_apply"}, "full_page_writes": {"on"}}
_PATIENCE_SECONDS = 3


@dataclass(frozen=True, slots=True)
class Finding:
    state: Literal["ok", "warning", "fault"]
    subject: str
    text: str
    remedy: str = ""


def disk(home: Home) -> Iterator[Finding]:
    folder = next(path for path in (home.path, *home.path.parents) if path.is_dir())
    free = shutil.disk_usage(folder).free
    text = f"{free / 1024**3:.1f} GiB free for {home.path}"
    yield Finding("fault" if free < _EMPTY_BYTES else "warning" if free < _SCARCE_BYTES else "ok", "disk", text)


def ability_to_start(home: Home) -> Iterator[Finding]:
    """Whether the embedded servers could be started here."""
    try:
        server_account()
        binaries = find_postgres(account=None, copies=home.binaries)
        yield Finding("ok", "postgres", f"version {binaries.major} in {binaries.folder}")
        yield Finding("ok", "valkey", f"in {find_valkey()}")
    except CannotStart as error:
        yield Finding("fault", "servers", str(error))


def configuration(home: Home, state: State | None) -> Iterator[Finding]:
    from django.conf import settings

    if state:
        yield Finding("ok", "instance", f"process {state.pid} runs on {home.path}")
    embedded = state is not None and state.database_url == settings.DATABASE_URL
    yield Finding("ok", "address", settings.PUBLIC_URL)
    yield Finding("ok", "database", f"{_without_password(settings.DATABASE_URL)}{' (embedded)' if embedded else ''}")
    yield Finding("ok", "redis", _without_password(settings.REDIS_URL))


def database() -> Iterator[Finding]:
    import psycopg
    from django.conf import settings

    from config.databases import libpq_url

    try:
        with psycopg.connect(libpq_url(settings.DATABASE_URL), connect_timeout=_PATIENCE_SECONDS) as connection:
            version = connection.info.server_version
            found = {name: _show(connection, name) for name in _DURABLE}
    except psycopg.OperationalError as error:
        yield Finding("fault", "database", f"cannot be reached: {str(error).strip()}")
        return
    state: Literal["ok", "fault"] = "ok" if version // 10000 >= OLDEST_POSTGRES else "fault"
    yield Finding(state, "version", f"Postgres {version // 10000}.{version % 10000}; {OLDEST_POSTGRES} is the oldest")
    yield from _durability(found)


def _show(connection: "psycopg.Connection[tuple[object, ...]]", name: str) -> str:
    row = connection.execute("SELECT current_setting(%s)", [name]).fetchone()
    return str(row[0]) if row else ""


def _durability(found: dict[str, str]) -> Iterator[Finding]:
    unsafe = [f"{name}={value}" for name, value in found.items() if value not in _DURABLE[name]]
    if not unsafe:
        yield Finding("ok", "durability", ", ".join(f"{name}={value}" for name, value in found.items()))
        return
    accepted = env.flag("TAILSVC_ALLOW_UNSAFE_DURABILITY")
    text = f"{', '.join(unsafe)}: acknowledged events can be lost at a power cut"
    yield Finding("warning" if accepted else "fault", "durability", text)


def roles() -> Iterator[Finding]:
    import psycopg
    from django.conf import settings
    from django.db import connections

    from apps.ops import database as ops

    with connections["owner"].cursor() as cursor:
        missing = ops.missing_roles(cursor)
    if missing:
        sql = "An administrator of the database runs:\n\n" + ops.roles_sql()
        yield Finding("fault", "roles", f"missing: {', '.join(missing)}", sql)
        return
    for role, url in settings.ROLE_URLS.items():
        try:
            psycopg.connect(url, connect_timeout=_PATIENCE_SECONDS).close()
        except psycopg.OperationalError as error:
            yield Finding("fault", "roles", f"{role} cannot log in: {str(error).strip()}")
            return
    yield Finding("ok", "roles", ", ".join(settings.ROLE_URLS))


def migrations() -> Iterator[Finding]:
    from apps.ops import database as ops

    waiting = ops.unapplied()
    if waiting:
        text = f"{len(waiting)} not applied: {', '.join(waiting[:3])}"
        yield Finding("fault", "migrations", text, "Run `manage.py prepare_database`, or restart `tailsvc up`.")
    else:
        yield Finding("ok", "migrations", "all applied")


def redis() -> Iterator[Finding]:
    from django.conf import settings
    from redis import Redis, RedisError

    try:
        with Redis.from_url(settings.REDIS_URL, socket_connect_timeout=_PATIENCE_SECONDS) as client:
            client.ping()
            policy = client.config_get("maxmemory-policy").get("maxmemory-policy", "")
    except (RedisError, OSError) as error:
        yield Finding("fault", "redis", f"cannot be reached: {error}")
        return
    if policy and policy != "noeviction":
        yield Finding("warning", "redis", f"maxmemory-policy is {policy}: tasks can be lost; set it to noeviction")
    else:
        yield Finding("ok", "redis", "answers")


def worker() -> Iterator[Finding]:
    from config.celery import app

    if app.control.ping(timeout=_PATIENCE_SECONDS, limit=1):
        yield Finding("ok", "worker", "answers")
    else:
        yield Finding("fault", "worker", "none answers: retention and counts stand still")


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2]
    user = f"{parts.username}@" if parts.username else ""
    return f"{parts.scheme}://{user}{place}{parts.path}"
