"""A container's log, as the API server takes the question and the kubelet reads the answer.

What clients often get wrong about it, and what is therefore so here: times have nine digits, always; `sinceTime` is cut
to its second, and each entry is compared by itself; only the first entry of a line shows its time, so that a line may
begin without one where `sinceTime` falls into it; a log that is followed ends when its container has ended.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from tests.cluster.containers import Container, Instance, rfc3339_nanoseconds
from tests.cluster.model import Pod
from tests.cluster.statuses import Refusal, bad_request, invalid

_SECOND = 1_000_000_000
_MOST_AT_ONCE = 256 * 1024  # bytes; about what one read of a file and its pipes hold
_FIELD_KEYS = ("tailLines", "limitBytes", "sinceSeconds")


@dataclass(frozen=True, slots=True)
class LogOptions:
    container: str
    follow: bool
    previous: bool
    timestamps: bool
    since: int  # nanoseconds
    tail: int | None
    limit: int | None

    @classmethod
    def of(cls, query: Mapping[str, str], now: int) -> "LogOptions":
        """Raises Refusal."""
        numbers = {name: _number(query[name]) for name in _FIELD_KEYS if query.get(name)}
        if "sinceSeconds" in numbers and query.get("sinceTime"):
            raise _invalid("sinceSeconds", "Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified")
        for name, least in (("sinceSeconds", 1), ("limitBytes", 1), ("tailLines", 0)):
            if numbers.get(name, least) < least:
                bound = "greater than or equal to 0" if least == 0 else "greater than 0"
                raise _invalid(name, f"Invalid value: {numbers[name]}: must be {bound}")
        since = now - numbers["sinceSeconds"] * _SECOND if "sinceSeconds" in numbers else 0
        return cls(
            container=query.get("container", ""),
            follow=_truth(query.get("follow", "")),
            previous=_truth(query.get("previous", "")),
            timestamps=_truth(query.get("timestamps", "")),
            since=_time(query["sinceTime"]) if query.get("sinceTime") else since,
            tail=numbers.get("tailLines"),
            limit=numbers.get("limitBytes"),
        )


def choose(pod: Pod, options: LogOptions) -> Container:
    """Raises Refusal."""
    if options.container in pod.containers:
        return pod.containers[options.container]
    run = [one for one in pod.containers.values() if not one.is_init]
    if options.container:
        raise bad_request(f"container {options.container} is not valid for pod {pod.name}")
    if len(run) > 1:
        names = " ".join(one.name for one in run)
        raise bad_request(f"a container name must be specified for pod {pod.name}, choose one of: [{names}]")
    return run[0]


def instance_of(pod: Pod, container: Container, *, previous: bool) -> Instance:
    """Whose log it is: of what runs, of what ended last, or the one before. Raises Refusal."""
    told = f'container "{container.name}" in pod "{pod.name}"'
    current, waiting = container.current, container.waiting
    if previous:
        before = current if waiting is not None else container.previous
        if before is None:
            raise bad_request(f"previous terminated {told} not found")
        return before
    if current is not None:
        return current
    why = {
        "ErrImagePull": "image can't be pulled",
        "ImagePullBackOff": "trying and failing to pull image",
    }
    reason = (waiting or {}).get("reason", "")
    raise bad_request(f"{told} is waiting to start: {why.get(reason, reason)}")


class Reader:
    """One request's way through a log."""

    def __init__(self, instance: Instance, options: LogOptions) -> None:
        entries = instance.entries
        self._instance, self._options = instance, options
        self._next = instance.first if options.tail is None else max(instance.first, len(entries) - options.tail)
        self._left = options.limit
        self._is_new_line = True
        self._second, self._text = -1, b""

    def more(self) -> bytes:
        """What it has not read yet, or as much of it as goes at once; nothing if that is all for now."""
        if self.is_at_limit:
            return b""
        entries, parts, size = self._instance.entries, [], 0
        while self._next < len(entries) and size < _MOST_AT_ONCE:
            at, content, ends = entries[self._next]
            self._next += 1
            if at >= self._options.since:
                shown = self._time(at) + content if self._options.timestamps and self._is_new_line else content
                parts.append(shown + b"\n" if ends else shown)
                size += len(shown)
            self._is_new_line = ends or not content
        return self._limited(b"".join(parts))

    @property
    def is_at_limit(self) -> bool:
        return self._left == 0

    @property
    def is_at_end(self) -> bool:
        return self.is_at_limit or self._next >= len(self._instance.entries)

    def _limited(self, data: bytes) -> bytes:
        if self._left is None:
            return data
        data = data[: self._left]
        self._left -= len(data)
        return data

    def _time(self, at: int) -> bytes:
        second, rest = divmod(at, _SECOND)
        if second != self._second:
            self._second, self._text = second, rfc3339_nanoseconds(at)[:20].encode()
        return b"%s%09dZ " % (self._text, rest)


def _truth(text: str) -> bool:
    """As Kubernetes reads booleans of a query: there, and not one of the words for no."""
    return text.lower() not in {"", "0", "f", "false"}


def _number(text: str) -> int:
    if not re.fullmatch(r"[+-]?\d+", text):
        raise bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax')
    return int(text)


def _time(text: str) -> int:
    try:
        return int(datetime.fromisoformat(text).timestamp()) * _SECOND
    except ValueError:
        raise bad_request(f'parsing time "{text}" as "2006-01-02T15:04:05Z07:00": cannot parse') from None


def _invalid(field: str, message: str) -> Refusal:
    return invalid("PodLogOptions", "", field, message)
