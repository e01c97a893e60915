"""Few events as one block: their fields as lists of JSON, and no more done about it.

Columns cost the same for few rows as for a thousand; this costs a few microseconds an event however few they are.
Compaction makes columns of many such blocks at once.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import orjson

from tailsvc.event_tables import ATTRIBUTES, EventTable, EventTables
from tailsvc.events import Event
from tailsvc.segments.encode import Encoded
from tailsvc.segments.frame import IS_BOT, Frame
from tailsvc.segments.gathering import frame_of_tables
from tailsvc.segments.packing import FORMAT_OF_BUNDLES, Packer, Unpacker

BUNDLE = "bundle"
_LEVEL = 1  # of zstd


def bundle_of(events: EventTables) -> Encoded:
    """Ids are relative: the first event's is 1."""
    ids = range(1, len(events) + 1)
    times, raws, *fields = zip(*events, strict=True)
    if [*times] != sorted(times):
        order = sorted(range(len(times)), key=times.__getitem__)
        ids, times, raws, *fields = ([values[row] for row in order] for values in (ids, times, raws, *fields))  # type: ignore[assignment]
    said = {
        name: values
        for name, values in zip(Event._fields[2:], fields, strict=True)
        if (True in values if name == IS_BOT else values[0] is not None or values.count(None) != len(values))
    }
    packer = Packer(_LEVEL)
    texts, odd = _texts(raws)
    place = packer.put(orjson.dumps({"ids": [*ids], "times": times, "raws": texts, "odd": odd, "fields": said}))
    span = {"first": times[0], "last": times[-1]}
    header: dict[str, Any] = {"part": 0, "columns": {}, "rows": [len(times)], "order": [span], BUNDLE: place}
    return Encoded(
        parts=(packer.finish(header, version=FORMAT_OF_BUNDLES),),
        events=len(times),
        first_id=1,
        last_id=len(times),
        min_time=times[0],
        max_time=times[-1],
        raw_bytes=sum(map(len, raws)),
    )


class Bundle(NamedTuple):
    """What was put in, in the order of reading."""

    ids: Sequence[int]
    times: Sequence[int]
    raws: Sequence[bytes]
    fields: Mapping[str, Sequence[Any]]


def read_bundle(unpacker: Unpacker, base: int) -> Bundle | None:
    """Ids begin with `base`. None: the blob has columns."""
    place = unpacker.header.get(BUNDLE)
    if place is None:
        return None
    found = orjson.loads(unpacker.get(place))
    raws = [text.encode("latin-1" if odd else "utf-8") for text, odd in zip(found["raws"], found["odd"], strict=True)]
    return Bundle([number + base - 1 for number in found["ids"]], found["times"], raws, found["fields"])


def frame_of_bundles(bundles: Sequence[Bundle]) -> Frame:
    """All of them, one after the other."""
    lists = {
        name: [value for bundle in bundles for value in bundle.fields.get(name) or [None] * len(bundle.ids)]
        for name in dict.fromkeys(name for bundle in bundles for name in bundle.fields)
    }
    if IS_BOT in lists:
        lists[IS_BOT] = [bool(bot) for bot in lists[IS_BOT]]
    attributes = lists.pop(ATTRIBUTES, None)
    times = [time for bundle in bundles for time in bundle.times]
    raws = [raw for bundle in bundles for raw in bundle.raws]
    table = EventTable(range(len(raws)), times, raws, lists, {}, attributes)
    frame = frame_of_tables(EventTables(len(raws), [table], {}), 1)
    return Frame(
        np.array([number for bundle in bundles for number in bundle.ids], np.int64), frame.times, frame.columns
    )


def _texts(raws: Sequence[bytes]) -> tuple[list[str], list[bool]]:
    """The lines as text, and for each whether its bytes are no UTF-8: then each character is a byte."""
    try:
        return [*map(bytes.decode, raws)], [False] * len(raws)
    except UnicodeDecodeError:
        pass
    texts, odd = [], []
    for raw in raws:
        try:
            texts.append(raw.decode())
            odd.append(False)
        except UnicodeDecodeError:
            texts.append(raw.decode("latin-1"))
            odd.append(True)
    return texts, odd
