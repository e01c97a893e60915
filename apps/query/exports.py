"""Everything that a question selects, as NDJSON, page by page.

Between two pages nothing is held: no transaction, no thread, and no more than the page that is being sent. The first
page is read before the answer begins, so that what can be refused is refused, and what is known to be unreadable is
counted in a header. Whatever goes wrong later breaks the connection, so that nobody takes a part for the whole. So does
a piece that turns out to be unreadable on the way, and the end of the caller's rights.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import orjson
import structlog

from apps.accounts.callers import Caller
from apps.engine import store
from apps.http import metrics
from apps.http.streaming import PIECE_BYTES
from apps.query import walks
from apps.query.questions import Question
from apps.query.rendering import render_event
from apps.query.walks import Asked, Walk
from apps.tail.ends import Ended, Interruption
from apps.tail.following import following
from tailsvc import limits
from tailsvc.errors import BrokenSegment, CursorExpired
from tailsvc.queries import Direction, Incomplete, Page, Position, Scan
from tailsvc.storage.base import StreamRef

FIRST_PAGE_EVENTS = 500
PAGE_EVENTS = 2_000
# Later pages are cut so that they have about this length: lines may be of any size.
PAGE_BYTES = 4 * limits.MIB
_LARGEST_ID = 2**63 - 1
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Piece:
    """A page as text; `following` reads the next one, None at the end."""

    lines: bytes
    following: Scan | None
    incomplete: Incomplete


@dataclass(frozen=True, slots=True)
class Export:
    stream: StreamRef
    epoch: UUID
    cursor: str  # of the place where it begins
    first: Piece

    @property
    def headers(self) -> dict[str, str]:
        """What is told before the first line, to whomever it is sent."""
        told = {"X-Export-Cursor": self.cursor}
        if self.first.incomplete:
            told["X-Export-Incomplete"] = str(len(self.first.incomplete))
        return told


def begin(stream: Asked, question: Question, *, after: Position | None, now: datetime) -> Export:
    """Reads the first page, behind `after` if that is given. Raises the engine's errors."""
    walk = _walk(stream, question, now)
    head = store().head(stream.ref)
    walk.require_epoch(head)
    selection = walk.selection if walk.cursor else replace(walk.selection, as_of=head.last_id)
    # Also behind retention's edge: the events between are gone for the walk that was broken off, too.
    place = after or walk.after or _start_of(walk)
    first = _read(stream.ref, head.epoch, Scan(selection, FIRST_PAGE_EVENTS, walk.direction, place))
    return Export(stream.ref, head.epoch, walks.cursor_text(stream, walk, place, head), first)


async def lines(export: Export, caller: Caller) -> AsyncIterator[bytes]:
    """A client that hangs up ends it where it waits: here, or at the `yield`."""
    interruption = Interruption()
    with following().looked_on(caller, export.stream, interruption):
        try:
            async for text in _pages(export):
                for start in range(0, len(text), PIECE_BYTES):
                    interruption.check()
                    yield text[start : start + PIECE_BYTES]
        except Ended as reason:
            _log.info("export ended", stream=export.stream.stream_id, reason=reason.reason)
            raise
        except Exception as error:
            _log.error("export broken off", stream=export.stream.stream_id, error=repr(error))
            raise


async def _pages(export: Export) -> AsyncIterator[bytes]:
    """Raises BrokenSegment where a later page lacks more than was told at the beginning."""
    piece, told = export.first, frozenset(export.first.incomplete)
    if told:
        _log.warning("export is incomplete", stream=export.stream.stream_id, missing=sorted(told))
    while True:
        yield piece.lines
        if piece.following is None:
            return
        piece = await asyncio.to_thread(_read, export.stream, export.epoch, piece.following)
        if untold := [missing for missing in piece.incomplete if missing not in told]:
            raise BrokenSegment("; ".join(untold))


def _walk(stream: Asked, question: Question, now: datetime) -> Walk:
    if question.cursor is not None:
        return walks.resume(stream, question, now=now)
    return walks.begin(stream, replace(question, direction=question.direction or Direction.OLDEST_FIRST), now=now)


def _start_of(walk: Walk) -> Position:
    """Before the first event."""
    if walk.direction is Direction.OLDEST_FIRST:
        return Position(walk.selection.start or 0, 0)
    return Position(limits.LATEST_MICROS, _LARGEST_ID)


def _read(stream: StreamRef, epoch: UUID, scan: Scan) -> Piece:
    with metrics.QUERY_SECONDS.labels("export").time():
        page = store().scan(stream, scan)
    if page.head is not None and page.head.epoch != epoch:
        raise CursorExpired("The stream was restored during the export; start again.")
    text = b"".join(orjson.dumps(render_event(one), option=orjson.OPT_APPEND_NEWLINE) for one in page.events)
    return Piece(text, _following(scan, page, len(text)), page.incomplete)


def _following(scan: Scan, page: Page, size: int) -> Scan | None:
    if not page.has_more:
        return None
    last = page.events[-1]
    fitting = PAGE_BYTES * len(page.events) // max(1, size)
    return replace(scan, after=Position(last.event.timestamp, last.id), limit=max(1, min(PAGE_EVENTS, fitting)))
