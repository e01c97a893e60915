"""How long to wait after a failure: 1 s, doubled each time up to a minute."""

_FIRST, _LONGEST = 1.0, 60.0


class Backoff:
    def __init__(self, first: float = _FIRST, longest: float = _LONGEST) -> None:
        self._first, self._longest = first, longest
        self._pause = first

    def reset(self) -> None:
        self._pause = self._first

    def next(self) -> float:
        """In seconds."""
        pause, self._pause = self._pause, min(self._pause * 2, self._longest)
        return pause
