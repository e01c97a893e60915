"""JSON lines that are flat and alike, without parsing each: the quickest way.

A program writes its lines with the same names in the same order, so all of a line but its values is the same in every
line. Of one such line a `Shape` is learned: an expression that has one group for each value. What it matches is such
an object, by these rules, and nothing else: the lines hold no backslash and no control character, so that a text ends
at the next quote; and what stands in the place of a number holds no comma and is valid JSON.

It also tells how the lines are made of their values (`Woven`), so that blocks need not find that out.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import orjson

from tailsvc.event_tables import Coded, Woven, coded
from tailsvc.parsing.columns import TIMESTAMP
from tailsvc.parsing.lines import Block
from tailsvc.parsing.object_tables import Plan, read_objects, slot_names
from tailsvc.parsing.tables import Column, Table

# A name, and a text or a number, true, false or null.
_MEMBER = re.compile(r'( *"([^"]*)" *: *)(?:"([^"]*)"|([^",{}\[\] ]+))( *)([,}])')
# Fewer lines at once are not worth the look; they do not become columns either.
FEWEST_LINES = 256
_SPACE = 32  # smaller characters are control characters
_SAMPLE = 16
FEWEST_ALIKE = 8  # lines that are worth to learn a shape of
_HEADS = 512
_SHAPES = 16  # with the same first name
_ATTEMPTS = 8  # for the same names

_groups = re.Match.groups


class Found(NamedTuple):
    rows: list[int]
    table: Table


class Shape:
    """What lines of the same names, in this order, written in this manner, have in common."""

    def __init__(self, plan: Plan, literals: Sequence[str], bare: Sequence[int]) -> None:
        self._plan = plan
        self._times = {place for place, alias in plan.named if alias.column == TIMESTAMP}
        self._literals = tuple(literals)
        self._bare = tuple(bare)
        groups = ["([^,]*)" if place in bare else '([^"]*+)' for place in range(len(literals) - 1)]
        pattern = "".join(re.escape(literal) + group for literal, group in zip(literals, [*groups, ""], strict=True))
        self.match = re.compile(pattern).fullmatch

    def read(self, rows: list[int], texts: Sequence[str]) -> tuple[Found | None, list[int]]:
        """What of these rows has this shape, and the other rows."""
        matches = [*map(self.match, texts if len(rows) == len(texts) else [texts[row] for row in rows])]
        others: list[int] = []
        if None in matches:
            others = [row for row, match in zip(rows, matches, strict=True) if match is None]
            rows = [row for row, match in zip(rows, matches, strict=True) if match is not None]
            if not rows:
                return None, others
        said = [
            texts if place in self._times else coded(texts)  # times are read all at once
            for place, texts in enumerate(zip(*map(_groups, filter(None, matches)), strict=True))
        ]
        values: list[Column] = [*said]
        for place in self._bare:
            numbers = _loaded(said[place])
            if numbers is None:
                return None, sorted(rows + others)
            values[place] = numbers
        table = read_objects(self._plan, values)
        table.woven = Woven(self._literals, slot_names(self._plan, table), said)
        return Found(rows, table), others


def _loaded(texts: Column) -> Column | None:
    if isinstance(texts, Coded):
        values = _load(texts.values)
        return None if values is None else texts.saying(values)
    return _load(texts)


def _load(texts: Sequence[str]) -> list[Any] | None:
    """The values; None where one is no JSON. None holds a comma: so as many values come out only if each is one."""
    try:
        values: list[Any] = orjson.loads(f"[{','.join(texts)}]")
    except orjson.JSONDecodeError:
        return None
    return values if len(values) == len(texts) else None


class Shapes:
    """Those learned so far, by the beginnings of their lines."""

    def __init__(self) -> None:
        self._known: dict[str, list[Shape]] = {}
        self._attempts: dict[tuple[str, ...], int] = {}

    def read(self, texts: Sequence[str]) -> Iterator[Found]:
        """Tables of the lines that have a known shape."""
        rows = [*range(len(texts))]
        if "\\" in "".join(texts):
            rows = [row for row in rows if "\\" not in texts[row]]
        for shape in self._candidates(rows, texts):
            found, rows = shape.read(rows, texts)
            if found is not None:
                yield found
            if not rows:
                break

    def learn(self, keys: tuple[str, ...], plan: Plan, texts: Sequence[str]) -> None:
        """`texts` are lines with these keys that had no known shape."""
        attempts = self._attempts.get(keys, 0)
        if len(texts) < FEWEST_ALIKE or attempts >= _ATTEMPTS:
            return
        text = next((text for text in texts if "\\" not in text), None)
        if text is None:
            return
        if len(self._attempts) >= _HEADS:
            self._attempts.clear()
            self._known.clear()
        self._attempts[keys] = attempts + 1
        shapes = self._known.setdefault(_head(text), [])
        if not any(shape.match(text) for shape in shapes):
            shape = _shape_of(text, plan, len(keys))
            if shape is not None:
                shapes.insert(0, shape)
                del shapes[_SHAPES:]

    def _candidates(self, rows: Sequence[int], texts: Sequence[str]) -> list[Shape]:
        """The shapes that are met in a sample, the most frequent first."""
        counts: dict[Shape, int] = {}
        for row in rows[:: 1 + len(rows) // _SAMPLE]:
            text = texts[row]
            shapes = self._known.get(_head(text), ())
            shape = next((shape for shape in shapes if shape.match(text)), None)
            if shape is not None:
                counts[shape] = counts.get(shape, 0) + 1
        return sorted(counts, key=lambda shape: -counts[shape])


def texts_of(block: Block) -> list[str] | None:
    """The lines as text; None if they are few, or have a control character or a byte that is not UTF-8."""
    if len(block.lines) < FEWEST_LINES:
        return None
    joined = b"\n".join(block.lines)
    ends = len(block.lines) - 1
    if block.wild or np.count_nonzero(np.frombuffer(joined, np.uint8) < _SPACE) != ends:
        return None
    try:
        return joined.decode().split("\n")
    except UnicodeDecodeError:
        return None


def _head(text: str) -> str:
    """To behind the first name."""
    return text[: text.find(":")]


def _shape_of(text: str, plan: Plan, count: int) -> Shape | None:
    """None where it is not flat, or says a name twice."""
    literals, bare, at = ["{"], list[int](), 1
    while (member := _MEMBER.match(text, at)) is not None:
        before, _, _, number, space, end = member.groups()
        quote = "" if number is not None else '"'
        if not quote:
            bare.append(len(literals) - 1)
        literals[-1] += before + quote
        literals.append(quote + space + end)
        at = member.end()
        if end == "}":
            break
    if text[:1] != "{" or at != len(text) or len(literals) - 1 != count:
        return None
    return Shape(plan, literals, bare)
