"""What there is: versions, groups, resources, schemas."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import orjson

from apps.objects.http.negotiation import JSON, YAML, MediaType, media_types
from tailsvc.objects import discovery, openapi, openapi_protobuf
from tailsvc.objects.bodies import print_yaml
from tailsvc.objects.catalogue import KINDS
from tailsvc.objects.kinds import API_VERSION, GROUP, VERSION, Document
from tailsvc.objects.statuses import not_acceptable
from tailsvc.version import __version__

_V3_PATH = f"apis/{GROUP}/{VERSION}"


@dataclass(frozen=True, slots=True)
class About:
    body: bytes
    content_type: str

    @property
    def etag(self) -> str:
        return f'"{hashlib.sha256(self.body).hexdigest()[:32].upper()}"'


Tell = Callable[[list[MediaType]], About]


def version(wanted: list[MediaType]) -> About:
    return _plain(discovery.version(__version__), wanted)


def groups(wanted: list[MediaType]) -> About:
    """All in one answer, for who knows that form."""
    for one in wanted:
        form = (one.params.get("g"), one.params.get("as"))
        if form == ("apidiscovery.k8s.io", "APIGroupDiscoveryList"):
            if one.params.get("v") in discovery.AGGREGATED_VERSIONS:
                return _aggregated(one.params["v"])
        elif one.name in {JSON, "*/*", "application/*", YAML}:
            break
    return _plain(discovery.group_list(), wanted)


def group(wanted: list[MediaType]) -> About:
    return _plain(discovery.group(), wanted)


def resources(wanted: list[MediaType]) -> About:
    return _plain(discovery.resource_list(KINDS.values()), wanted)


def openapi_v2(wanted: list[MediaType]) -> About:
    for one in wanted:
        if one.name == openapi_protobuf.CONTENT_TYPE:
            return About(_v2_protobuf(), "application/octet-stream")
        if one.name in {JSON, "*/*", "application/*"}:
            return About(orjson.dumps(_v2()), JSON)
    raise not_acceptable((JSON, openapi_protobuf.CONTENT_TYPE))


def openapi_v3(wanted: list[MediaType]) -> About:
    state = hashlib.sha256(_v3()).hexdigest()[:32].upper()
    index = {"paths": {_V3_PATH: {"serverRelativeURL": f"/openapi/v3/{_V3_PATH}?hash={state}"}}}
    return _plain(index, wanted)


def openapi_v3_group(wanted: list[MediaType]) -> About:
    _require_json(wanted)
    return About(_v3(), JSON)


ROUTES: dict[str, Tell] = {
    "apis": groups,
    f"apis/{GROUP}": group,
    f"apis/{API_VERSION}": resources,
    "openapi/v2": openapi_v2,
    "openapi/v3": openapi_v3,
    f"openapi/v3/{_V3_PATH}": openapi_v3_group,
}


def read_accept(header: str) -> list[MediaType]:
    return media_types(header or "*/*")


def _plain(document: Document, wanted: list[MediaType]) -> About:
    for one in wanted:
        if one.name in {JSON, "*/*", "application/*"} and "as" not in one.params:
            return About(orjson.dumps(document) + b"\n", JSON)
        if one.name == YAML:
            return About(print_yaml(document), YAML)
    raise not_acceptable((JSON, YAML))


def _require_json(wanted: list[MediaType]) -> None:
    if not {one.name for one in wanted} & {JSON, "*/*", "application/*"}:
        raise not_acceptable((JSON,))


@cache
def _aggregated(version: str) -> About:
    body = orjson.dumps(discovery.aggregated(KINDS.values(), version))
    return About(body, f"{JSON};g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList")


@cache
def _v2() -> Document:
    return openapi.document_v2(list(KINDS.values()), __version__)


@cache
def _v2_protobuf() -> bytes:
    return openapi_protobuf.encode(_v2())


@cache
def _v3() -> bytes:
    return orjson.dumps(openapi.document_v3(list(KINDS.values()), __version__))
