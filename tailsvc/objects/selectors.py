"""Which objects are meant: label selectors and field selectors, in Kubernetes' own grammar."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from tailsvc.objects.kinds import Document

_TOKENS = re.compile(r"\s*(==|!=|=|\(|\)|,|!|[^\s=!(),]+)", re.ASCII)
_FIELDS = ("metadata.name", "metadata.namespace")
_LABEL_VALUE = re.compile(r"(?=.{0,63}\Z)(?:[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?)?", re.ASCII)
_PREFIX = re.compile(r"[A-Za-z0-9.-]{1,253}", re.ASCII)
_CHARS = 16_384


class BadSelector(ValueError):
    """The text says why, as Kubernetes words it."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """The label has one of `values`, or any value where they are None; `negated`: it does not."""

    key: str
    values: frozenset[str] | None
    negated: bool = False

    def admits(self, labels: Mapping[str, str]) -> bool:
        if self.values is None:
            return (self.key in labels) != self.negated
        return (labels.get(self.key) in self.values) != self.negated if self.key in labels else self.negated


@dataclass(frozen=True, slots=True)
class Selection:
    """All must hold. `names`: (equal, name) pairs of field selectors."""

    labels: tuple[Requirement, ...] = ()
    names: tuple[tuple[bool, str], ...] = ()
    impossible: bool = False

    @property
    def is_everything(self) -> bool:
        return not (self.labels or self.names or self.impossible)

    def admits(self, document: Document) -> bool:
        metadata = document["metadata"]
        return (
            not self.impossible
            and all((metadata["name"] == name) == equal for equal, name in self.names)
            and all(one.admits(metadata.get("labels") or {}) for one in self.labels)
        )

    @property
    def one_name(self) -> str | None:
        """Where only one can be meant."""
        return next((name for equal, name in self.names if equal), None)


EVERYTHING = Selection()


def read_selection(labels: str, fields: str) -> Selection:
    """Raises BadSelector."""
    if len(labels) + len(fields) > _CHARS:
        raise BadSelector("the selector is too long")
    names, impossible = _read_fields(fields)
    return Selection(tuple(_read_labels(labels)), names, impossible)


def _read_fields(text: str) -> tuple[tuple[tuple[bool, str], ...], bool]:
    names, impossible = [], False
    for part in filter(None, text.split(",")):
        found = re.fullmatch(r"([^=!]*?)(==|=|!=)(.*)", part, re.DOTALL)
        if found is None:
            raise BadSelector(f"invalid selector: '{text[:200]}'; can't understand '{part[:200]}'")
        field, operator, value = found[1].strip(), found[2], found[3].strip()
        if field not in _FIELDS:
            known = ", ".join(f'"{one}"' for one in _FIELDS)
            raise BadSelector(f'"{field[:200]}" is not a known field selector: only {known}')
        if field == "metadata.name":
            names.append((operator != "!=", value))
        else:
            impossible |= (value == "") != (operator != "!=")  # these objects are in no namespace
    return tuple(names), impossible


def _read_labels(text: str) -> list[Requirement]:
    tokens = _tokens(text)
    found = [_requirement(tokens)] if tokens else []
    while tokens:
        if tokens.pop(0) != "," or not tokens:
            raise _unparsable(text, "expected ',' and another requirement")
        found.append(_requirement(tokens))
    return found


def _tokens(text: str) -> list[str]:
    found, place = [], 0
    whole = text.strip()
    while place < len(whole):
        match = _TOKENS.match(whole, place)
        if match is None:
            raise _unparsable(text, "found an unexpected character")
        found.append(match[1])
        place = match.end()
    return found


def _requirement(tokens: list[str]) -> Requirement:
    first = tokens.pop(0)
    if first == "!":
        return Requirement(_key(tokens.pop(0) if tokens else ""), None, negated=True)
    key = _key(first)
    if not tokens or tokens[0] == ",":
        return Requirement(key, None)
    operator = tokens.pop(0)
    if operator in {"=", "==", "!="}:
        value = "" if not tokens or tokens[0] == "," else tokens.pop(0)
        return Requirement(key, frozenset([_value(value)]), negated=operator == "!=")
    if operator in {"in", "notin"}:
        return Requirement(key, _values(tokens), negated=operator == "notin")
    raise _unparsable(operator, "expected: in, notin, =, ==, !=")


def _values(tokens: list[str]) -> frozenset[str]:
    if not tokens or tokens.pop(0) != "(":
        raise _unparsable("", "found '', expected: '('")
    found, last = set(), ","
    while tokens:
        word = tokens.pop(0)
        if word in {",", ")"}:
            found |= {""} if last == "," else set()
            if word == ")":
                return frozenset(found)
        elif last == ",":
            found.add(_value(word))
        else:
            break
        last = word
    raise _unparsable("", "expected ',' or ')'")


def _key(text: str) -> str:
    prefix, slash, name = text.rpartition("/")
    if not name or not _LABEL_VALUE.fullmatch(name) or (slash and not _PREFIX.fullmatch(prefix)):
        raise _unparsable(text, "found no label's name")
    return text


def _value(text: str) -> str:
    if not _LABEL_VALUE.fullmatch(text):
        raise _unparsable(text, "found no label's value")
    return text


def _unparsable(text: str, why: str) -> BadSelector:
    return BadSelector(f"unable to parse requirement: {why} ({text[:200]!r})")
