"""logfmt: `ts=2025-01-01T12:00:00Z level=info msg="order accepted" attempt=2`."""

import json
import re
from collections.abc import Iterator, Sequence
from operator import methodcaller
from typing import NamedTuple

from tailsvc.event_tables import by_value, coded, values_of
from tailsvc.parsing.json_values import clean

# The first pair, to tell at once that a text is something else.
_HEAD = re.compile(r"[^\s=\"\[\]{}<>(),;]{1,128}+=", re.ASCII)
_TOKEN = re.compile(
    r'([^\s="]++)=(?:"([^"\\]*+(?:\\.[^"\\]*+)*+)"(?!\S)|([^\s"]*+)(?!\S))|(\S++)',
    re.ASCII | re.DOTALL,
)
_COVERED = re.compile(r'(?:[^\s="]++=(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"|[^\s"]*+)(?:\s++|$))++', re.ASCII | re.DOTALL)
_PAIR = re.compile(r'([^\s="]++)=("[^"\\]*+"|[^\s"]*+)', re.ASCII)
_TEMPLATE_NAMES = 48
_TEMPLATE_CHARS = 4096
# Up to here splitting and throwing away is cheaper than asking first.
_SHORT_CHARS = 16_384
_SAMPLE = 8


# Names, and their values in the same order.
Pairs = tuple[tuple[str, ...], tuple[str, ...]]


def read_logfmt(text: str) -> Pairs | None:
    """The pairs, if there are two or more and nothing else in the text; of one name the last. Values stay texts."""
    if not _HEAD.match(text) or (len(text) > _SHORT_CHARS and not _COVERED.fullmatch(text)):
        return None
    pairs = _templates.read(text)
    if pairs is None:
        found = _read_tokens(_TOKEN.findall(text))
        if found is not None:
            pairs = tuple(found), tuple(found.values())
            if len(text) <= _TEMPLATE_CHARS:
                _templates.see(text, pairs)
    return pairs


class Known(NamedTuple):
    names: tuple[str, ...]
    values: list[Sequence[str]]  # by name, then by line
    literals: Sequence[str]
    texts: Sequence[Sequence[str]]  # the values as they stand in the line


def read_known_logfmt(rows: list[int], texts: Sequence[str]) -> Iterator[tuple[list[int], Known]]:
    """What of these rows has names that were seen often, all lines of the same names together."""
    for template in _templates.known:
        sample = rows[:: 1 + len(rows) // _SAMPLE]
        if any(template.match(texts[row]) for row in sample):
            matches = {row: match for row in rows if (match := template.match(texts[row])) and _is_plain(match[0])}
            if matches:
                rows = [row for row in rows if row not in matches]
                yield [*matches], template.read([*matches.values()])


def _is_plain(text: str) -> bool:
    """No access log, which is looked for first, and not long."""
    return len(text) <= _SHORT_CHARS and '] "' not in text


class _Template:
    """One expression for lines of the same names, in this order."""

    def __init__(self, pattern: re.Pattern[str], names: tuple[str, ...]) -> None:
        self.pattern = pattern
        self.names = names
        self.match = pattern.fullmatch
        self._literals = [f"{name}=" if place == 0 else f" {name}=" for place, name in enumerate(names)]

    def read(self, matches: Sequence[re.Match[str]]) -> Known:
        texts = [*map(coded, zip(*map(re.Match.groups, matches), strict=True))]
        values = [by_value(_unquoted, column) if any(map(_QUOTE, values_of(column))) else column for column in texts]
        return Known(self.names, values, [*self._literals, ""], texts)


_QUOTE = methodcaller("startswith", '"')


def _unquoted(values: Sequence[str]) -> list[str]:
    return [value[1:-1] if value[:1] == '"' else value for value in values]


class _Templates:
    """Expressions for lines whose names were seen often: one match for a line instead of one for a pair."""

    _KEPT = 8
    _OFTEN = 64  # compiling costs as much as reading this many lines
    _WATCHED = 256

    def __init__(self) -> None:
        self.known: list[_Template] = []
        self._seen: dict[tuple[str, ...], int] = {}

    def read(self, text: str) -> Pairs | None:
        for template in self.known:
            match = template.match(text)
            if match is not None:
                values = match.groups()
                return template.names, tuple(_unquoted(values)) if '"' in text else values
        return None

    def see(self, text: str, pairs: Pairs) -> None:
        """Learns the form of a text that has come often enough and is as plain as a template can be."""
        names, _ = pairs
        count = self._seen.get(names, 0) + 1
        if count >= self._OFTEN and len(names) <= _TEMPLATE_NAMES:
            # What is quoted once may be quoted or not, the others not.
            pattern = re.compile(" ".join(map(_template_of, _PAIR.findall(text))), re.ASCII)
            if pattern.groups == len(names) and pattern.fullmatch(text):
                self.known = [_Template(pattern, names), *self.known[: self._KEPT - 1]]
            count = 0
        if len(self._seen) >= self._WATCHED:
            self._seen.clear()
        self._seen[names] = count


def _template_of(pair: tuple[str, str]) -> str:
    name, value = pair
    quoted = r'"[^"\\]*"|' if value.startswith('"') else ""
    return rf'{re.escape(name)}=({quoted}[^\s"]*)'


_templates = _Templates()


def _read_tokens(tokens: list[tuple[str, str, str, str]]) -> dict[str, str] | None:
    if len(tokens) < 2:
        return None
    pairs: dict[str, str] = {}
    for name, quoted, bare, other in tokens:
        if other:
            return None
        pairs[name] = bare or (_unescape(quoted) if "\\" in quoted else quoted)
    return pairs


def _unescape(quoted: str) -> str:
    try:
        value = json.loads(f'"{quoted}"', strict=False)
    except ValueError:
        return quoted.replace('\\"', '"')
    return clean(str(value))
