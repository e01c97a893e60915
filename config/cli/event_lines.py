"""An event as a line for people, or as JSON for programs. Nothing in it can steer a terminal."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

from config.cli.moments import shown
from config.cli.terminal import printable
from tailsvc.query_language import places

_LEVELS = {
    **dict.fromkeys(("FATAL", "CRITICAL", "EMERGENCY", "ALERT", "PANIC"), "1;31"),
    "ERROR": "31",
    "WARN": "33",
    "NOTICE": "32",
    "INFO": "32",
    "DEBUG": "36",
    "TRACE": "2",
}
_FAINT, _FOUND = "2", "1;4"
_LEVEL_WIDTH = 5
# What emitted the event, the closest first.
_SOURCES = ("replica", "container", "service", "host", "filename", "src")
# Shown beside a message: the rest of what its line said, but for what stands elsewhere or follows from others.
_NOT_BESIDE = {"level", "message", "is_bot", "status_class"}
_UNSAFE = re.compile(r"[^\x20-\x7e]")


@dataclass(frozen=True, slots=True)
class Style:
    """How lines are written. `words` are shown where they were found; `zone` None is the machine's."""

    colours: bool
    zone: tzinfo | None
    words: Sequence[str] = ()
    many_lines: bool = False  # a text of several lines takes several, each set in

    def line(self, event: Mapping[str, Any]) -> str:
        fields = event.get("fields", {})
        level = str(fields.get("level", ""))
        source = next((name for name in _SOURCES if fields.get(name)), None)
        head = [
            self._in(_FAINT, shown(event["timestamp"], self.zone)),
            self._in(_LEVELS.get(level), f"{printable(level):<{_LEVEL_WIDTH}}"),
            *([self._in(_FAINT, printable(str(fields[source])))] if source else []),
        ]
        return " ".join([*head, *self._text(event, fields, source)])

    def _text(self, event: Mapping[str, Any], fields: Mapping[str, Any], source: str | None) -> list[str]:
        """A line of JSON by its message and the rest; any other as it came."""
        raw, message = event["raw_message"], fields.get("message")
        if message is None or not raw.lstrip().startswith("{"):
            return [self._marked(raw)]
        beside = {name: value for name, value in fields.items() if name not in _NOT_BESIDE and name != source}
        pairs = {**beside, **event.get("attributes", {})}
        return [self._marked(message), *(self._pair(name, value) for name, value in pairs.items())]

    def _pair(self, name: str, value: object) -> str:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        return f"{self._in(_FAINT, printable(name) + '=')}{self._marked(text)}"

    def _marked(self, text: str) -> str:
        clean = self._clean(text)
        if not self.colours or not self.words:
            return clean
        found, at = [], 0
        for start, end in places(clean, [self._clean(word) for word in self.words]):
            found += [clean[at:start], self._in(_FOUND, clean[start:end])]
            at = end
        return "".join([*found, clean[at:]])

    def _clean(self, text: str) -> str:
        if not self.many_lines:
            return printable(text.replace("\t", "    "))
        parts = text.rstrip("\n").replace("\t", "    ").split("\n")
        return "\n    ".join(printable(part.removesuffix("\r")) for part in parts)

    def _in(self, code: str | None, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.colours and code and text else text


def json_line(event: Mapping[str, Any]) -> str:
    """The same values as the API gave; whatever is not printable is written as JSON's escape."""
    text = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
    return text if text.isprintable() else _UNSAFE.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    return match[0] if match[0].isprintable() else json.dumps(match[0])[1:-1]
