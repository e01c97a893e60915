"""Colours and weights as terminals are told them (SGR), as classes of our style sheet.

Sixteen colours, which the style sheet makes readable on a light and on a dark ground; all others are the nearest of
them. What would hide text or make it blink is not on the list.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Self

_WEIGHTS = {1: "b", 2: "f", 3: "i", 4: "u"}
_ENDS = {22: {"b", "f"}, 23: {"i"}, 24: {"u"}}
_STEPS = (0, 95, 135, 175, 215, 255)
_FOREGROUND, _BACKGROUND = 38, 48
# As most terminals show them; only to find the nearest.
_BASIC = (
    *((0, 0, 0), (205, 49, 49), (13, 188, 121), (229, 229, 16), (36, 114, 200), (188, 63, 188), (17, 168, 205)),
    *((229, 229, 229), (102, 102, 102), (241, 76, 76), (35, 209, 139), (245, 245, 67), (59, 142, 234)),
    *((214, 112, 214), (41, 184, 219), (255, 255, 255)),
)
Rgb = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Pen:
    """How text is written from here on. Colours are 0 to 15."""

    colour: int | None = None
    ground: int | None = None
    weights: frozenset[str] = frozenset()

    @property
    def classes(self) -> str:
        """On a coloured ground the text keeps the colour that can be read there."""
        names = [f"ansi-{each}" for each in sorted(self.weights)]
        if self.ground is not None:
            names.append(f"ansi-on-{self.ground}")
        elif self.colour is not None:
            names.append(f"ansi-{self.colour}")
        return " ".join(names)

    def after(self, sequence: str) -> "Pen | None":
        """Behind `ESC [ sequence m`; None if there is anything in it that is not on the list."""
        return _after(self, sequence)

    def with_colour(self, colour: int, *, is_ground: bool) -> Self:
        return replace(self, ground=colour) if is_ground else replace(self, colour=colour)

    def basic(self, code: int) -> Self | None:
        if code in _WEIGHTS:
            return replace(self, weights=self.weights | {_WEIGHTS[code]})
        if code in _ENDS:
            return replace(self, weights=self.weights - _ENDS[code])
        if 30 <= code <= 37 or 90 <= code <= 97:
            return replace(self, colour=code - 30 if code < 90 else code - 82)
        if 40 <= code <= 47 or 100 <= code <= 107:
            return replace(self, ground=code - 40 if code < 100 else code - 92)
        if code == 39:
            return replace(self, colour=None)
        return replace(self, ground=None) if code == 49 else None


@lru_cache(1024)
def _after(pen: Pen, sequence: str) -> Pen | None:
    codes = [int(code or 0) for code in sequence.split(";")]
    found: Pen | None = pen
    while codes and found is not None:
        code = codes.pop(0)
        if code in (_FOREGROUND, _BACKGROUND):
            colour = _colour(codes)
            found = None if colour is None else found.with_colour(colour, is_ground=code == _BACKGROUND)
        else:
            found = Pen() if code == 0 else found.basic(code)
    return found


def _colour(codes: list[int]) -> int | None:
    """Takes `5;n` or `2;r;g;b` from the front."""
    size = {5: 2, 2: 4}.get(codes[0], 0) if codes else 0
    taken = codes[:size]
    if not size or len(taken) < size or any(code > 255 for code in taken):
        return None
    del codes[:size]
    if size == 4:
        return _nearest((taken[1], taken[2], taken[3]))
    return taken[1] if taken[1] < 16 else _nearest(_of_palette(taken[1]))


def _of_palette(number: int) -> Rgb:
    if number >= 232:
        grey = 8 + 10 * (number - 232)
        return grey, grey, grey
    red, rest = divmod(number - 16, 36)
    return _STEPS[red], _STEPS[rest // 6], _STEPS[rest % 6]


@lru_cache(1024)
def _nearest(wanted: Rgb) -> int:
    return min(range(16), key=lambda each: sum((a - b) ** 2 for a, b in zip(_BASIC[each], wanted, strict=True)))
