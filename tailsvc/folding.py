"""Case folding, the same in every evaluator.

Python, Rust and Postgres fold differently, and Postgres by locale. So the classes of letters that count as equal are
pinned in `case_classes.txt` (Unicode 14, simple folding: one code point to one code point; one class a line, its
upper-case letter first). Nothing here or in the stores uses `lower()`, `ILIKE` or `(?i)` on foreign text.
"""

from importlib.resources import files

_CLASSES = files("tailsvc").joinpath("case_classes.txt").read_text(encoding="utf-8").split("\n")[:-1]
_CLASS_OF = {letter: letters for letters in _CLASSES for letter in letters}
_UPPER = {ord(letter): letters[0] for letter, letters in _CLASS_OF.items() if letter != letters[0]}


def upper(text: str) -> str:
    """Each letter replaced by the first of its class; two texts are equal but for case if these are equal."""
    # For ASCII both agree, and str.upper is ten times as fast.
    return text.upper() if text.isascii() else text.translate(_UPPER)


def letters_like(letter: str) -> str:
    """All letters that count as equal to this one, itself included."""
    return _CLASS_OF.get(letter, letter)
