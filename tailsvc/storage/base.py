"""The EventStore protocol: what every store guarantees.

- **Appended means durable and visible.** When `append` returns, its events are committed and every later read sees
  them. Batches of one call are kept together: all of them or, if the store fails, none.
- **Ids are dense at append and become visible in order.** The events of a stream get 1, 2, 3 ...; a reader that sees
  id n sees every id below n that was not deleted. Deletion leaves gaps.
- **A retry with a key never doubles.** A batch whose key was taken before is not appended again; its first answer
  comes back. The same key with another body is `KeyReused`.
- **Reads are consistent and short.** A read sees one moment; nothing is held between pages. A walk is kept stable by
  `Selection.as_of`.
- **The form does not show.** A store may keep events in several forms and turn one into the other (`compact`) at any
  moment; no read can tell. What it cannot read any more it leaves out and names in `incomplete`; `get` raises
  BrokenSegment instead.
- **Deleted means hidden at once.** When `delete` or `drop_before` returns, no read finds the events; they are erased
  from the disk by `erase`.
- **Order.** By (timestamp, id), in both directions; ties are impossible.
- **Errors.** `StorageUnavailable` (or `OutcomeUnknown`) for anything that the database does; nothing else of the
  driver escapes. `UnknownStream` where the stream has no head.
- **Threads.** Every method may be called from any thread at any time.
- **Times** are microseconds since 1970-01-01 UTC and come in as arguments.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol
from uuid import UUID

from tailsvc.errors import KeyReused
from tailsvc.events import Event, Rejection, StoredEvent
from tailsvc.queries import Facets, Head, Histogram, Page, Scan, Selection, Split
from tailsvc.storage.stretch import Stretch


class StreamRef(NamedTuple):
    """A stream and the team that owns it: how every row of the store is keyed."""

    stream_id: int
    team_id: int


@dataclass(frozen=True, slots=True)
class RetryKey:
    """An idempotency key, the hash of the body that came with it, and the answer to give again."""

    text: str
    body_hash: bytes
    answer: bytes


class Advance(NamedTuple):
    """A source of lines (a container's log) was read from one position to another; "" is where it begins.

    What positions look like is the reader's business. Kept in the transaction of the lines, they tell where to go on
    after a crash; and of two readers of one source only one can append.
    """

    source: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Batch:
    """The events of one request, in order; with the items that were refused, kept for the team to see."""

    events: Sequence[Event]
    rejections: Sequence[Rejection] = ()
    key: RetryKey | None = None
    size: int = field(default=0, compare=False)  # bytes as received, decompressed
    advances: Sequence[Advance] = ()


@dataclass(frozen=True, slots=True)
class Appended:
    """`first_id` is the id of the batch's first event (0 for a batch without events)."""

    first_id: int


@dataclass(frozen=True, slots=True)
class Replayed:
    """The batch was appended before; `answer` is what was answered then."""

    answer: bytes


Outcome = Appended | Replayed | KeyReused


class KeptRejection(NamedTuple):
    id: int
    at: int
    line: int
    reason: str
    sample: bytes


@dataclass(frozen=True, slots=True)
class StreamSize:
    """What a stream holds, by form; `bytes` are those of its pieces (rows: as stored, without indexes)."""

    rows: int = 0
    recent_blocks: int = 0
    segments: int = 0
    events: int = 0  # in all forms
    raw_bytes: int = 0  # of the raw lines of these events
    bytes: int = 0


class Tip(NamedTuple):
    """How far a stream is."""

    epoch: UUID
    last_id: int


# Told now and then how much is done, and of how much.
Progress = Callable[[int, int], None]


class EventStore(Protocol):
    def open(self, stream: StreamRef) -> None:
        """Give the stream a head, if it has none."""

    def append(self, stream: StreamRef, batches: Sequence[Batch], *, now: int) -> list[Outcome]:
        """Append in one transaction; an outcome for each batch, in order. Raises PositionMoved."""

    def replay(self, stream: StreamRef, key: RetryKey) -> Replayed | KeyReused | None:
        """What became of an earlier request with this key; None if there was none."""

    def positions(self, stream: StreamRef) -> dict[str, str]:
        """How far each source was read, by its name."""

    def sources(self, team_id: int) -> list[tuple[StreamRef, str]]:
        """All sources of a team's streams that have a position."""

    def forget_positions(self, stream: StreamRef, sources: Sequence[str]) -> None:
        """Of sources that are gone for good."""

    def head(self, stream: StreamRef) -> Head:
        """The stream's counters."""

    def heads(self, streams: Sequence[StreamRef]) -> dict[int, Head]:
        """Heads by stream id; all streams are of one team; without a head: absent."""

    def scan(self, stream: StreamRef, scan: Scan) -> Page:
        """One page."""

    def count(self, stream: StreamRef, selection: Selection) -> int:
        """How many events are selected."""

    def get(self, stream: StreamRef, event_id: int) -> StoredEvent | None:
        """One event by its id. Raises BrokenSegment where it may lie in what cannot be read."""

    def stretch(
        self, stream: StreamRef, after: int, *, most: int, upto: int | None = None, start: int | None = None
    ) -> Stretch:
        """What lies behind the id `after`: of the next `most` ids, not beyond `upto`, the events that are still there.

        Events before the time `start` count as missing. Where none of these ids is left, `upto` may lie further.
        """

    def first_since(self, stream: StreamRef, start: int) -> int | None:
        """Before this id there is no event as late as `start`; None: nor behind it."""

    def tips(self, streams: Sequence[StreamRef]) -> dict[int, Tip]:
        """How far these streams are, by stream id, of whatever teams; in one statement. Without a head: absent."""

    def rejections(self, stream: StreamRef, *, limit: int, before: int | None = None) -> list[KeptRejection]:
        """The newest rejections first, those with an id below `before`."""

    def histogram(self, stream: StreamRef, selection: Selection, *, interval: int, split: Split | None) -> Histogram:
        """How many events are selected in each `interval` (microseconds) of time."""

    def facets(self, stream: StreamRef, selection: Selection, fields: Sequence[str], *, limit: int) -> Facets:
        """The most frequent values of each of these fields (as in filters) among the selected events."""

    def delete(self, stream: StreamRef, selection: Selection, *, now: int) -> None:
        """Hide what is selected now, for ever; later events are not concerned. Raises TooManyDeletions."""

    def drop_before(self, stream: StreamRef, edge: int, *, limit: int) -> int:
        """Hide what is older than `edge`, and erase about `limit` events of it; how many went. Until it answers 0."""

    def compact(self, stream: StreamRef, *, now: int, force: bool = False) -> bool:
        """Bring what waits into its final form, one step of it; whether there may be more to do.

        Without `force` only what is due. Safe to run twice at once, and to be killed anywhere.
        """

    def erase(self, stream: StreamRef) -> bool:
        """Take what was deleted from the disk, one step of it; whether there may be more to do."""

    def waiting(self, *, now: int) -> list[StreamRef]:
        """The streams for which `compact` or `erase` is due, those that wait longest first."""

    def check(self, stream: StreamRef, *, progress: Progress = lambda _done, _of: None) -> list[str]:
        """What is wrong with the stream's pieces, in words; nothing where each id lies in exactly one, readable piece.

        Every piece is read whole, one after the other; `progress` is told how many are.
        What cannot be read is set apart: later reads name it in `incomplete` and do not try again. What can be read
        again is taken back.
        """

    def sizes(self, streams: Sequence[StreamRef]) -> dict[int, StreamSize]:
        """By stream id; all streams are of one team."""

    def tidy(self) -> None:
        """Give the room of what was erased back to others, as far as the database lets us."""

    def bytes_on_disk(self) -> int:
        """Of everything that the store keeps for all streams, indexes included."""

    def purge(self, stream: StreamRef, *, limit: int) -> bool:
        """Delete up to `limit` rows of everything that the stream has, its head last; whether nothing is left."""

    def forget_before(self, stream: StreamRef, *, keys: int, rejections: int) -> int:
        """Delete idempotency keys and rejections older than these times."""
