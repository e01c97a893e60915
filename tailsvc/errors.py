"""Every error that the engine raises.

TailsvcError
├── InvalidInput            what the client sent cannot be used (never a fault of ours)
│   ├── InvalidBody         the whole body is unreadable
│   │   ├── BodyTooLarge    over a limit of size, ratio or window, found before allocating
│   │   └── UnknownCoding   a content coding or type that we do not speak
│   ├── InvalidFilter       a clause is malformed or its value is unusable
│   ├── InvalidQuery        window, limit, direction
│   ├── InvalidCursor       a cursor that we did not write, or that was changed
│   ├── CursorMismatch      a good cursor with another window, filter, query or direction
│   └── PositionMoved       a source was read further than the batch says, by somebody else
├── CursorExpired           the cursor's position lies behind retention, or the stream was restored
├── KeyReused               an idempotency key came again with another body
├── TooManyDeletions        as many deletions wait to be carried out as a stream may have; try again later
├── FilterTooCostly         a follower's filter takes so long that others would wait for it
├── TooManyFollowers        as many follow as the team's plan allows; close one, or try again
├── UnknownStream           the stream has no head: it was never opened, or is purged
├── BrokenSegment           stored bytes cannot be read; what else is there can
│   └── UnknownFormat       a newer version wrote them
└── StorageUnavailable      the database did not answer in time; try again later
    ├── TookTooLong         a read went over its deadline
    ├── StorageUnreachable  there is no connection to it: whoever asks next waits for one as long
    └── OutcomeUnknown      the connection died inside a commit and the outcome could not be had
"""


class TailsvcError(Exception):
    """Base of all; `str()` is a sentence that may be shown to the client."""


class InvalidInput(TailsvcError):
    pass


class InvalidBody(InvalidInput):
    pass


class BodyTooLarge(InvalidBody):
    pass


class UnknownCoding(InvalidBody):
    pass


class InvalidFilter(InvalidInput):
    pass


class InvalidQuery(InvalidInput):
    """`parameter` names the offending query parameter."""

    def __init__(self, parameter: str, message: str) -> None:
        super().__init__(message)
        self.parameter = parameter


class InvalidCursor(InvalidInput):
    pass


class CursorMismatch(InvalidInput):
    """`parameter` names what differs from the query that the cursor belongs to."""

    def __init__(self, parameter: str) -> None:
        super().__init__(f"The cursor belongs to a query with another {parameter}.")
        self.parameter = parameter


class PositionMoved(InvalidInput):
    pass


class CursorExpired(TailsvcError):
    pass


class KeyReused(TailsvcError):
    pass


class TooManyDeletions(TailsvcError):
    pass


class FilterTooCostly(TailsvcError):
    pass


class TooManyFollowers(TailsvcError):
    pass


class UnknownStream(TailsvcError):
    pass


class BrokenSegment(TailsvcError):
    pass


class UnknownFormat(BrokenSegment):
    pass


class StorageUnavailable(TailsvcError):
    pass


class TookTooLong(StorageUnavailable):
    pass


class StorageUnreachable(StorageUnavailable):
    pass


class OutcomeUnknown(StorageUnavailable):
    pass
