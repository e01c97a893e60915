"""Text of log lines as HTML: shown, never interpreted. The one module that does it.

Lines are written by strangers. Whatever could steer a browser or deceive a reader becomes a visible symbol: markup is
escaped, controls, bidi controls and letters without a shape are named, escape sequences are spelled out. Only colours
and weights of terminals (SGR) are obeyed, and only those of a list, as classes of a style sheet.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape

from django.utils.safestring import SafeString

from apps.console.explore.terminal_colours import Pen
from tailsvc.query_language import places

# What has no shape, or steers what stands around it; not the joiners, of which emoji and scripts are made.
_SHAPELESS = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u070f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f"
    "\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\ud800-\udfff"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_SPECIAL = re.compile(rf"\x1b\[(?P<sgr>[0-9;]{{0,60}})m|(?P<end>\r?\n)|[{_SHAPELESS}]")
_NAMES = {
    "\x7f": "␡",
    "\xad": "⟨SHY⟩",
    "\u061c": "⟨ALM⟩",
    "\u200b": "⟨ZWSP⟩",
    "\u200e": "⟨LRM⟩",
    "\u200f": "⟨RLM⟩",
    "\u2028": "⟨LS⟩",
    "\u2029": "⟨PS⟩",
    "\u202a": "⟨LRE⟩",
    "\u202b": "⟨RLE⟩",
    "\u202c": "⟨PDF⟩",
    "\u202d": "⟨LRO⟩",
    "\u202e": "⟨RLO⟩",
    "\u2060": "⟨WJ⟩",
    "\u2066": "⟨LRI⟩",
    "\u2067": "⟨RLI⟩",
    "\u2068": "⟨FSI⟩",
    "\u2069": "⟨PDI⟩",
    "\ufeff": "⟨BOM⟩",
}
_LINE_END = '<i class="sym">↵</i>'


def to_html(text: str, *, words: Sequence[str] = (), most: int | None = None, many_lines: bool = False) -> SafeString:
    """At most `most` characters of it, with what was searched for (`words`, in any case) in <mark>.

    Line ends are symbols, unless `many_lines`.
    """
    shown = text if most is None else text[:most]
    marks = places(shown, words)
    # Nearly all text is plain, and a page has thousands of pieces of it.
    is_plain = not marks and ((shown.isascii() and shown.isprintable()) or not _SPECIAL.search(shown))
    found = escape(shown) if is_plain else _Writer(shown, marks, many_lines).write()
    if len(shown) < len(text):
        found += f'<i class="more"> … {len(text) - len(shown):,} more characters</i>'
    return SafeString(found)


def raw_to_html(raw: bytes, *, most: int, words: Sequence[str] = (), many_lines: bool = False) -> SafeString:
    """A raw line as `to_html` shows it. Of one with many megabytes no more is read than is shown."""
    text = raw[: 4 * most].decode("utf-8", "replace")
    if len(text) <= most and len(raw) <= 4 * most:
        return to_html(text, words=words, many_lines=many_lines)
    rest = len(raw) - len(text[:most].encode())
    shown = to_html(text[:most], words=words, many_lines=many_lines)
    return SafeString(f'{shown}<i class="more"> … {rest:,} more bytes</i>')


def symbol(character: str) -> str:
    """What stands for a character that must not be itself."""
    if character < " ":
        return chr(0x2400 + ord(character))
    return _NAMES.get(character) or f"⟨U+{ord(character):04X}⟩"


@dataclass(slots=True)
class _Writer:
    text: str
    marks: list[tuple[int, int]]
    many_lines: bool
    pen: Pen = field(default_factory=Pen)
    parts: list[str] = field(default_factory=list)

    def write(self) -> str:
        at = 0
        for found in _SPECIAL.finditer(self.text):
            self._plain(at, found.start())
            self._special(found)
            at = found.end()
        self._plain(at, len(self.text))
        return "".join(self.parts)

    def _special(self, found: re.Match[str]) -> None:
        pen = None if found["sgr"] is None else self.pen.after(found["sgr"])
        if pen is not None:
            self.pen = pen
        elif found["end"] is not None:
            self.parts.append("\n" if self.many_lines else _LINE_END)
        else:
            # Of a sequence that is not obeyed, what follows the escape is text like any other.
            self.parts.append(_named(found[0][0]))
            if len(found[0]) > 1:
                self._plain(found.start() + 1, found.end())

    def _plain(self, start: int, end: int) -> None:
        for at, upto, is_marked in _cut(start, end, self.marks):
            piece = escape(self.text[at:upto])
            if is_marked:
                piece = f"<mark>{piece}</mark>"
            self.parts.append(f'<span class="{self.pen.classes}">{piece}</span>' if self.pen.classes else piece)


def _named(character: str) -> str:
    name = unicodedata.name(character, "")
    told = f"U+{ord(character):04X} {name}".strip()
    return f'<i class="sym" title="{escape(told)}">{symbol(character)}</i>'


def _cut(start: int, end: int, marks: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int, bool]]:
    """The stretch in pieces that are marked as a whole or not at all."""
    at = start
    for first, behind in marks:
        if behind <= at or first >= end:
            continue
        if first > at:
            yield at, first, False
            at = first
        yield at, min(behind, end), True
        at = min(behind, end)
    if at < end:
        yield at, end, False
