import os
from pathlib import Path

import pytest

from config.runtime import output as outputs
from config.runtime.output import Output, is_severe, readable


@pytest.mark.parametrize(
    ("line", "severe"),
    [
        ('{"event": "x", "level": "error"}', True),
        ('{"event": "x", "level": "critical"}', True),
        ('{"event": "an ERROR in a log line", "level": "info"}', False),
        ("[ERROR] Unexpected exit from worker-1", True),
        ("2026-01-01 FATAL: no", True),
        ("errors: 0", False),
        ("", False),
        ("{broken", False),
    ],
)
def test_severe_is_what_says_so(line: str, severe: bool) -> None:
    assert is_severe(line) is severe


def test_a_json_line_becomes_a_sentence_and_a_long_line_is_cut() -> None:
    assert readable('{"event": "started", "level": "info"}') == "info started"
    assert readable("[1, 2]") == "[1, 2]"
    assert len(readable("x" * 10_000)) == 400


def test_a_long_log_is_cut_while_its_writer_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outputs, "MAX_LOG_BYTES", 100)
    output = Output(tmp_path / "web.log", loud=True)
    os.write(output.descriptor, b"old\n" * 50)
    assert len(output.new_lines()) == 50
    output.cut()
    os.write(output.descriptor, b"new\n")
    assert output.new_lines() == ["new"]
    assert (tmp_path / "web.log").read_bytes() == b"new\n"
    assert (tmp_path / "web.log.1").stat().st_size == 200
    assert (tmp_path / "web.log.1").stat().st_mode & 0o077 == 0
    output.close()


def test_last_words_are_those_of_the_process_that_just_ran(tmp_path: Path) -> None:
    output = Output(tmp_path / "web.log", loud=True)
    os.write(output.descriptor, b"before\n")
    output.mark()
    os.write(output.descriptor, b"after\n")
    assert output.last_lines() == "after"
    output.close()
