"""Events to recent blocks: what a large flush is stored as."""

from collections import OrderedDict

from tailsvc.event_tables import EventTables
from tailsvc.segments.encode import Encoded, encode
from tailsvc.segments.frame import sorted_by_time
from tailsvc.segments.gathering import frame_of_tables
from tailsvc.segments.learning import Book, with_templates

# Streams whose templates are remembered; a stream that writes after so many others learns its few again.
_BOOKS = 512


class Books:
    """What was learned of the lines of each stream. One flusher at a time works on a stream."""

    def __init__(self) -> None:
        self._books: OrderedDict[int, Book] = OrderedDict()

    def of(self, stream_id: int) -> Book:
        book = self._books.pop(stream_id, None) or Book()
        self._books[stream_id] = book
        while len(self._books) > _BOOKS:
            self._books.popitem(last=False)
        return book


def block_of(events: EventTables, book: Book) -> Encoded:
    """Ids are relative: the first event's is 1."""
    frame = with_templates(sorted_by_time(frame_of_tables(events, 1)), book)
    return encode(frame, base=1, raw_bytes=events.raw_bytes, thorough=False)
