"""`?watch=true`: one event a line, for as long as the client likes, or until its time is over."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain

import orjson

from apps.accounts.scope import team_scope
from apps.http.streaming import Reply
from apps.objects import computed, services
from apps.objects.history import Change, standing
from apps.objects.http.asking import WatchQuestion, read_watch
from apps.objects.http.refusals import refusal
from apps.objects.http.rendering import Shape
from apps.objects.http.verbs import Asked
from apps.objects.models import ADDED, DELETED, MODIFIED
from apps.objects.services import Listed
from apps.objects.watching import Watcher, in_thread, watcher
from apps.tail.ends import ClientGone, Ended, ServerStopping
from apps.tail.serving import serve_pieces
from tailsvc.objects.kinds import API_VERSION, Document, Kind
from tailsvc.objects.selectors import Selection
from tailsvc.objects.statuses import ApiError, expired

BOOKMARK_SECONDS = 60.0
# Who says nothing of it is sent away after a while, and not all at once.
_TIMEOUTS = (1800.0, 3600.0)
_INITIAL_END = {"k8s.io/initial-events-end": "true"}
CONTENT_TYPE = b"application/json"


async def watch(asked: Asked, reply: Reply, headers: dict[str, str]) -> None:
    """Raises what is told before the answer begins."""
    question = read_watch(asked.query)
    await in_thread(lambda: computed.refresh(asked.kind.plural, asked.caller.team_id))
    try:
        listed = await in_thread(lambda: _begin(asked, question))
    except ApiError as error:
        if error.code != 410:
            raise
        await reply.start(CONTENT_TYPE, headers)  # Kubernetes' way: an event in an answer that went well
        await reply.finish(_line("ERROR", error.status))
        return
    async with watcher(asked.caller, asked.kind, listed.version) as found:
        reply.on_gone = lambda: found.end(ClientGone())
        await reply.start(CONTENT_TYPE, headers)
        await serve_pieces(reply, _pieces(found, asked, question, listed), _end)


def _begin(asked: Asked, question: WatchQuestion) -> Listed:
    """Where it begins, with the objects that are told first."""
    with team_scope(asked.caller.team_id):
        if question.version is not None:
            standing().require(question.version)
            return Listed([], question.version, "")
        if question.at_least and question.at_least > standing().version:
            standing().require(question.at_least)
        return services.list_page(asked.kind, question.selection)


async def _pieces(found: Watcher, asked: Asked, question: WatchQuestion, listed: Listed) -> AsyncIterator[bytes]:
    loop = asyncio.get_running_loop()
    end = loop.time() + (question.timeout or random.uniform(*_TIMEOUTS))
    shape = asked.shape
    yield b"".join(_object_line(ADDED, asked.kind, one, shape) for one in listed.documents)
    if question.marks_initial:
        yield _bookmark(asked.kind, listed.version, shape, _INITIAL_END)
    try:
        while (left := end - loop.time()) > 0:
            news = await found.next(min(left, BOOKMARK_SECONDS))
            if news is not None:
                shape = replace(shape, now=datetime.now(UTC))
                told = (events(change, question.selection) for change in news.changes)
                yield b"".join(_object_line(type_, asked.kind, one, shape) for type_, one in chain.from_iterable(told))
            elif question.bookmarks and end > loop.time():
                yield _bookmark(asked.kind, found.after, shape)
        if question.bookmarks:
            yield _bookmark(asked.kind, found.after, shape)
    except ApiError as error:
        yield _line("ERROR", error.status)


def events(change: Change, selection: Selection) -> Iterator[tuple[str, Document]]:
    """What a change is for somebody who sees a part only: coming in is ADDED, leaving it is DELETED."""
    was = change.before is not None and selection.admits(change.before)
    is_ = change.type != DELETED and selection.admits(change.document)
    if is_:
        yield MODIFIED if was else ADDED, change.document
    elif was and change.type == DELETED:
        yield DELETED, change.document
    elif was and change.before is not None:
        metadata = {**change.before["metadata"], "resourceVersion": str(change.version)}
        yield DELETED, {**change.before, "metadata": metadata}


def _object_line(type_: str, kind: Kind, document: Document, shape: Shape) -> bytes:
    return _line(type_, shape.one(kind, document))


def _bookmark(kind: Kind, version: int, shape: Shape, annotations: Document | None = None) -> bytes:
    metadata: Document = {"resourceVersion": str(version), "creationTimestamp": None}
    if annotations:
        metadata["annotations"] = annotations
    if shape.wanted.form == "table":
        rows: list[Document] = [{"cells": [], "object": _marked(kind, metadata)}] if annotations else []
        return _line("BOOKMARK", {"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata, "rows": rows})
    return _line("BOOKMARK", _marked(kind, metadata))


def _marked(kind: Kind, metadata: Document) -> Document:
    return {"kind": kind.kind, "apiVersion": API_VERSION, "metadata": metadata}


def _line(type_: str, document: Document) -> bytes:
    return orjson.dumps({"type": type_, "object": document}) + b"\n"


def _end(reason: Ended) -> bytes:
    """A watch may end at any time; who lost the right to it is told why."""
    if isinstance(reason, ServerStopping):
        return b"\n"
    return _line("ERROR", refusal(reason).status if not isinstance(reason, Ended) else expired(str(reason)).status)
