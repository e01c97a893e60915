"""Lines in batches: each once, in order, as the ingest reads them."""

import os
import signal
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.cli import batches as module
from config.cli.batches import Batch, batches
from config.cli.following import read_messages
from config.cli.interrupt import Interrupt
from tailsvc import limits
from tailsvc.parsing import body_kind, parse_body


def read(descriptor: int, refused: list[tuple[int, str]] | None = None) -> list[Batch]:
    told = [] if refused is None else refused
    with Interrupt() as interrupt:
        return list(batches(descriptor, "x", interrupt=interrupt, refuse=lambda _, line, why: told.append((line, why))))


def of_pipe(chunks: Sequence[bytes], refused: list[tuple[int, str]] | None = None) -> list[Batch]:
    """Written in these pieces."""
    reader, writer = os.pipe()

    def write() -> None:
        with os.fdopen(writer, "wb", buffering=0) as file:
            for chunk in chunks:
                file.write(chunk)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        return read(reader, refused)
    finally:
        os.close(reader)
        thread.join()


def as_stored(found: Sequence[Batch]) -> list[tuple[int, bytes]]:
    """Each line's number, and the line as the ingest keeps it."""
    stored = []
    for batch in found:
        parsed = parse_body(batch.body, kind=body_kind(batch.content_type), received_at=1)
        assert parsed.rejections == []
        stored += [(batch.numbers[line - 1], one.raw) for line, one in zip(parsed.lines, parsed.events, strict=True)]
    return stored


lines = st.one_of(
    st.binary(max_size=20).map(lambda line: line.replace(b"\n", b"")),
    st.sampled_from(
        [b"", b" ", b"text", b'{"a":1}', b' {"a": 1}', b"{broken", b"[1]", b'"s"', b"a\r", b"\xff", b"\x00x"]
    ),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(lines, max_size=30), st.booleans(), st.integers(1, 40), st.integers(2, 8))
def test_every_line_is_stored_once_and_as_it_came(
    found: list[bytes], has_end: bool, piece: int, most_lines: int
) -> None:
    text = b"\n".join(found) + (b"\n" if has_end else b"")
    expected = [
        (number, line.removesuffix(b"\r"))
        for number, line in enumerate(text.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1)
        if line.strip()
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "LINES", most_lines)
        made = of_pipe([text[at : at + piece] for at in range(0, len(text), piece)])
    assert all(len(batch.lines) <= most_lines for batch in made)
    # An object is kept without the space around it.
    assert [(n, raw.strip()) for n, raw in as_stored(made)] == [(n, line.strip()) for n, line in expected]


def test_text_between_objects_needs_no_batch_of_its_own() -> None:
    made = of_pipe([b'{"a":1}\ntext\n{"a":2}\n\xff\n{"a":3}\n'])
    assert [(batch.is_json, batch.numbers) for batch in made] == [(True, [1, 2, 3]), (False, [4]), (True, [5])]


def test_a_batch_has_so_many_lines_and_bytes(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x\n" * 2500 + (b"y" * 600_000 + b"\n") * 4)
    descriptor = os.open(file, os.O_RDONLY)
    made = read(descriptor)
    os.close(descriptor)
    assert [len(batch.lines) for batch in made] == [1000, 1000, 502, 2]


def test_a_line_waits_a_second_for_others() -> None:
    reader, writer = os.pipe()
    with Interrupt() as interrupt:
        made = batches(reader, "x", interrupt=interrupt, refuse=lambda *_: None)
        os.write(writer, b"first\nunfinish")
        started = time.monotonic()
        assert next(made).lines == [b"first"]
        assert 0.9 < time.monotonic() - started < 5
        os.write(writer, b"ed\n")
        os.close(writer)
        assert next(made).lines == [b"unfinished"]
    os.close(reader)


def test_a_line_that_is_too_long_is_refused_and_not_held() -> None:
    refused: list[tuple[int, str]] = []
    long = b"x" * limits.LINE_BYTES
    made = of_pipe([b"a\n", long, b"x", long, b"\nb\n", long, b"\nc"], refused)
    assert [(n, len(raw)) for n, raw in as_stored(made)] == [(1, 1), (3, 1), (4, len(long)), (5, 1)]
    assert refused == [(2, "longer than 16,777,216 bytes")]


def test_the_first_interrupt_hands_out_whole_lines_and_ends() -> None:
    reader, writer = os.pipe()
    with Interrupt() as interrupt:
        made = batches(reader, "x", interrupt=interrupt, refuse=lambda *_: None)
        os.write(writer, b"whole\nbegun")
        waiter = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
        waiter.start()
        assert [batch.lines for batch in made] == [[b"whole"]]
        waiter.join()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    os.close(reader)
    os.close(writer)


def test_messages_are_read_however_they_are_cut() -> None:
    text = (
        'retry: 1000\nid: a\n\n:\nid: b\n\nevent: gap\nid: c\ndata: {"x":"\u2028\x85é"}\n\nid: d\ndata: {}\n\ndata: cut'
    )
    for size in (1, 2, 3, 7, 1000):
        whole = text.encode()
        found = list(read_messages(iter([whole[at : at + size] for at in range(0, len(whole), size)])))
        assert [(one.kind, one.place, one.data) for one in found] == [
            ("", "a", []), ("", "b", []), ("gap", "c", ['{"x":"\u2028\x85é"}']), ("", "d", ["{}"]),
        ]  # fmt: skip
