"""A body to its lines."""

from collections.abc import Iterator
from typing import NamedTuple

from tailsvc.errors import BodyTooLarge
from tailsvc.limits import BODY_LINES, LINE_BYTES, MIB

ESCAPED_NUL = b"\\u0000"
BOM = b"\xef\xbb\xbf"
# Lines are read by the column: enough of them to be quick, few enough to stay in the processor's cache.
BLOCK_LINES = 2048


class Block(NamedTuple):
    first: int  # the number of the first line
    lines: list[bytes]
    wild: bool  # a line may hold an escaped NUL, or be longer than LINE_BYTES


def blocks_of_lines(body: bytes) -> Iterator[Block]:
    """The lines without their ends (LF or CRLF), some at a time.

    Not all at once: the lines of a body are as large as the body. Raises BodyTooLarge for more than BODY_LINES.
    """
    if body.count(b"\n") > BODY_LINES:
        raise BodyTooLarge(f"The body has more than {BODY_LINES:,} lines.")
    number, start = 1, len(BOM) if body.startswith(BOM) else 0
    while start < len(body):
        end = body.find(b"\n", start + MIB)
        if end < 0:
            # The last line's end begins no line: as a line that is no JSON it would have its whole block read twice
            # (3 of 12 us a line).
            end = len(body) - body.endswith(b"\n")
        block = body[start:end]
        lines = block.split(b"\n")
        if b"\r" in block:
            lines = [line.removesuffix(b"\r") for line in lines]
        wild = is_wild(block)
        for first in range(0, len(lines), BLOCK_LINES):
            yield Block(number + first, lines[first : first + BLOCK_LINES], wild)
        number += len(lines)
        start = end + 1


def is_wild(text: bytes) -> bool:
    return len(text) > LINE_BYTES or (b"\\" in text and ESCAPED_NUL in text)
