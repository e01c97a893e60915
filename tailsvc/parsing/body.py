"""A whole body to events and rejections."""

from itertools import islice

from tailsvc.errors import BodyTooLarge
from tailsvc.events import ParsedBody
from tailsvc.limits import BODY_LINES
from tailsvc.parsing.batch import Batch
from tailsvc.parsing.json_array import elements, end_of_value, skip_space
from tailsvc.parsing.kinds import BodyKind
from tailsvc.parsing.lines import BLOCK_LINES, BOM, Block, blocks_of_lines, is_wild


def parse_body(body: bytes, *, kind: BodyKind, received_at: int) -> ParsedBody:
    """Every item of a decoded body as an event or a rejection, in order; blank lines are neither.

    `received_at`, in microseconds, is the time of events that name none. Raises InvalidBody where items cannot be
    told apart, and BodyTooLarge for more than BODY_LINES of them.
    """
    batch = Batch(received_at)
    if kind is BodyKind.TEXT:
        for block in blocks_of_lines(body):
            batch.add_text(block)
    elif kind is BodyKind.NDJSON or not _add_document(batch, body):
        for block in blocks_of_lines(body):
            batch.add_json(block)
    return batch.result()


def _add_document(batch: Batch, body: bytes) -> bool:
    """Adds what one JSON document holds; False where the body is not one: many send lines under its content type."""
    start = skip_space(body, len(BOM) if body.startswith(BOM) else 0)
    head = body[start : start + 1]
    if head == b"[":
        _add_array(batch, body, start)
        return True
    end = end_of_value(body, start) if head == b"{" else None
    if end is None or skip_space(body, end) != len(body):
        return False
    batch.add_json(Block(1, [body[start:end]], is_wild(body)))
    return True


def _add_array(batch: Batch, body: bytes, start: int) -> None:
    first, items, wild = 1, elements(body, start), is_wild(body)
    while lines := [*islice(items, BLOCK_LINES)]:
        batch.add_json(Block(first, lines, wild))
        first += len(lines)
        if first > BODY_LINES + 1:
            raise BodyTooLarge(f"The array has more than {BODY_LINES:,} elements.")
