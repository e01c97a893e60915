"""Read the environment, and fail loudly on what cannot be meant."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off", ""}


def text(name: str, default: str = "") -> str:
    """The variable, or the content of the file that NAME_FILE points at (for mounted secrets)."""
    path = os.environ.get(f"{name}_FILE")
    if path is None:
        return os.environ.get(name, default)
    try:
        return Path(path).read_text().strip()
    except OSError as error:
        raise ImproperlyConfigured(f"{name}_FILE={path} cannot be read: {error.strerror}") from error


def flag(name: str, *, default: bool = False) -> bool:
    value = os.environ.get(name)
    if value is None:
        return default
    if value.lower() in _TRUE:
        return True
    if value.lower() in _FALSE:
        return False
    raise ImproperlyConfigured(f"{name}={value!r} is neither true nor false")


def integer(name: str, default: int) -> int:
    value = os.environ.get(name)
    if not value:
        return default
    try:
        return int(value)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}={value!r} is not a whole number") from error


def web_address(name: str, default: str) -> str:
    """Without a slash at its end."""
    value = (text(name) or default).rstrip("/")
    if not re.match(r"https?://[^/\s]", value):
        raise ImproperlyConfigured(f"{name}={value!r} is no address: http:// or https://, and a host")
    return value


def one_of(name: str, choices: Sequence[str], default: str) -> str:
    """In whatever case it is given."""
    value = os.environ.get(name) or default
    found = next((choice for choice in choices if choice.lower() == value.lower()), None)
    if found is None:
        raise ImproperlyConfigured(f"{name}={value!r} is none of {', '.join(choices)}")
    return found


def words(name: str, default: str = "") -> list[str]:
    """A list, separated by commas."""
    return [word.strip() for word in os.environ.get(name, default).split(",") if word.strip()]
