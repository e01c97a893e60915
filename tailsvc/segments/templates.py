"""Templates: a line as literals and slots, so that what its columns say already is not stored again.

A template is learned from one line and then verified, never trusted: it stands for a row only where rendering it with
the row's values gives the row's very text.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import orjson

from tailsvc.segments.printing import Form, Slot

Part = str | Slot
# A slot must have an end that can be seen: none of these may touch the value's ends in the line it is learned from.
_INNER = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-./")
_SHORTEST = 1
_LINE_CHARS = 1 << 20  # longer lines are seldom alike
_MOST_TRIES = 64  # places of one value: they may be as many as the line has characters
_SCANNED = 256  # characters that are passed over with the effort of one look


class Template:
    """`spec` is the template as text, the form in which it is stored."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self.parts = tuple(parts)
        self.slots = tuple(part for part in self.parts if isinstance(part, Slot))
        self._pattern = "".join("%s" if isinstance(part, Slot) else part.replace("%", "%%") for part in self.parts)

    @cached_property
    def spec(self) -> str:
        return orjson.dumps([list(part) if isinstance(part, Slot) else part for part in self.parts]).decode()

    @property
    def literals(self) -> list[str]:
        return [part for part in self.parts if not isinstance(part, Slot)]

    def render(self, printed: Sequence[Sequence[str]]) -> list[str]:
        """`printed` is by slot, then by row."""
        return [*map(self._pattern.__mod__, zip(*printed, strict=True))]


@lru_cache(maxsize=4096)
def template_of(spec: str) -> Template:
    return Template([part if isinstance(part, str) else Slot(*part) for part in orjson.loads(spec)])


@dataclass
class Effort:
    """So many looks may still be taken; there are lines made to need millions."""

    left: int


def learn(text: str, forms: Iterable[Form], effort: Effort) -> Template | None:
    """The template of this line; None where none of the values is found in it."""
    if len(text) > _LINE_CHARS:
        return None
    places = _place(text, sorted(forms, key=lambda form: -len(form.printed)), effort)
    if not places:
        return None
    parts: list[Part] = []
    end = 0
    for start, form in sorted(places, key=lambda place: place[0]):
        parts += [text[end:start], form.slot]
        end = start + len(form.printed)
    parts.append(text[end:])
    return Template([part for part in parts if part])


def _place(text: str, forms: Sequence[Form], effort: Effort) -> list[tuple[int, Form]]:
    """The longest values first, each once for every column but where nothing is free any more."""
    taken = bytearray(len(text))
    places: list[tuple[int, Form]] = []
    placed: set[str] = set()
    for form in forms:
        if form.slot.column in placed or len(form.printed) < _SHORTEST:
            continue
        start = _find(text, form, taken, effort)
        if start is not None:
            taken[start : start + len(form.printed)] = b"\x01" * len(form.printed)
            places.append((start, form))
            placed.add(form.slot.column)
    return places


def _find(text: str, form: Form, taken: bytearray, effort: Effort) -> int | None:
    """Behind its own name if it has one there, else the first place where it stands alone."""
    name = form.slot.column.rpartition(".")[2]
    best: int | None = None
    start = -1
    effort.left -= 1 + len(text) // _SCANNED
    for _ in range(_MOST_TRIES):
        start = text.find(form.printed, start + 1)
        if start < 0:
            break
        effort.left -= 1
        end = start + len(form.printed)
        if taken.find(1, start, end) < 0 and _stands_alone(text, start, end):
            if text[max(0, start - len(name) - 4) : start].rstrip("\"': =").endswith(name):
                return start
            best = start if best is None else best
    return best


def _stands_alone(text: str, start: int, end: int) -> bool:
    before, behind = text[start - 1 : start], text[end : end + 1]
    # A unit may follow a number at once: 12ms.
    touches_unit = text[end - 1].isdigit() and behind.isalpha()
    return before not in _INNER and (behind not in _INNER or touches_unit or behind == ".")
