"""Get, list and watch, as kube-apiserver answers them from its watch cache."""

import base64
import time
from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web

from tests.cluster.faults import Faults
from tests.cluster.history import Change, History, Key, Object
from tests.cluster.selecting import Selects, selector
from tests.cluster.statuses import Refusal, bad_request, expired, invalid, json_response, not_found, too_large
from tests.cluster.streams import Ended, Stream, serve

KINDS = {"pods": "Pod", "events": "Event", "namespaces": "Namespace"}
BOOKMARK_SECONDS = 60.0
# A server closes watches by itself after some time; clients ask for 5 to 10 minutes.
LONGEST_WATCH_SECONDS = 1800.0


async def read(
    request: web.Request, history: History, faults: Faults, resource: str, namespace: str | None
) -> web.StreamResponse:
    """A list or a watch. Raises Refusal."""
    query = request.query
    selects = selector(resource, query.get("fieldSelector", ""), query.get("labelSelector", ""))
    if query.get("watch", "").lower() not in {"", "0", "false"}:
        return await _watch(request, history, faults, resource, _Within(namespace, selects))
    return json_response(_list(query, history, resource, _Within(namespace, selects)))


def get(history: History, resource: str, key: Key) -> web.Response:
    """Raises Refusal."""
    _, objects = history.now(resource)
    if key not in objects:
        raise not_found(resource, key[1])
    return json_response({"kind": KINDS[resource], "apiVersion": "v1", **objects[key]})


class _Within:
    """Of a namespace, or all, what is selected."""

    def __init__(self, namespace: str | None, selects: Selects) -> None:
        self._namespace, self._selects = namespace, selects

    def __call__(self, key: Key, obj: Object | None) -> bool:
        return obj is not None and self._namespace in {None, key[0]} and self._selects(obj)


def _list(query: Mapping[str, str], history: History, resource: str, within: _Within) -> Object:
    limit, token = int(query.get("limit") or 0), query.get("continue", "")
    if query.get("resourceVersionMatch") and not query.get("resourceVersion"):
        raise invalid(
            "ListOptions",
            "",
            "resourceVersionMatch",
            "Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided",
        )
    version, _ = history.now(resource)
    after: tuple[str, ...] = ()
    if token:
        asked, *after_parts = orjson.loads(base64.urlsafe_b64decode(token))
        version, after = asked, tuple(after_parts)
    elif asked := _version(query.get("resourceVersion", "")):
        if asked > version:
            raise too_large(asked, version)
        version = asked if query.get("resourceVersionMatch") == "Exact" else version
    if version < history.oldest:
        raise expired(version, history.oldest)
    found = sorted((key, obj) for key, obj in history.at(resource, version).items() if key > after and within(key, obj))
    page = found[:limit] if limit else found
    meta: Object = {"resourceVersion": str(version)}
    if len(page) < len(found):
        meta["continue"] = base64.urlsafe_b64encode(orjson.dumps([version, *page[-1][0]])).decode()
        meta["remainingItemCount"] = len(found) - len(page)
    return {"kind": f"{KINDS[resource]}List", "apiVersion": "v1", "metadata": meta, "items": [obj for _, obj in page]}


async def _watch(
    request: web.Request, history: History, faults: Faults, resource: str, within: _Within
) -> web.StreamResponse:
    asked = _version(request.query.get("resourceVersion", ""))
    initial = request.query.get("sendInitialEvents", "").lower() in {"1", "true"}
    if initial and request.query.get("resourceVersionMatch") != "NotOlderThan":
        raise invalid(
            "ListOptions",
            "",
            "resourceVersionMatch",
            "Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
        )
    seconds = float(request.query.get("timeoutSeconds") or LONGEST_WATCH_SECONDS)

    async def say(stream: Stream) -> None:
        watch = _Watch(stream, history, faults, resource, within)
        try:
            await watch.begin(asked, initial=initial)
            await watch.go_on(seconds, bookmarks=request.query.get("allowWatchBookmarks", "") == "true")
        except Refusal as refusal:
            await watch.tell("ERROR", refusal.status)
        except Ended as ended:
            if ended.how != "expire":
                raise
            stream.connection.cut = None
            await watch.tell("ERROR", expired(asked, history.version).status)

    return await serve(request, faults, "watch", history.bell, "application/json", say)


class _Watch:
    def __init__(self, stream: Stream, history: History, faults: Faults, resource: str, within: _Within) -> None:
        self._stream, self._history, self._faults = stream, history, faults
        self._resource, self._within = resource, within
        self._version = 0

    async def begin(self, asked: int, *, initial: bool) -> None:
        """Raises Refusal: it is told within the stream."""
        version, objects = self._history.now(self._resource)
        self._version = asked or version
        if asked > version:
            raise too_large(asked, version)
        if asked and not initial:
            if asked < self._history.oldest:
                raise expired(asked, self._history.oldest)
            return
        self._version = version
        for key, obj in sorted(objects.items()):
            if self._within(key, obj):
                await self.tell("ADDED", obj)
        if initial:
            await self._bookmark({"k8s.io/initial-events-end": "true"})

    async def go_on(self, seconds: float, *, bookmarks: bool) -> None:
        deadline = time.monotonic() + seconds
        next_bookmark = time.monotonic() + min(BOOKMARK_SECONDS, max(0.0, seconds - 2))
        while (now := time.monotonic()) < deadline:
            self._stream.connection.event.clear()
            version, changes = self._history.since(self._resource, self._version)
            if changes and self._faults.watch_delay:
                await self._sleep(self._faults.watch_delay)
            for change in changes:
                await self._change(change)
            self._version = version
            if bookmarks and now >= next_bookmark:
                await self._bookmark({})
                next_bookmark = now + BOOKMARK_SECONDS
            if not changes:
                await self._stream.wait(max(0.0, min(deadline, next_bookmark if bookmarks else deadline) - now))

    async def _sleep(self, seconds: float) -> None:
        """Cut short by a cut only."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._stream.connection.event.clear()
            await self._stream.wait(left)

    async def _change(self, change: Change) -> None:
        was, is_ = self._within(change.key, change.before), self._within(change.key, change.after)
        if is_ and change.after is not None:
            kind, obj = ("MODIFIED" if was else "ADDED"), change.after
        elif was and change.before is not None:
            metadata = {**change.before["metadata"], "resourceVersion": str(change.version)}
            kind, obj = "DELETED", {**change.before, "metadata": metadata}
        else:
            return
        await self.tell(kind, obj)
        if self._faults.random.random() < self._faults.watch_repeats:
            await self.tell(kind, obj)

    async def _bookmark(self, annotations: Mapping[str, str]) -> None:
        metadata: Object = {"resourceVersion": str(self._version), "creationTimestamp": None}
        if annotations:
            metadata["annotations"] = dict(annotations)
        await self.tell("BOOKMARK", {"metadata": metadata, "spec": {"containers": None}, "status": {}})

    async def tell(self, kind: str, obj: Object) -> None:
        named: dict[str, Any] = {} if "kind" in obj else {"kind": KINDS[self._resource], "apiVersion": "v1"}
        await self._stream.send(orjson.dumps({"type": kind, "object": {**named, **obj}}) + b"\n")


def _version(text: str) -> int:
    """0 for any. Raises Refusal."""
    if text and not text.isdecimal():
        raise bad_request(f'Invalid value: "{text}": strconv.ParseUint: parsing "{text}": invalid syntax')
    return int(text or 0)
