"""Frames to the blobs of a segment."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tailsvc.segments.column_codec import pack_column
from tailsvc.segments.frame import Frame
from tailsvc.segments.packing import Packer, narrowed

# What is read, and what a text filter tells apart: small, so that newest-first stops early; large enough that what
# is done once a group does not show. Where it changes, the text filters of older segments are not believed any more.
GROUP_EVENTS = 8_192
# Times and what is counted by; what is searched for in every question; the rest, which only returned rows need.
CORE, TEXT, REST_PART = 0, 1, 2
PARTS = 3
_PART_OF = {
    **dict.fromkeys(("level", "status", "method", "host", "service", "src", "response_time_ms", "is_bot"), CORE),
    **dict.fromkeys(("raw.template", "message.template", "stdio", "container", "replica", "filename"), CORE),
    **dict.fromkeys(("path", "ip", "user_agent", "referrer"), TEXT),
}
# Levels of zstd: 6 would save 4 % of the bytes for half as much again of the time.
_QUICK, _THOROUGH = 1, 3


@dataclass(frozen=True, slots=True)
class Encoded:
    """`parts` are one blob for a recent block, PARTS for a segment."""

    parts: tuple[bytes, ...]
    events: int
    first_id: int
    last_id: int
    min_time: int
    max_time: int
    raw_bytes: int


def groups_of(events: int) -> int:
    """How many row groups a segment of so many events has."""
    return -(-events // GROUP_EVENTS)


def part_of(column: str, parts: int) -> int:
    return 0 if parts == 1 else _PART_OF.get(column, REST_PART)


def encode(frame: Frame, *, base: int, raw_bytes: int, thorough: bool) -> Encoded:
    """`frame` is sorted by time; ids are kept relative to `base`."""
    count = PARTS if thorough else 1
    packers = [Packer(_THOROUGH if thorough else _QUICK) for _ in range(count)]
    step = GROUP_EVENTS if thorough else len(frame)
    groups = [slice(start, min(start + step, len(frame))) for start in range(0, len(frame), step)]
    columns: list[dict[str, Any]] = [{} for _ in packers]
    for name in frame.columns:
        part = part_of(name, count)
        columns[part][name] = pack_column(packers[part], frame.columns[name], groups, thorough=thorough)
    order = [_pack_order(packers[0], frame, group, base) for group in groups]
    headers: list[dict[str, Any]] = [{"part": part, "columns": found} for part, found in enumerate(columns)]
    headers[0] |= {"rows": [group.stop - group.start for group in groups], "order": order}
    return Encoded(
        parts=tuple(packer.finish(header) for packer, header in zip(packers, headers, strict=True)),
        events=len(frame),
        first_id=int(frame.ids.min()),
        last_id=int(frame.ids.max()),
        min_time=int(frame.times[0]),
        max_time=int(frame.times[-1]),
        raw_bytes=raw_bytes,
    )


def _pack_order(packer: Packer, frame: Frame, group: slice, base: int) -> dict[str, Any]:
    """Times as steps from the first, in their common unit; ids as steps of nearly always one."""
    times, ids = frame.times[group], frame.ids[group] - base
    steps = np.diff(times)
    unit = int(np.gcd.reduce(steps)) if len(steps) else 0
    found: dict[str, Any] = {"first": int(times[0]), "last": int(times[-1]), "unit": unit, "id": int(ids[0])}
    if unit:
        found["times"] = packer.put_array(narrowed(steps // unit))
    jumps = np.diff(ids)
    if (jumps != 1).any():
        found["ids"] = packer.put_array(narrowed(np.where(jumps < 0, -2 * jumps - 1, 2 * jumps)))
    return found
