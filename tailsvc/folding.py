"""Case folding, the same in every evaluator.

Python, Rust and Postgres fold differently, and Postgres by locale. So the classes of letters that count as equal are
pinned in `case_classes.txt` (Unicode 14, simple folding: one code point to one code point; one class a line, its
upper-case letter first). Nothing here or in the stores uses `lower()`, `ILIKE` or `(?i)` on foreign text.
"""

from importlib.resources import files

_CLASSES = files("tailsvc").joinpath("case_classes.txt").read_text(encoding="utf-8").split("\n")[:-1]
_CLASS_OF = {letter: letters for letters in _CLASSES for letter in letters}
# While a text is translated no other thread gets a turn: long ones in pieces of a few milliseconds.
_AT_ONCE = 1 << 16
_UPPER = {ord(letter): letters[0] for letter, letters in _CLASS_OF.items() if letter != letters[0]}


def upper(text: str) -> str:
    """Each letter replaced by the first of its class; two texts are equal but for case if these are equal."""
    # For ASCII both agree, and str.upper is ten times as fast.
    if text.isascii():
        return text.upper()
    if len(text) <= _AT_ONCE:
        return text.translate(_UPPER)
    return "".join(upper(text[start : start + _AT_ONCE]) for start in range(0, len(text), _AT_ONCE))


def letters_like(letter: str) -> str:
    """All letters that count as equal to this one, itself included."""
    return _CLASS_OF.get(letter, letter)
