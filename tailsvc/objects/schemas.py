"""The words of which kinds' schemas are made."""

from typing import Any

from tailsvc.objects.kinds import Schema


def text(description: str, **more: Any) -> Schema:
    return {"type": "string", "description": description, **more}


def flag(description: str) -> Schema:
    return {"type": "boolean", "description": description}


def integer(description: str) -> Schema:
    return {"type": "integer", "format": "int64", "description": description}


def time(description: str) -> Schema:
    """Printed in whole seconds."""
    return text(description, format="date-time")


def micro_time(description: str) -> Schema:
    """Printed in microseconds."""
    return text(description, format="date-time", **{"x-precision": "micro"})


def duration(description: str) -> Schema:
    """As Go writes durations: 1h30m, 1.5s."""
    return text(description, format="go-duration")


def list_of(items: Schema, description: str, **more: Any) -> Schema:
    """Replaced as a whole, unless `more` says otherwise."""
    return {"type": "array", "items": items, "description": description, "x-kubernetes-list-type": "atomic", **more}


def map_of(values: Schema, description: str) -> Schema:
    return {"type": "object", "additionalProperties": values, "description": description}


def record(description: str, *, required: tuple[str, ...] = (), **properties: Schema) -> Schema:
    """What is required is always printed, as null, zero or empty where nobody gave it; other members only if not
    empty."""
    found: Schema = {"type": "object", "description": description, "properties": properties}
    return {**found, "required": list(required)} if required else found
