"""docs/formats.md shows what is sent and what is stored; here every example is run."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tailsvc.events import Event, ParsedBody
from tailsvc.parsing import BodyKind, parse_body
from tailsvc.parsing.aliases import NAMES
from tailsvc.timestamps import iso_text

NOW = 1_735_732_800_000_000  # 2025-01-01T12:00:00Z, as the page says
PAGE = (Path(__file__).parents[3] / "docs" / "formats.md").read_text()
EXAMPLES = re.findall(r"```(text|ndjson|json)\n(.*?)\n```\n```result\n(.*?)\n```", PAGE, re.DOTALL)


def said(event: Event) -> dict[str, Any]:
    fields = {name: value for name, value in event._asdict().items() if value not in (None, False)}
    del fields["raw"], fields["timestamp"]
    return fields if event.timestamp == NOW else {"timestamp": iso_text(event.timestamp), **fields}


def answers(parsed: ParsedBody) -> list[dict[str, Any]]:
    rejected = [{"line": rejection.line, "rejected": rejection.reason} for rejection in parsed.rejections]
    return [said(event) for event in parsed.events] + rejected


@pytest.mark.parametrize(("kind", "sent", "stored"), EXAMPLES)
def test_an_example_of_the_page_is_true(kind: str, sent: str, stored: str) -> None:
    parsed = parse_body(sent.encode(), kind=BodyKind(kind), received_at=NOW)
    assert answers(parsed) == [json.loads(line) for line in stored.splitlines()]


def test_the_page_has_an_example_for_every_fence() -> None:
    assert len(EXAMPLES) == PAGE.count("```result") > 25


def test_the_page_lists_every_name_in_its_order() -> None:
    for column, names in NAMES.items():
        row = f"| `{Event._fields[column]}` | " + " ".join(f"`{name}`" for name in names) + " |"
        assert row in PAGE
