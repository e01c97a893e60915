"""Parameters of a query string, read strictly: what cannot be meant is a 422 that names it."""

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from apps.http.problems import unprocessable

Choice = TypeVar("Choice", bound=StrEnum)
_TRUE, _FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off"}


def whole_number(params: Mapping[str, str], name: str, *, default: int, low: int, high: int) -> int:
    text = params.get(name)
    if text is None:
        return default
    # Digits only and not many: int() would take "１２", "1_000" and a megabyte of digits.
    if text.isascii() and text.isdigit() and len(text) < 20 and low <= int(text) <= high:
        return int(text)
    raise unprocessable(**{name: f"{name} must be a whole number from {low} to {high}."})


def one_of(params: Mapping[str, str], name: str, choices: type[Choice]) -> Choice | None:
    text = params.get(name)
    if text is None:
        return None
    try:
        return choices(text)
    except ValueError as error:
        raise unprocessable(**{name: f"{name} must be one of {', '.join(choices)}."}) from error


def flag(params: Mapping[str, str], name: str) -> bool:
    text = params.get(name, "false").lower()
    if text in _TRUE | _FALSE:
        return text in _TRUE
    raise unprocessable(**{name: f"{name} must be true or false."})
