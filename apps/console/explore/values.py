"""Values as people type and read them."""

import csv
import re
from typing import Any

from tailsvc.facets import facet_text

_RANGE = re.compile(r"\s*(\S+?)\s*(?:\.\.|,|\bto\b|–)\s*(\S+)\s*")


def read_value(operator: str, text: str) -> Any:
    """`a, "b, c"` for a set, `200..299` for a range, else the text as it is."""
    if operator in {"in", "not_in"}:
        row = next(csv.reader([text], skipinitialspace=True), [])
        return [value.strip() for value in row if value.strip()]
    if operator == "between":
        found = _RANGE.fullmatch(text)
        return list(found.groups()) if found else [text.strip()]
    return text


def texts_of(value: Any) -> list[str]:
    """A clause's value, for people."""
    return [facet_text(one) for one in (value if isinstance(value, list) else [value])]
