"""Whether a row group may hold what a filter asks for, told by its text filter alone."""

from collections.abc import Callable, Iterable, Sequence

from tailsvc.filters import And, Contains, Filter, Like, OneOf, Or
from tailsvc.filters.nodes import SEARCHED_FIELDS
from tailsvc.filters.patterns import literals
from tailsvc.segments.text_filter import Needle, may_contain

Probe = Callable[[bytes], bool]
# A text filter knows the values of these columns; of others it may not.
_KNOWN = frozenset(SEARCHED_FIELDS)


def probe_of(condition: Filter) -> Probe | None:
    """False: no event of the group matches. None: a text filter cannot tell."""
    match condition:
        case Contains(text):
            return _all_of([text])
        case Like(field, pattern) if field in _KNOWN:
            return _all_of(literals(pattern))
        case OneOf(field, values) if field in _KNOWN:
            return _any(_all_of([str(value)]) for value in values)
        case And(parts):
            probes = [probe for part in parts if (probe := probe_of(part)) is not None]
            return (lambda filter_: all(probe(filter_) for probe in probes)) if probes else None
        case Or(parts):
            return _any(map(probe_of, parts))
    return None


def _all_of(texts: Sequence[str]) -> Probe | None:
    needles = [needle for text in texts if (needle := Needle(text)).is_selective]
    return (lambda filter_: all(may_contain(filter_, needle) for needle in needles)) if needles else None


def _any(probes: Iterable[Probe | None]) -> Probe | None:
    found: list[Probe] = []
    for probe in probes:
        if probe is None:
            return None
        found.append(probe)
    return lambda filter_: any(probe(filter_) for probe in found)
