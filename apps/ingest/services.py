"""Accepting a body: decode, parse, refuse what is too old, append. The same for every entrance."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import orjson

from apps.engine import store
from apps.http import metrics
from apps.streams.lookups import IngestGrant
from apps.tail.following import appended
from tailsvc import limits
from tailsvc.clock import system_clock
from tailsvc.errors import InvalidInput
from tailsvc.event_tables import EventTables
from tailsvc.events import Event, ParsedBody, Rejection
from tailsvc.intake import Intake
from tailsvc.parsing import BodyKind, EmittedLines, parse_body, parse_emitted
from tailsvc.storage.base import Advance, Batch, RetryKey, StreamRef
from tailsvc.timestamps import iso_text


@dataclass(frozen=True, slots=True)
class Prepared:
    """A batch that is ready to be appended, and the answer to give once it is."""

    batch: Batch
    answer: bytes
    rejected: int  # all of them, also those that are not kept

    @property
    def usable(self) -> bool:
        return bool(self.batch.events) or not self.batch.rejections


@cache
def intake() -> Intake:
    return Intake(store(), system_clock, observe=_observe)


def prepare(grant: IngestGrant, body: bytes, *, kind: BodyKind, key: str | None, received_at: int) -> Prepared:
    """Pure but for the time that it takes. Raises InvalidBody where nothing of the body can be read."""
    parsed = parse_body(body, kind=kind, received_at=received_at)
    parsed = _refuse_old(parsed, received_at, grant)
    answer = _answer(parsed)
    retry_key = None if key is None else RetryKey(key, hashlib.blake2b(body, digest_size=16).digest(), answer)
    kept = parsed.rejections[: limits.REJECTIONS_KEPT]
    return Prepared(Batch(parsed.events, kept, retry_key, len(body)), answer, len(parsed.rejections))


def prepare_emitted(
    grant: IngestGrant, emitted: EmittedLines, advances: Sequence[Advance], *, received_at: int
) -> Batch:
    """The same for lines that were read from their emitters, with how far these were read."""
    events = parse_emitted(emitted, received_at)
    parsed = _refuse_old(ParsedBody(events, [], range(1, len(events) + 1)), received_at, grant)
    kept = parsed.rejections[: limits.REJECTIONS_KEPT]
    return Batch(parsed.events, kept, size=sum(map(len, emitted.lines)), advances=advances)


def checked_key(text: str | None) -> str | None:
    """An Idempotency-Key as a client sent it. Raises InvalidInput."""
    if text is None:
        return None
    if not text or len(text) > limits.IDEMPOTENCY_KEY_CHARS or not text.isprintable():
        raise InvalidInput(f"Idempotency-Key must be 1 to {limits.IDEMPOTENCY_KEY_CHARS} printable characters.")
    return text


def _refuse_old(parsed: ParsedBody, received_at: int, grant: IngestGrant) -> ParsedBody:
    """What retention would take at once is told, not swallowed."""
    edge = received_at - int(grant.retention.total_seconds()) * 1_000_000
    # Bodies of recent events, that is nearly all, pass at once.
    if not parsed.events or EventTables.of(parsed.events).oldest >= edge:
        return parsed
    reason = f"older than the stream's retention, which begins at {iso_text(edge)}"
    fresh: list[Event] = []
    refused = list(parsed.rejections)
    for line, event in zip(parsed.lines, parsed.events, strict=True):
        if event.timestamp >= edge:
            fresh.append(event)
        else:
            refused.append(Rejection(line, reason, event.raw[: limits.REJECTION_SAMPLE_BYTES]))
    refused.sort()
    return ParsedBody(fresh, refused, ())


def _answer(parsed: ParsedBody) -> bytes:
    told = parsed.rejections[: limits.REJECTIONS_ANSWERED]
    return orjson.dumps(
        {
            "accepted": len(parsed.events),
            "rejected": len(parsed.rejections),
            "duplicates": 0,
            "errors": [{"line": refused.line, "reason": refused.reason} for refused in told],
        }
    )


def _observe(stream: StreamRef, seconds: float, batches: Sequence[Batch]) -> None:
    """Once a commit, not once a request: with small requests that is much less."""
    events = sum(len(batch.events) for batch in batches)
    if events:
        appended(stream)
    metrics.FLUSH_SECONDS.observe(seconds)
    metrics.FLUSH_EVENTS.observe(events)
    metrics.INGEST_EVENTS.inc(events)
    metrics.INGEST_BYTES.inc(sum(batch.size for batch in batches))
    metrics.WAITING_BYTES.set(intake().waiting_bytes)
