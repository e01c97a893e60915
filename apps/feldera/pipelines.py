"""A stream as a pipeline. It takes lines whenever they come, so it always runs; it has no program."""

from typing import Any

from apps.accounts.errors import NotThere
from apps.feldera import errors
from apps.feldera.names import is_legal
from apps.streams.models import Stream
from apps.streams.services import find_named
from tailsvc.version import __version__

_STATUS = "Running"


def find_pipeline(name: str) -> Stream:
    """A live stream of the open scope's team."""
    try:
        return find_named(name)
    except NotThere as error:
        raise errors.unknown_pipeline(name) from error


def pipeline_name(stream: Stream) -> str:
    return stream.name if is_legal(stream.name) else stream.slug


def render_status(stream: Stream) -> dict[str, Any]:
    """What `selector=status` shows."""
    since = stream.created_at
    return {
        "id": stream.uuid,
        "name": pipeline_name(stream),
        "description": stream.description,
        "tags": [],
        "created_at": since,
        "version": 1,
        "platform_version": __version__,
        "program_version": 1,
        "program_status": "Success",
        "program_status_since": since,
        "deployment_status": _STATUS,
        "deployment_status_since": since,
        "deployment_desired_status": _STATUS,
        "deployment_desired_status_since": since,
        "deployment_resources_status": "Provisioned",
        "deployment_resources_status_since": since,
        "deployment_runtime_status": _STATUS,
        "deployment_runtime_status_since": since,
        "deployment_error": None,
        "storage_status": "InUse",
    }


def render_all(stream: Stream) -> dict[str, Any]:
    return {
        **render_status(stream),
        "runtime_config": {},
        "program_config": {},
        "program_code": "",
        "udf_rust": "",
        "udf_toml": "",
        "program_info": None,
        "program_error": None,
    }
