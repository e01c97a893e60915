"""The reference store: what the others are compared with, and the double for tests that need no database."""

import threading
from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from tailsvc.errors import KeyReused, UnknownStream
from tailsvc.events import StoredEvent
from tailsvc.filters import matches
from tailsvc.queries import Direction, Head, Page, Position, Scan, Selection
from tailsvc.storage.base import Appended, Batch, KeptRejection, Outcome, Replayed, RetryKey, StreamRef


@dataclass
class _Stream:
    epoch: UUID = field(default_factory=uuid4)
    last_id: int = 0
    bytes: int = 0
    appended_at: int | None = None
    order: list[Position] = field(default_factory=list)
    events: dict[int, StoredEvent] = field(default_factory=dict)
    keys: dict[str, tuple[RetryKey, int]] = field(default_factory=dict)
    rejections: list[KeptRejection] = field(default_factory=list)

    def head(self) -> Head:
        return Head(self.epoch, self.last_id, self.bytes, self.appended_at)


class MemoryEventStore:
    def __init__(self) -> None:
        self._streams: dict[StreamRef, _Stream] = {}
        self._lock = threading.RLock()

    def open(self, stream: StreamRef) -> None:
        with self._lock:
            self._streams.setdefault(stream, _Stream())

    def append(self, stream: StreamRef, batches: Sequence[Batch], *, now: int) -> list[Outcome]:
        with self._lock:
            return [self._append(self._of(stream), batch, now) for batch in batches]

    def replay(self, stream: StreamRef, key: RetryKey) -> Replayed | KeyReused | None:
        with self._lock:
            return _replay(self._of(stream), key)

    def head(self, stream: StreamRef) -> Head:
        with self._lock:
            return self._of(stream).head()

    def heads(self, streams: Sequence[StreamRef]) -> dict[int, Head]:
        with self._lock:
            return {ref.stream_id: self._streams[ref].head() for ref in streams if ref in self._streams}

    def scan(self, stream: StreamRef, scan: Scan) -> Page:
        with self._lock:
            kept = self._of(stream)
            found: list[StoredEvent] = []
            for stored in self._walk(kept, scan):
                if len(found) == scan.limit:
                    return Page(found, has_more=True, head=kept.head())
                found.append(stored)
            return Page(found, has_more=False, head=kept.head() if found else None)

    def count(self, stream: StreamRef, selection: Selection) -> int:
        with self._lock:
            kept = self._of(stream)
            return sum(_selected(kept.events[position.id], selection) for position in kept.order)

    def get(self, stream: StreamRef, event_id: int) -> StoredEvent | None:
        with self._lock:
            return self._of(stream).events.get(event_id)

    def rejections(self, stream: StreamRef, *, limit: int, before: int | None = None) -> list[KeptRejection]:
        with self._lock:
            newest = reversed(self._of(stream).rejections)
            return [one for one in newest if before is None or one.id < before][:limit]

    def drop_before(self, stream: StreamRef, edge: int, *, limit: int) -> int:
        with self._lock:
            kept = self._of(stream)
            gone = kept.order[: min(limit, bisect_left(kept.order, Position(edge, 0)))]
            del kept.order[: len(gone)]
            for position in gone:
                del kept.events[position.id]
            return len(gone)

    def purge(self, stream: StreamRef, *, limit: int) -> bool:
        with self._lock:
            kept = self._streams.get(stream)
            if kept is None:
                return True
            gone, kept.order = kept.order[:limit], kept.order[limit:]
            for position in gone:
                del kept.events[position.id]
            if not kept.order:
                del self._streams[stream]
            return not kept.order

    def forget_before(self, stream: StreamRef, *, keys: int, rejections: int) -> int:
        with self._lock:
            kept = self._of(stream)
            before = len(kept.keys) + len(kept.rejections)
            kept.keys = {text: kept_key for text, kept_key in kept.keys.items() if kept_key[1] >= keys}
            kept.rejections = [one for one in kept.rejections if one.at >= rejections]
            return before - len(kept.keys) - len(kept.rejections)

    def _of(self, stream: StreamRef) -> _Stream:
        kept = self._streams.get(stream)
        if kept is None:
            raise UnknownStream("There is no such stream.")
        return kept

    def _append(self, kept: _Stream, batch: Batch, now: int) -> Outcome:
        if batch.key is not None:
            earlier = _replay(kept, batch.key)
            if earlier is not None:
                return earlier
            kept.keys[batch.key.text] = (batch.key, now)
        first = kept.last_id + 1
        for id_, event in enumerate(batch.events, first):
            insort(kept.order, Position(event.timestamp, id_))
            kept.events[id_] = StoredEvent(id_, event)
        kept.last_id += len(batch.events)
        kept.bytes += sum(len(event.raw) for event in batch.events)
        kept.appended_at = now
        for refused in batch.rejections:
            kept.rejections.append(KeptRejection(len(kept.rejections) + 1, now, *refused))
        return Appended(first if batch.events else 0)

    def _walk(self, kept: _Stream, scan: Scan) -> Iterator[StoredEvent]:
        newest_first = scan.direction is Direction.NEWEST_FIRST
        for position in reversed(kept.order) if newest_first else kept.order:
            if scan.after is not None and (position >= scan.after if newest_first else position <= scan.after):
                continue
            if _selected(kept.events[position.id], scan.selection):
                yield kept.events[position.id]


def _selected(stored: StoredEvent, selection: Selection) -> bool:
    if selection.as_of is not None and stored.id > selection.as_of:
        return False
    if selection.start is not None and stored.event.timestamp < selection.start:
        return False
    if selection.end is not None and stored.event.timestamp > selection.end:
        return False
    return matches(selection.filter, stored.event)


def _replay(kept: _Stream, key: RetryKey) -> Replayed | KeyReused | None:
    earlier = kept.keys.get(key.text)
    if earlier is None:
        return None
    if earlier[0].body_hash != key.body_hash:
        return KeyReused("This idempotency key came before with another body.")
    return Replayed(earlier[0].answer)
