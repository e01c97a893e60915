"""One cluster's API: lists, watches and logs, as bytes and plain documents. Every failure is a ClusterError."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import aiohttp
import orjson
from aiohttp.abc import AbstractResolver, ResolveResult
from kubernetes_asyncio.client import ApiClient, Configuration
from kubernetes_asyncio.config import ConfigException, kube_config

from apps.clusters.addresses import is_off_limits

Document = dict[str, Any]

_CONNECT_SECONDS = 10.0
_LIST_SECONDS = 60.0
# Without an answer, or within one that is not followed: nobody is there any more. A connection may tell so never.
_SILENCE_SECONDS = 60.0
_PAGE = 500  # as kubectl asks
# Longer than a busy cluster stays silent, shorter than what middle boxes cut off.
WATCH_SECONDS = 240
# More than any pod has; etcd holds objects of up to 1.5 MiB.
_LINE_BYTES = 4 * 1024 * 1024
_ERROR_BYTES = 16 * 1024
# 500 objects of 64 KiB: pods of the largest clusters have a tenth of that.
_PAGE_BYTES = 32 * 1024 * 1024
# More pods than Kubernetes supports in one cluster on 200 nodes; events are kept for an hour.
_MOST_OBJECTS = 20_000
_PIECE_BYTES = 256 * 1024


class ClusterError(Exception):
    """`status` is 0 where there was no answer. `retry_after`: seconds that the cluster asks us to wait."""

    def __init__(self, message: str, status: int = 0, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after

    @property
    def is_gone(self) -> bool:
        """The version that was asked for is not kept any more."""
        return self.status == 410


@dataclass(frozen=True, slots=True)
class Wanted:
    """Of a container's log. `since` in whole seconds since 1970-01-01 UTC."""

    namespace: str
    pod: str
    container: str
    since: int | None = None
    previous: bool = False
    follow: bool = False

    @property
    def query(self) -> list[tuple[str, str]]:
        query = [("container", self.container), ("timestamps", "true")]
        if self.since is not None:
            query.append(("sinceTime", datetime.fromtimestamp(self.since, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")))
        return query + [(name, "true") for name in ("follow", "previous") if getattr(self, name)]


class ClusterApi:
    """Of one kubeconfig, within one event loop."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client

    @classmethod
    async def connect(cls, kubeconfig: Mapping[str, Any], *, anywhere: bool) -> "ClusterApi":
        """Opens no connection yet. `anywhere`: also to this machine and its neighbours. Raises ClusterError."""
        configuration = type.__call__(Configuration)
        try:
            await kube_config.KubeConfigLoader(config_dict=kubeconfig).load_and_set(configuration)
            session = _session(configuration, anywhere=anywhere)
            client = ApiClient(configuration=configuration)
        except (ConfigException, ssl.SSLError, OSError, ValueError) as error:
            raise ClusterError(f"the kubeconfig cannot be used: {error}") from error
        finally:
            kube_config._cleanup_temp_files()  # certificates and keys, which are read by now; else they stay for long
        unused, client.rest_client.pool_manager = client.rest_client.pool_manager, session
        await unused.close()
        return cls(client)

    async def close(self) -> None:
        await self._client.close()

    async def list_all(self, kind: str, namespace: str) -> tuple[list[Document], str]:
        """All of a kind ("pods", "events"), and their version."""
        found: list[Document] = []
        token = ""
        while True:
            query = [("limit", str(_PAGE)), *([("continue", token)] if token else [])]
            async with self._get(_path(kind, namespace), query, seconds=_LIST_SECONDS) as response:
                page = _parsed(await _whole(response))
            found += page.get("items") or ()
            metadata = page.get("metadata") or {}
            token = metadata.get("continue") or ""
            check_count(len(found), kind, namespace)
            if not token:
                return found, str(metadata.get("resourceVersion", ""))

    async def get(self, kind: str, namespace: str, name: str) -> Document:
        async with self._get(f"{_path(kind, namespace)}/{name}", [], seconds=_LIST_SECONDS) as response:
            return _parsed(await _whole(response))

    async def watch(self, kind: str, namespace: str, version: str) -> AsyncIterator[tuple[str, Document]]:
        """(type, object) of what happens behind a version, bookmarks included, until the cluster ends it."""
        query = [
            ("watch", "true"),
            ("resourceVersion", version),
            ("allowWatchBookmarks", "true"),
            ("timeoutSeconds", str(WATCH_SECONDS)),
        ]
        async with self._get(_path(kind, namespace), query, seconds=WATCH_SECONDS + 30) as response:
            async for line in _lines(response):
                event = _parsed(line)
                if event["type"] == "ERROR":
                    raise _refused(event["object"].get("code") or 0, event["object"], {})
                yield event["type"], event["object"]

    @asynccontextmanager
    async def log(self, wanted: Wanted) -> AsyncIterator[AsyncIterator[bytes]]:
        path = f"{_path('pods', wanted.namespace)}/{wanted.pod}/log"
        async with self._get(path, wanted.query, silence=None if wanted.follow else _SILENCE_SECONDS) as response:
            yield _pieces(response)

    @asynccontextmanager
    async def _get(
        self, path: str, query: list[tuple[str, str]], *, seconds: float | None = None, silence: float | None = None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        timeout = aiohttp.ClientTimeout(total=seconds, sock_connect=_CONNECT_SECONDS, sock_read=silence)
        try:
            async with asyncio.timeout(_SILENCE_SECONDS):
                response: aiohttp.ClientResponse = await self._client.call_api(
                    path, "GET", query_params=query, header_params={"Accept": "application/json, */*"},
                    auth_settings=["BearerToken"], _preload_content=False, _request_timeout=timeout,
                )  # fmt: skip
            async with response:
                if response.status != 200:
                    body = await response.content.read(_ERROR_BYTES)
                    raise _refused(response.status, _said(body), response.headers)
                yield response
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise ClusterError(_why(error)) from error


def check_count(count: int, kind: str, namespace: str) -> None:
    """That somebody may keep so many objects. Raises ClusterError."""
    if count > _MOST_OBJECTS:
        raise ClusterError(f"there are more than {_MOST_OBJECTS} {kind} in the namespace {namespace}")


def _path(kind: str, namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/{kind}"


def _why(error: BaseException) -> str:
    return (
        "the cluster did not answer in time" if isinstance(error, asyncio.TimeoutError) else str(error) or repr(error)
    )


def _parsed(text: bytes) -> Document:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ClusterError("the cluster answered something that is no JSON") from error
    if not isinstance(found, dict):
        raise ClusterError("the cluster answered something that is no object")
    return found


def _said(body: bytes) -> Document:
    """A metav1.Status; whatever else answers there is not repeated to anybody."""
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) and found.get("kind") == "Status" else {}


def _refused(code: int, status: Document, headers: Mapping[str, str]) -> ClusterError:
    told = str(headers.get("Retry-After", "")) or str((status.get("details") or {}).get("retryAfterSeconds") or "")
    retry_after = float(told) if told.isdigit() else 0.0
    message = str(status.get("message") or f"the cluster answered {code}")[:1000]
    return ClusterError(message, int(code), min(retry_after, 300.0))


async def _whole(response: aiohttp.ClientResponse) -> bytes:
    found = bytearray()
    async for piece in _pieces(response):
        found += piece
        if len(found) > _PAGE_BYTES:
            raise ClusterError(f"the cluster's answer has more than {_PAGE_BYTES} bytes")
    return bytes(found)


async def _pieces(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    try:
        while piece := await response.content.readany():
            yield piece
    except (TimeoutError, aiohttp.ClientError, OSError) as error:
        raise ClusterError(_why(error)) from error


async def _lines(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    rest: list[bytes] = []
    size = 0
    async for piece in _pieces(response):
        *whole, last = piece.split(b"\n")
        for line in whole:
            yield b"".join([*rest, line])
            rest, size = [], 0
        rest.append(last)
        size += len(last)
        if size > _LINE_BYTES:
            raise ClusterError(f"the cluster sent an object of more than {_LINE_BYTES} bytes")


def _session(configuration: Configuration, *, anywhere: bool) -> aiohttp.ClientSession:
    """Without a limit of connections: each log that is followed has its own."""
    context = ssl.create_default_context(cafile=configuration.ssl_ca_cert)
    # Clusters' own authorities are older than Python's wish for every extension of RFC 5280.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if configuration.cert_file:
        context.load_cert_chain(configuration.cert_file, configuration.key_file)
    if not configuration.verify_ssl:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    resolver = None if anywhere else _PublicResolver()
    connector = aiohttp.TCPConnector(limit=0, ssl=context, resolver=resolver)
    return aiohttp.ClientSession(
        connector=connector, read_bufsize=_PIECE_BYTES, middlewares=() if anywhere else (_only_public,)
    )


async def _only_public(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Names are looked at when they are resolved; an address that stands in the URL is not."""
    if is_off_limits(request.url.host or ""):
        raise ClusterError("the cluster's address is not allowed")
    response = await handler(request)
    if 300 <= response.status < 400:
        response.close()
        raise ClusterError("the cluster sent us elsewhere, which no cluster does")
    return response


class _PublicResolver(AbstractResolver):
    def __init__(self) -> None:
        self._system = aiohttp.ThreadedResolver()

    async def resolve(self, host: str, port: int = 0, family: Any = 0) -> list[ResolveResult]:
        found = await self._system.resolve(host, port, family)
        public = [one for one in found if not is_off_limits(one["host"])]
        if not public:
            raise OSError("the cluster's address is not allowed")
        return public

    async def close(self) -> None:
        await self._system.close()
