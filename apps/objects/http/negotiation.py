"""What a client wants to be answered with, and what it sent."""

from dataclasses import dataclass, field
from typing import Literal

from tailsvc.objects.statuses import not_acceptable, unsupported_media_type

JSON, YAML = "application/json", "application/yaml"
_OFFERED = {"*/*": JSON, "application/*": JSON, JSON: JSON, YAML: YAML, "application/x-yaml": YAML, "text/yaml": YAML}
_GROUP, _VERSION = "meta.k8s.io", "v1"
Form = Literal["object", "table", "partial"]
_FORMS: dict[str, Form] = {"Table": "table", "PartialObjectMetadata": "partial", "PartialObjectMetadataList": "partial"}


@dataclass(frozen=True, slots=True)
class Wanted:
    media: str = JSON
    form: Form = "object"


@dataclass(frozen=True, slots=True)
class MediaType:
    name: str
    params: dict[str, str] = field(default_factory=dict)


def media_types(header: str) -> list[MediaType]:
    """The most wanted first."""
    found = [_media_type(part) for part in header.split(",") if part.strip()]
    return sorted(found, key=lambda one: -_quality(one))


def negotiate(accept: str, *, offered: tuple[str, ...] = (JSON, YAML)) -> Wanted:
    """Raises ApiError 406."""
    for one in media_types(accept or "*/*"):
        media, form = _OFFERED.get(one.name), _form(one)
        if media in offered and form is not None and _quality(one) > 0:
            return Wanted(media, form)
    raise not_acceptable(offered)


def is_yaml(content_type: str) -> bool:
    """Whether a body is YAML; else it is JSON. Raises ApiError 415."""
    name = _media_type(content_type).name or JSON
    if name not in _OFFERED or "*" in name:
        raise unsupported_media_type((JSON, YAML))
    return _OFFERED[name] == YAML


def _form(wanted: MediaType) -> Form | None:
    """None for one that we have not got."""
    name = wanted.params.get("as")
    if name is None:
        return "object"
    if (wanted.params.get("g"), wanted.params.get("v")) != (_GROUP, _VERSION):
        return None
    return _FORMS.get(name)


def _media_type(text: str) -> MediaType:
    name, *params = (part.strip() for part in text.split(";"))
    return MediaType(
        name.lower(), {key.strip(): value.strip() for key, _, value in (one.partition("=") for one in params)}
    )


def _quality(wanted: MediaType) -> float:
    try:
        return float(wanted.params.get("q", "1"))
    except ValueError:
        return 0.0
