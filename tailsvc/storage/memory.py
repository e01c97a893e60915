"""The reference store: what the others are compared with, and the double for tests that need no database."""

import threading
from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from tailsvc import limits
from tailsvc.errors import KeyReused, PositionMoved, UnknownStream
from tailsvc.events import StoredEvent, by_name
from tailsvc.facets import facet_text, top
from tailsvc.filters import matches, value_of
from tailsvc.queries import Direction, Facets, Head, Histogram, Page, Position, Scan, Selection, Split
from tailsvc.storage.base import (
    Appended,
    Batch,
    KeptRejection,
    Outcome,
    Progress,
    Replayed,
    RetryKey,
    StreamRef,
    StreamSize,
    Tip,
)
from tailsvc.storage.stretch import Stretch


@dataclass
class _Stream:
    epoch: UUID = field(default_factory=uuid4)
    last_id: int = 0
    bytes: int = 0
    appended_at: int | None = None
    lines: int = 0
    order: list[Position] = field(default_factory=list)
    events: dict[int, StoredEvent] = field(default_factory=dict)
    keys: dict[str, tuple[RetryKey, int]] = field(default_factory=dict)
    rejections: list[KeptRejection] = field(default_factory=list)
    positions: dict[str, str] = field(default_factory=dict)

    def head(self) -> Head:
        return Head(self.epoch, self.last_id, self.bytes, self.appended_at, self.lines)


class MemoryEventStore:
    def __init__(self) -> None:
        self._streams: dict[StreamRef, _Stream] = {}
        self._lock = threading.RLock()

    def open(self, stream: StreamRef) -> None:
        with self._lock:
            self._streams.setdefault(stream, _Stream())

    def append(self, stream: StreamRef, batches: Sequence[Batch], *, now: int) -> list[Outcome]:
        with self._lock:
            kept = self._of(stream)
            kept.positions = _advanced(kept.positions, batches)
            return [self._append(kept, batch, now) for batch in batches]

    def replay(self, stream: StreamRef, key: RetryKey) -> Replayed | KeyReused | None:
        with self._lock:
            return _replay(self._of(stream), key)

    def positions(self, stream: StreamRef) -> dict[str, str]:
        with self._lock:
            return dict(self._of(stream).positions)

    def sources(self, team_id: int) -> list[tuple[StreamRef, str]]:
        with self._lock:
            ours = [(stream, kept) for stream, kept in self._streams.items() if stream.team_id == team_id]
            return [(stream, source) for stream, kept in ours for source in kept.positions]

    def forget_positions(self, stream: StreamRef, sources: Sequence[str]) -> None:
        with self._lock:
            for source in sources:
                self._of(stream).positions.pop(source, None)

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
            size = 0
            for stored in self._walk(kept, scan):
                if len(found) == scan.limit or size >= limits.READ_BYTES:
                    return Page(found, has_more=True, head=kept.head())
                found.append(stored)
                size += len(stored.event.raw)
            return Page(found, has_more=False, head=kept.head() if found else None)

    def count(self, stream: StreamRef, selection: Selection) -> int:
        with self._lock:
            return len(self._all(stream, selection))

    def get(self, stream: StreamRef, event_id: int) -> StoredEvent | None:
        with self._lock:
            return self._of(stream).events.get(event_id)

    def stretch(
        self, stream: StreamRef, after: int, *, most: int, upto: int | None = None, start: int | None = None
    ) -> Stretch:
        with self._lock:
            kept = self._of(stream)
            last = max(after, min(after + most, kept.last_id, kept.last_id if upto is None else upto))
            found = (kept.events.get(id_) for id_ in range(after + 1, last + 1))
            there = [one for one in found if one is not None and (start is None or one.event.timestamp >= start)]
            size = sum(len(one.event.raw) for one in there)
            return Stretch(after, last, last - after - len(there), kept.head(), there, bytes=size)

    def first_since(self, stream: StreamRef, start: int) -> int | None:
        with self._lock:
            kept = self._of(stream)
            return min((id_ for id_, one in kept.events.items() if one.event.timestamp >= start), default=None)

    def tips(self, streams: Sequence[StreamRef]) -> dict[int, Tip]:
        return {stream_id: Tip(head.epoch, head.last_id) for stream_id, head in self.heads(streams).items()}

    def rejections(self, stream: StreamRef, *, limit: int, before: int | None = None) -> list[KeptRejection]:
        with self._lock:
            newest = reversed(self._of(stream).rejections)
            return [one for one in newest if before is None or one.id < before][:limit]

    def histogram(self, stream: StreamRef, selection: Selection, *, interval: int, split: Split | None) -> Histogram:
        buckets: dict[int, Counter[str]] = {}
        for stored in self._all(stream, selection):
            start = stored.event.timestamp // interval * interval
            value = "" if split is None else getattr(stored.event, split) or ""
            buckets.setdefault(start, Counter())[value] += 1
        return Histogram(buckets)

    def facets(self, stream: StreamRef, selection: Selection, fields: Sequence[str], *, limit: int) -> Facets:
        counts: dict[str, Counter[str]] = {name: Counter() for name in fields}
        for stored in self._all(stream, selection):
            for name in fields:
                value = value_of(stored.event, name)
                if value is not None:
                    counts[name][facet_text(value)] += 1
        return Facets({name: top(found, limit) for name, found in counts.items()})

    def delete(self, stream: StreamRef, selection: Selection, *, now: int) -> None:
        with self._lock:
            self._drop(self._of(stream), [(one.event.timestamp, one.id) for one in self._all(stream, selection)])

    def drop_before(self, stream: StreamRef, edge: int, *, limit: int) -> int:
        with self._lock:
            kept = self._of(stream)
            gone = kept.order[: bisect_left(kept.order, Position(edge, 0))]
            self._drop(kept, gone)
            return len(gone)

    def compact(self, stream: StreamRef, *, now: int, force: bool = False) -> bool:
        return False

    def erase(self, stream: StreamRef) -> bool:
        return False

    def waiting(self, *, now: int) -> list[StreamRef]:
        return []

    def check(self, stream: StreamRef, *, progress: Progress = lambda _done, _of: None) -> list[str]:
        return []

    def sizes(self, streams: Sequence[StreamRef]) -> dict[int, StreamSize]:
        with self._lock:
            return {ref.stream_id: self._size(self._streams[ref]) for ref in streams if ref in self._streams}

    def tidy(self) -> None:
        pass

    def bytes_on_disk(self) -> int:
        return 0

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

    def _all(self, stream: StreamRef, selection: Selection) -> list[StoredEvent]:
        with self._lock:
            kept = self._of(stream)
            found = (kept.events[position.id] for position in kept.order)
            return [stored for stored in found if _selected(stored, selection)]

    def _drop(self, kept: _Stream, gone: Sequence[tuple[int, int]]) -> None:
        for _, event_id in gone:
            del kept.events[event_id]
        kept.order = [position for position in kept.order if position.id in kept.events]

    def _size(self, kept: _Stream) -> StreamSize:
        size = sum(len(stored.event.raw) for stored in kept.events.values())
        return StreamSize(rows=len(kept.events), events=len(kept.events), raw_bytes=size)

    def _append(self, kept: _Stream, batch: Batch, now: int) -> Outcome:
        if batch.key is not None:
            earlier = _replay(kept, batch.key)
            if earlier is not None:
                return earlier
            kept.keys[batch.key.text] = (batch.key, now)
        first = kept.last_id + 1
        for id_, event in enumerate(batch.events, first):
            insort(kept.order, Position(event.timestamp, id_))
            attributes = None if event.attributes is None else by_name(event.attributes)
            kept.events[id_] = StoredEvent(id_, event._replace(attributes=attributes))
        kept.last_id += len(batch.events)
        kept.bytes += sum(len(event.raw) for event in batch.events)
        kept.lines += sum(1 + event.raw.count(b"\n") for event in batch.events)
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


def _advanced(positions: dict[str, str], batches: Sequence[Batch]) -> dict[str, str]:
    found = dict(positions)
    for advance in (advance for batch in batches for advance in batch.advances):
        if found.get(advance.source, "") != advance.before:
            raise PositionMoved(f"The source {advance.source!r} was read further by somebody else.")
        found[advance.source] = advance.after
    return found


def _replay(kept: _Stream, key: RetryKey) -> Replayed | KeyReused | None:
    earlier = kept.keys.get(key.text)
    if earlier is None:
        return None
    if earlier[0].body_hash != key.body_hash:
        return KeyReused("This idempotency key came before with another body.")
    return Replayed(earlier[0].answer)
