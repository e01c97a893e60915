"""How far a container's log was read, told by the times of its lines.

A cluster numbers no lines: a log can only be asked for from some second on. So a position names the newest times that
were stored, and how many lines of each; what is older is stored. That holds for lines of equal times, for lines that
lie a little out of order (a container's two outputs are written side by side), for logs whose beginning was rotated
away, and over restarts of the container.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

_SECOND = 1_000_000_000
# So many different times back, lines may lie out of order.
_TIMES = 64


class Position(NamedTuple):
    """`newest`: how many lines are stored of each time, in nanoseconds; of older ones, all."""

    newest: Mapping[int, int]

    @property
    def edge(self) -> int:
        """The first time of which not everything is known to be stored."""
        return min(self.newest, default=0)

    @property
    def second(self) -> int | None:
        """From which second on the log is to be asked for; None: from its beginning."""
        return self.edge // _SECOND if self.newest else None

    @property
    def text(self) -> str:
        """As it is stored: the edge, then for each time how much later it is, and how many lines it has."""
        edge = self.edge
        times = (f"{time - edge}x{count}" for time, count in sorted(self.newest.items()))
        return f"{edge} {' '.join(times)}" if self.newest else ""

    def beyond(self, times: Iterable[int]) -> "Position":
        """Once lines of these times are stored, too."""
        counted = Counter(self.newest)
        counted.update(times)
        return Position({time: counted[time] for time in sorted(counted)[-_TIMES:]})


BEGINNING = Position({})


def read_position(text: str) -> Position:
    if not text:
        return BEGINNING
    edge, *times = text.split(" ")
    pairs = (time.split("x") for time in times)
    return Position({int(edge) + int(later): int(count) for later, count in pairs})


class Sieve:
    """For one reading of a log, from where its position says: tells which lines are new."""

    def __init__(self, position: Position) -> None:
        # As long as no time was dropped, what is older than all of them is not stored: a line may lie behind the first.
        self._edge = position.edge if len(position.newest) >= _TIMES else 0
        self._stored = dict(position.newest)

    def is_new(self, time: int) -> bool:
        """Of the next line."""
        if time < self._edge:
            return False
        left = self._stored.get(time, 0)
        if left:
            self._stored[time] = left - 1
        return not left
