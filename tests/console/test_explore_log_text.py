"""Whatever a line holds, a browser is given text: no markup, no control, nothing without a shape."""

import re
import unicodedata
from html.parser import HTMLParser

from hypothesis import example, given
from hypothesis import strategies as st

from apps.console.explore.log_text import symbol, to_html
from apps.console.explore.terminal_colours import Pen
from tailsvc.folding import upper

_HOSTILE = [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "</td></tr>", "\"'><b>", "&lt;b&gt;", "&#60;b&#62;",
    "{{ 7|add:7 }}", "{% include 'x' %}", "${7*7}", "hx-get=/", "javascript:alert(1)",
    "\x1b[31m", "\x1b[0m", "\x1b[1;38;5;196m", "\x1b[38;2;1;2;3m", "\x1b[8m", "\x1b[2J", "\x1b[99999999m", "\x1b[;m",
    "\x1b]8;;http://evil.example\x07", "\x1b]0;title\x1b\\", "\x9b31m", "\x1bP", "\x1b", "\x07", "\r", "\r\n", "\n",
    "\u202e", "\u2066", "\u200b", "\ufeff", "\u2028", "\x00", "\x7f", "\U000e0041", "\ud800", "ﬀ", "é", "日", "👩‍💻",
]  # fmt: skip
hostile = st.lists(st.one_of(st.sampled_from(_HOSTILE), st.text(max_size=8)), max_size=8).map("".join)
_ALLOWED = {"span": {"class"}, "mark": set(), "i": {"class", "title"}}
_CLASSES = re.compile(r"sym|more|ansi-(on-)?\d+|ansi-[bfiu]")


class Reader(HTMLParser):
    """What a browser would make of it: the text without our symbols, and the same with them."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.plain = self.shown = self.marked = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert {name for name, _ in attrs} <= _ALLOWED[tag]
        for name, value in attrs:
            if name == "class":
                assert all(_CLASSES.fullmatch(one) for one in (value or "").split(" "))
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.shown += data
        if "i" not in self.open:
            self.plain += data
        if "mark" in self.open:
            self.marked += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)

    handle_decl = handle_pi = unknown_decl = handle_comment


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert not reader.open
    return reader


def _is_harmless(character: str) -> bool:
    """Or one that words are made of."""
    return unicodedata.category(character) not in {"Cc", "Cs", "Zl", "Zp"} and (
        unicodedata.bidirectional(character) not in {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    )


@given(hostile, st.lists(hostile, max_size=2), st.booleans())
@example("\x1b[31m<b>\x1b[0m", ["<B"], False)
def test_no_markup_escapes_and_nothing_steers(text: str, words: list[str], many_lines: bool) -> None:
    shown = read(to_html(text, words=words, many_lines=many_lines)).shown
    assert all(_is_harmless(each) or each in "\t\n" for each in shown)
    assert many_lines or "\n" not in shown


@given(hostile)
def test_nothing_is_lost_but_colours(text: str) -> None:
    """With each symbol read back, it is the text that came; colours that are obeyed are the only thing that is gone."""
    html = to_html(text)
    for told in set(re.findall(r'<i class="sym" title="U\+([0-9A-F]+)[^"]*">[^<]*</i>', html)):
        html = re.sub(rf'<i class="sym" title="U\+{told}[ "][^<]*</i>', f"[[{int(told, 16)}]]", html)
    html = html.replace('<i class="sym">↵</i>', "\n")
    kept = re.sub(r"\[\[(\d+)\]\]", lambda found: chr(int(found[1])), read(html).plain)
    assert kept == _without_colours(text).replace("\r\n", "\n")


def _without_colours(text: str) -> str:
    pen = Pen()

    def obeyed(found: re.Match[str]) -> str:
        return found[0] if pen.after(found[1]) is None else ""

    return re.sub(r"\x1b\[([0-9;]{0,60})m", obeyed, text)


@given(hostile, hostile.filter(bool))
def test_what_was_searched_for_is_marked(text: str, word: str) -> None:
    plain = "".join(each for each in word if each.isalnum())
    marked = read(to_html(text + plain, words=[plain] if plain else [])).marked
    assert upper(plain) in upper(marked)


@given(st.text(st.sampled_from("ab<\n\x1b"), max_size=9), st.integers(0, 9))
def test_a_long_text_is_cut_and_says_so(text: str, most: int) -> None:
    shown = read(to_html(text, most=most)).shown
    assert shown.startswith(read(to_html(text[:most])).shown)
    assert shown.endswith(f"{len(text) - most:,} more characters") == (len(text) > most)


def test_colours_are_obeyed_as_far_as_the_list_goes() -> None:
    assert to_html("\x1b[1;31mbad\x1b[22m, worse\x1b[m.") == (
        '<span class="ansi-b ansi-1">bad</span><span class="ansi-1">, worse</span>.'
    )
    assert to_html("\x1b[97;44mx") == '<span class="ansi-on-4">x</span>'
    assert to_html("\x1b[38;5;196mx") == to_html("\x1b[38;2;255;0;0mx") == '<span class="ansi-1">x</span>'
    for refused in ("\x1b[8m", "\x1b[5m", "\x1b[31;8m", "\x1b[38;5;256m", "\x1b[38;5m", "\x1b[38m", "\x1b[31:1m"):
        assert to_html(f"{refused}x") == f'<i class="sym" title="U+001B">␛</i>{refused[1:]}x'


def test_what_has_no_shape_is_named() -> None:
    assert [symbol(each) for each in "\x00\x1b\x7f\x9b\u202e\u2066\u00ad"] == [
        *("␀", "␛", "␡", "⟨U+009B⟩", "⟨RLO⟩", "⟨LRI⟩", "⟨SHY⟩")
    ]
    assert to_html("user\u202egnp.exe") == ('user<i class="sym" title="U+202E RIGHT-TO-LEFT OVERRIDE">⟨RLO⟩</i>gnp.exe')
    assert to_html("👩‍💻 é") == "👩‍💻 é"


def test_a_link_of_a_terminal_is_no_link() -> None:
    assert read(to_html("\x1b]8;;http://evil.example\x07here\x1b]8;;\x07")).shown == (
        "␛]8;;http://evil.example␇here␛]8;;␇"
    )


def test_line_ends() -> None:
    assert to_html("a\nb\r\nc") == 'a<i class="sym">↵</i>b<i class="sym">↵</i>c'
    assert to_html("a\nb\r\nc", many_lines=True) == "a\nb\nc"
