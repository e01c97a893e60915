"""What a kind of object is made of."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

# An object as its JSON says it.
Document = dict[str, Any]
# A schema of OpenAPI v3. Beside its words: `x-precision: micro` (a time with microseconds) and `format: go-duration`.
Schema = dict[str, Any]

GROUP = "tilt.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"


@dataclass(frozen=True, slots=True)
class Cause:
    """One thing that is wrong. `reason` is one of metav1's (FieldValueRequired ...); `field` a path as JSON has it."""

    reason: str
    message: str
    field: str


def required(field: str, detail: str = "") -> Cause:
    return Cause("FieldValueRequired", f"Required value: {detail}" if detail else "Required value", field)


def invalid(field: str, value: str, detail: str) -> Cause:
    return Cause("FieldValueInvalid", f'Invalid value: "{value}": {detail}', field)


def forbidden(field: str, detail: str) -> Cause:
    return Cause("FieldValueForbidden", f"Forbidden: {detail}", field)


@dataclass(frozen=True, slots=True)
class Column:
    """Of a table of objects. Those of a priority over 0 are shown by `-o wide` only."""

    name: str
    description: str
    cell: Callable[[Document, datetime], Any]  # (object, now)
    type: str = "string"
    format: str = ""
    priority: int = 0


def no_defaults(_document: Document) -> None:
    pass


def no_further_rules(_new: Document, _old: Document | None) -> list[Cause]:
    return []


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of object. `default` fills in what was left out, in place; `validate` (new, old) is asked on create, old
    being None, and on update. Both see documents of the schema's form."""

    kind: str
    plural: str
    singular: str
    description: str
    spec_schema: Schema
    status_schema: Schema
    columns: Sequence[Column]
    short_names: tuple[str, ...] = ()
    default: Callable[[Document], None] = no_defaults
    validate: Callable[[Document, Document | None], list[Cause]] = no_further_rules

    @property
    def resource(self) -> str:
        """As messages name it."""
        return f"{self.plural}.{GROUP}"
