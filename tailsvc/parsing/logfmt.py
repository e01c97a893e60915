"""logfmt: `ts=2025-01-01T12:00:00Z level=info msg="order accepted" attempt=2`."""

import json
import re

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


class _Templates:
    """Expressions for lines whose names were seen often: one match for a line instead of one for a pair."""

    _KEPT = 8
    _OFTEN = 64  # compiling costs as much as reading this many lines
    _WATCHED = 256

    def __init__(self) -> None:
        self._known: list[tuple[re.Pattern[str], tuple[str, ...]]] = []
        self._seen: dict[tuple[str, ...], int] = {}

    def read(self, text: str) -> Pairs | None:
        for pattern, names in self._known:
            match = pattern.fullmatch(text)
            if match is not None:
                values = match.groups()
                if '"' in text:
                    values = tuple([value[1:-1] if value[:1] == '"' else value for value in values])
                return names, values
        return None

    def see(self, text: str, pairs: Pairs) -> None:
        """Learns the form of a text that has come often enough and is as plain as a template can be."""
        names, _ = pairs
        count = self._seen.get(names, 0) + 1
        if count >= self._OFTEN and len(names) <= _TEMPLATE_NAMES:
            # What is quoted once may be quoted or not, the others not.
            pattern = re.compile(" ".join(map(_template_of, _PAIR.findall(text))), re.ASCII)
            if pattern.groups == len(names) and pattern.fullmatch(text):
                self._known = [(pattern, names), *self._known[: self._KEPT - 1]]
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
