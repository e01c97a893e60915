"""Is the service fit to take and keep logs?"""

import time
from dataclasses import dataclass, field
from functools import cache

import redis
from django.conf import settings
from django.db import DatabaseError, connections
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

# Without these, what was acknowledged may be gone after a power cut.
_DURABILITY = ("fsync", "full_page_writes", "synchronous_commit")


@dataclass
class Health:
    """`failures` mean: do not send traffic. `warnings` mean: something works less well."""

    failures: dict[str, str] = field(default_factory=dict)
    warnings: dict[str, str] = field(default_factory=dict)

    @property
    def status(self) -> str:
        return "failed" if self.failures else "degraded" if self.warnings else "ok"


def check() -> Health:
    health = Health()
    try:
        _check_durability(health)
        _check_migrations(health)
    except DatabaseError:
        health.failures["database"] = "the database does not answer"
    _check_redis(health)
    return health


def _check_durability(health: Health) -> None:
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT name, setting FROM pg_settings WHERE name = ANY(%s)", [list(_DURABILITY)])
        off = sorted(name for name, setting in cursor.fetchall() if setting in {"off", "local"})
    if off:
        found = health.warnings if settings.ALLOW_UNSAFE_DURABILITY else health.failures
        found["durability"] = f"acknowledged events could be lost: {', '.join(off)} is off"


def _check_migrations(health: Health) -> None:
    applied = set(MigrationRecorder(connections["default"]).applied_migrations())
    missing = sorted(f"{app}.{name}" for app, name in _known_migrations() - applied)
    if missing:
        health.failures["migrations"] = f"not applied: {', '.join(missing)}; run `manage.py prepare_database`"


@cache
def _known_migrations() -> set[tuple[str, str]]:
    """Those of the code, which do not change while it runs."""
    return set(MigrationLoader(None, ignore_no_migrations=True).disk_migrations)


def _check_redis(health: Health) -> None:
    started = time.monotonic()
    try:
        redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1).ping()
    except redis.RedisError:
        waited = time.monotonic() - started
        health.warnings["redis"] = f"Redis does not answer (waited {waited:.1f} s): no rate limits, totals are slower"
