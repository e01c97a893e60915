"""One database, four log-ins.

`DATABASE_URL` names the owner, who migrates and nothing else. The other three are roles of the same database that
`prepare_database` creates: their passwords are derived from the secret key, so that nothing more has to be kept, or
given by DATABASE_READER_URL and so on where somebody else creates the roles. They are separate log-ins and never
`SET ROLE`, so that no injected statement can change into another.
"""

import hashlib
import hmac
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit, urlunsplit

from django.core.exceptions import ImproperlyConfigured

from config import env

ROLES = ("reader", "appender", "maintenance")


def role_password(secret_key: str, role: str) -> str:
    return hmac.new(secret_key.encode(), f"database role {role}".encode(), hashlib.sha256).hexdigest()


def role_url(owner_url: str, secret_key: str, role: str) -> str:
    given = env.text(f"DATABASE_{role.upper()}_URL")
    if given:
        return given
    parts = urlsplit(owner_url)
    name = f"{env.text('TAILSVC_ROLE_PREFIX', 'tailsvc')}_{role}"
    place = parts.netloc.rpartition("@")[2]
    netloc = f"{quote(name)}:{role_password(secret_key, role)}@{place}"
    return urlunsplit(parts._replace(netloc=netloc))


def django_database(url: str, *, pool_max: int) -> dict[str, Any]:
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"}:
        raise ImproperlyConfigured("DATABASE_URL must be a postgresql:// address")
    options: dict[str, Any] = dict(parse_qsl(parts.query))
    if pool_max:
        # Under ASGI, CONN_MAX_AGE does nothing: without a pool every request opens a connection.
        options["pool"] = {"min_size": 0, "max_size": pool_max, "timeout": 5, "max_idle": 120}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or options.pop("host", ""),
        "PORT": str(parts.port or ""),
        # Else the first requests after a restart of Postgres answer 500.
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": options,
    }


def libpq_url(url: str) -> str:
    """psycopg wants the plain scheme."""
    return url.replace("postgres://", "postgresql://", 1)
