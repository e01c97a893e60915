"""Appending: take ids under the head's lock, insert, commit; exactly once for requests with a key."""

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from itertools import count
from typing import Any, cast

import psycopg
from psycopg import sql

from tailsvc.crunching import crunch
from tailsvc.errors import KeyReused, OutcomeUnknown, StorageUnavailable, UnknownStream
from tailsvc.event_tables import EventTables
from tailsvc.segments.bundle import bundle_of
from tailsvc.segments.learning import Book
from tailsvc.storage.base import Appended, Batch, Outcome, Replayed, RetryKey, StreamRef
from tailsvc.storage.postgres.advancing import advance
from tailsvc.storage.postgres.blocks import block_of
from tailsvc.storage.postgres.direct import Statement, Value, command, run
from tailsvc.storage.postgres.lost_commits import CommitLost, committed
from tailsvc.storage.postgres.pools import Connection, Pools
from tailsvc.storage.postgres.rows import COLUMN_TYPES, COLUMNS, to_values
from tailsvc.storage.postgres.statements import STATEMENTS, plain

# Up to this many events are rows, inserted by one prepared statement; more are a recent block.
MOST_ROWS = 48
# A block of up to this many events is a bundle: making columns costs milliseconds, however few events they have.
MOST_BUNDLED = 400
# ... with lines of up to so many bytes: a bundle is one text, in which a byte may take six and stand several times.
MOST_BUNDLED_BYTES = 8 * 1024 * 1024
# Raised when the parser comes to read lines otherwise: tells which segments were read by which.
PARSER = 1


# Takes the head and inserts; answers (the id before, the transaction).
Insert = Callable[[], "tuple[Value, ...] | None"]


class KeyFoundUnderLock(Exception):
    """A request with this key committed between our first look and our lock: pack the flush again without it."""


def append(pools: Pools, stream: StreamRef, batches: Sequence[Batch], now: int, book: Book) -> list[Outcome]:
    while True:
        try:
            with pools.appender() as connection:
                return _Append(connection, stream, batches, now, book).run()
        except KeyFoundUnderLock:
            continue
        except CommitLost as lost:
            if committed(pools, stream, lost):
                return lost.outcomes
            raise StorageUnavailable("The database went away before the commit; nothing was stored.") from lost


def find_keys(connection: Connection, stream: StreamRef, keys: Iterable[RetryKey]) -> dict[str, tuple[bytes, bytes]]:
    rows = connection.execute(
        plain("find_keys"), {"stream_id": stream.stream_id, "keys": [key.text for key in keys]}
    ).fetchall()
    return {text: (body_hash, answer) for text, body_hash, answer in rows}


def outcome_of_key(found: dict[str, tuple[bytes, bytes]], key: RetryKey) -> Replayed | KeyReused | None:
    earlier = found.get(key.text)
    if earlier is None:
        return None
    if earlier[0] != key.body_hash:
        return KeyReused("This idempotency key came before with another body.")
    return Replayed(earlier[1])


class _Append:
    """One flush of one stream on one connection."""

    def __init__(
        self, connection: Connection, stream: StreamRef, batches: Sequence[Batch], now: int, book: Book
    ) -> None:
        self.connection = connection
        self.stream = stream
        self.batches = batches
        self.now = now
        self.book = book
        self.ids = {"stream_id": stream.stream_id, "team_id": stream.team_id}
        self.flush = secrets.randbits(63)
        self.settled: Sequence[Outcome | None] = ()  # of each batch; None: it is to be inserted

    def run(self) -> list[Outcome]:
        keys = [batch.key for batch in self.batches if batch.key is not None]
        earlier = find_keys(self.connection, self.stream, keys) if keys else {}
        self.settled = self._settle(earlier)
        before = self._insert(
            [batch for batch, outcome in zip(self.batches, self.settled, strict=True) if outcome is None]
        )
        return self._outcomes(before)

    def _settle(self, earlier: dict[str, tuple[bytes, bytes]]) -> list[Outcome | None]:
        """The outcome of each batch whose key was taken, by an earlier flush or earlier in this one."""
        settled: list[Outcome | None] = []
        taken = dict(earlier)
        for batch in self.batches:
            outcome = None if batch.key is None else outcome_of_key(taken, batch.key)
            if outcome is None and batch.key is not None:
                taken[batch.key.text] = (batch.key.body_hash, batch.key.answer)
            settled.append(outcome)
        return settled

    def _outcomes(self, before: int) -> list[Outcome]:
        """With the events of the fresh batches behind the id `before`."""
        outcomes: list[Outcome] = []
        next_id = before + 1
        for batch, outcome in zip(self.batches, self.settled, strict=True):
            if outcome is not None:
                outcomes.append(outcome)
                continue
            outcomes.append(Appended(next_id if batch.events else 0))
            next_id += len(batch.events)
        return outcomes

    def _insert(self, fresh: Sequence[Batch]) -> int:
        """Insert these batches; the id before their first event."""
        events = EventTables.joined([batch.events for batch in fresh if batch.events])
        plain_events = not any(batch.key or batch.rejections or batch.advances for batch in fresh)
        if not events:
            return 0 if plain_events else self._insert_in_transaction(fresh, None)
        if len(events) > MOST_ROWS:
            return self._insert_in_transaction(fresh, self._as_block(events))
        insert = self._as_rows(events)
        return self._insert_alone(insert) if plain_events else self._insert_in_transaction(fresh, insert)

    def _as_rows(self, events: EventTables) -> Insert:
        values = self._counters(events, events.raw_bytes)
        for event in events:
            values += to_values(event)
        statement = _rows_statement(len(events))
        return lambda: run(self.connection, statement, values)

    def _as_block(self, events: EventTables) -> Insert:
        """Packed before the head is locked."""
        is_bundle = len(events) <= MOST_BUNDLED and events.raw_bytes <= MOST_BUNDLED_BYTES
        block = bundle_of(events) if is_bundle else crunch(lambda: block_of(events, self.book))
        (payload,) = block.parts
        values = self._counters(events, block.raw_bytes)
        values += [payload, *_numbers(len(payload), block.min_time, block.max_time, PARSER)]
        return lambda: run(self.connection, _BLOCK_STATEMENT, values)

    def _counters(self, events: EventTables, raw_bytes: int) -> list[Value]:
        """What the head is told."""
        return _numbers(*self.stream, len(events), raw_bytes, self.now, self.flush, _lines(events))

    def _insert_alone(self, insert: Insert) -> int:
        try:
            row = insert()
        except psycopg.OperationalError as error:
            if not self.connection.broken:
                raise
            raise OutcomeUnknown("The database went away inside the commit; the event may be stored.") from error
        return self._first(row)[0]

    def _insert_in_transaction(self, fresh: Sequence[Batch], insert: Insert | None) -> int:
        before, xact = 0, ""
        command(self.connection, b"BEGIN")
        try:
            if insert is not None:
                row = insert()
                before, xact = self._first(row)
            self._refuse_taken_keys(fresh)
            self._insert_beside(fresh)
            advance(self.connection, self.stream, fresh)
        except BaseException:
            if not self.connection.broken:
                command(self.connection, b"ROLLBACK")
            raise
        self._commit(xact, before)
        return before

    def _commit(self, xact: str, before: int) -> None:
        try:
            command(self.connection, b"COMMIT")
        except psycopg.Error as error:
            if not self.connection.broken or not xact:
                raise
            raise CommitLost(xact, self.flush, before, self._outcomes(before)) from error

    def _refuse_taken_keys(self, fresh: Sequence[Batch]) -> None:
        """Look again, now that the head is ours and nobody else can commit to this stream."""
        keys = [batch.key for batch in fresh if batch.key is not None]
        if keys and find_keys(self.connection, self.stream, keys):
            raise KeyFoundUnderLock

    def _insert_beside(self, fresh: Sequence[Batch]) -> None:
        """Keys and rejections, in one round trip."""
        rows = list(self._beside(fresh))
        if not rows:
            return
        with self.connection.pipeline():
            for name, params in rows:
                self.connection.execute(plain(name), params)

    def _beside(self, fresh: Sequence[Batch]) -> Iterator[tuple[str, dict[str, Any]]]:
        for batch in fresh:
            if batch.key is not None and batch.events:
                kept = {"key": batch.key.text, "body_hash": batch.key.body_hash, "answer": batch.key.answer}
                yield "keep_key", {**self.ids, **kept, "now": self.now}
            for refused in batch.rejections:
                yield "keep_rejection", {**self.ids, **refused._asdict(), "now": self.now}

    def _first(self, row: tuple[Value, ...] | None) -> tuple[int, str]:
        """The id before, and the transaction."""
        if row is None:
            raise UnknownStream("There is no such stream.")
        before, xact = cast("tuple[bytes, bytes]", row)
        return int(before), xact.decode()


def _lines(events: EventTables) -> int:
    """A raw message with line ends is several."""
    return len(events) + events.line_ends


def _numbers(*numbers: int) -> list[Value]:
    return [b"%d" % number for number in numbers]


_COUNTERS = ["int8"] * 7  # stream, team, n, bytes, now, flush, lines
_BLOCK_STATEMENT = Statement.of(
    "append_block", STATEMENTS["append_block"].encode(), [*_COUNTERS, "bytea", "int8", "int8", "int8", "int8"]
)


@cache
def _rows_statement(events: int) -> Statement:
    """The statement for so many events."""
    numbers = count(len(_COUNTERS) + 1)
    rows = [
        sql.SQL("({}, {})").format(
            sql.Literal(nth),
            sql.SQL(", ").join(sql.SQL(f"${next(numbers)}::{type_}") for type_ in COLUMN_TYPES.values()),
        )
        for nth in range(1, events + 1)
    ]
    statement = sql.SQL(STATEMENTS["append_rows"]).format(
        columns=sql.SQL(", ").join(map(sql.Identifier, COLUMNS)),
        new_columns=sql.SQL(", ").join(sql.Identifier("new", name) for name in COLUMNS),
        values=sql.SQL(", ").join(rows),
    )
    types = [*_COUNTERS, *[*COLUMN_TYPES.values()] * events]
    return Statement.of(f"append_{events}_rows", statement.as_bytes(None), types)
