"""What lines teach is worth some effort, and no more: also of lines that are made to need it."""

import pytest

from tailsvc.events import Event
from tailsvc.segments import learning
from tailsvc.segments.frame import Frame, frame_of
from tailsvc.segments.learning import Book, with_templates
from tailsvc.segments.printing import Form, Slot
from tailsvc.segments.templates import Effort, learn
from tests.factories.events import NOW


def repetitive(shapes: int) -> list[Event]:
    """Three lines of each shape, in which each value stands at thousands of places, none of them its own."""
    events = []
    for shape in range(shapes):
        values = {f"n{number}": "a" * (number % 3 + 1) for number in range(80)} | {f"s{shape}": "a"}
        events += [Event(NOW, b"%d " % nth + b"a" * 15_000, attributes=values) for nth in range(3)]
    return events


def test_lines_of_one_letter_take_few_looks() -> None:
    """Each value stands at 15,000 places: looked at one by one, a line takes seconds."""
    effort = Effort(10**9)
    forms = [Form(Slot(f"attributes.n{number}"), "a" * (number % 3 + 1)) for number in range(80)]
    learn("a" * 15_000, forms, effort)
    assert 80 <= 10**9 - effort.left <= 80 * 200


def test_lines_of_one_letter_come_back() -> None:
    frame = frame_of(repetitive(4), 1)
    assert with_templates(frame, Book()).events() == frame.events()


def test_many_shapes_share_one_effort(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = 0
    learn = learning.learn

    def counted(*args: object) -> object:
        nonlocal tried
        tried += 1
        return learn(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(learning, "learn", counted)
    frame = frame_of(repetitive(40), 1)
    assert with_templates(frame, Book()).events() == frame.events()
    assert 1 <= tried < 20


def test_what_taught_nothing_is_not_remembered_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning, "_MOST_SHAPES", 10)
    book = Book()
    for number in range(50):
        events = [Event(NOW, f"{nth} of its own kind".encode(), attributes={f"n{number}": 1}) for nth in range(3)]
        with_templates(frame_of(events, 1), book)
        assert 1 <= len(book.fruitless) <= 10


def test_free_text_is_not_looked_at_at_every_flush(monkeypatch: pytest.MonkeyPatch) -> None:
    book, frame = Book(), free_text()
    for _ in range(10):
        with_templates(frame, book)
    monkeypatch.delattr(learning, "learn")
    with_templates(frame, book)


def of_many_shapes(shapes: range) -> Frame:
    """Three lines of each shape, which their values tell."""
    return frame_of(
        [
            Event(NOW, f"shape {shape} says {nth}00".encode(), attributes={f"n{shape}": f"{nth}00"})
            for shape in shapes
            for nth in range(3)
        ],
        1,
    )


def test_lines_of_many_shapes_are_not_learned_anew_at_every_flush(monkeypatch: pytest.MonkeyPatch) -> None:
    book, frame = Book(), of_many_shapes(range(60))
    for _ in range(4):
        with_templates(frame, book)
    monkeypatch.delattr(learning, "learn")
    told = with_templates(frame, book)
    kept = told.text("raw")
    assert told.events() == frame.events()
    assert kept is not None
    assert not kept.present.any()


def test_shapes_that_are_not_met_any_more_make_room_for_others() -> None:
    book = Book()
    for first in range(0, 2_000, 40):
        with_templates(of_many_shapes(range(first, first + 40)), book)
        assert 40 <= len(book.known) == len(book.used) <= learning._MOST_KNOWN_SHAPES
    for _ in range(40):  # until they are the usual ones
        told = with_templates(of_many_shapes(range(60)), book)
    kept = told.text("raw")
    assert kept is not None
    assert not kept.present.any()


def free_text() -> Frame:
    return frame_of([Event(NOW, f"{nth} and nothing else".encode()) for nth in range(5)], 1)
