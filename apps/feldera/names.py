"""The rules for names of pipelines and API keys."""

import re

from apps.feldera import errors

LONGEST_NAME = 63
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]*[A-Za-z0-9])?", re.ASCII)


def is_legal(name: str) -> bool:
    return len(name) <= LONGEST_NAME and _NAME.fullmatch(name) is not None


def check_name(name: str) -> None:
    """Raises a FelderaError that says which rule is broken."""
    if not name:
        raise errors.empty_name()
    if len(name) > LONGEST_NAME:
        raise errors.too_long_name(name, LONGEST_NAME)
    if not is_legal(name):
        raise errors.name_does_not_match(name)
