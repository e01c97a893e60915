"""What a person looks for in the lines that were found."""

from tailsvc.filters import And, Contains, Filter, Or


def searched_texts(condition: Filter) -> list[str]:
    """The pieces of text that may have made an event match, in the order of the query."""
    match condition:
        case Contains(text):
            return [text]
        case And(parts) | Or(parts):
            return [text for part in parts for text in searched_texts(part)]
        case _:
            return []
