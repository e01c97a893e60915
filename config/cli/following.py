"""A stream's live tail over HTTP, taken up where it broke off: no event is missed or seen twice."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from config.cli.service import Away, Refused, Service
from config.cli.shipping import back_off

# The service says something every 15 s; who hears nothing for longer has lost it.
_TIMEOUT = httpx.Timeout(45.0, connect=10.0)
_AGAIN = {408, 425, 429, 500, 502, 503, 504}
# These ends are final; after any other it is worth connecting again.
_FINAL = {"stream_deleted", "rights_ended", "filter_too_costly"}


class Over(Exception):
    """There is nothing more to follow; `str()` says why."""


@dataclass(slots=True)
class Message:
    """`kind` is "" for an event of the stream, else the service's name for what it tells."""

    kind: str = ""
    place: str | None = None
    data: list[str] = field(default_factory=list)

    @property
    def content(self) -> Any:
        return json.loads("\n".join(self.data))


class Following:
    """`on_loss` hears why and how long is waited, `on_return` that it goes on."""

    def __init__(
        self,
        service: Service,
        uuid: str,
        params: Mapping[str, str],
        *,
        on_loss: Callable[[str, float], None],
        on_return: Callable[[], None],
    ) -> None:
        self._service = service
        self._path = f"/api/streams/{uuid}/tail"
        self._params = params
        self._place: str | None = None
        self._on_loss = on_loss
        self._on_return = on_return
        self._has_begun = False
        self._losses = 0

    def messages(self) -> Iterator[Message]:
        """Events and gaps. Raises Refused and Away for the first connection, Over for a final end."""
        while True:
            try:
                yield from self._connection()
            except (Refused, Away) as error:
                self._wait(error)
            else:
                if self._params.get("follow") == "false":
                    return
                self._wait(Away("the connection was closed"))

    def _connection(self) -> Iterator[Message]:
        with self._service.streaming(self._path, params=self._asked(), timeout=_TIMEOUT) as chunks:
            self._has_begun = True
            if self._losses:
                self._losses = 0
                self._on_return()
            for message in read_messages(chunks):
                if message.kind == "end":
                    _end(message.content)
                if message.data:
                    yield message
                # Only now: what was not handed out is asked for again.
                self._place = message.place or self._place

    def _asked(self) -> Mapping[str, str]:
        if self._place is None:
            return self._params
        kept = {name: value for name, value in self._params.items() if name not in ("lines", "since")}
        return {**kept, "after": self._place}

    def _wait(self, error: Refused | Away) -> None:
        """Before the next attempt; raises the error where there is to be none."""
        if not self._has_begun:
            raise error
        if isinstance(error, Refused) and error.status not in _AGAIN:
            if error.status == httpx.codes.NOT_FOUND:
                raise Over("The stream was deleted.") from error
            raise error
        asked = error.retry_after if isinstance(error, Refused) else None
        seconds = max(asked or 0.0, back_off(self._losses))
        self._losses += 1
        self._on_loss(str(error), seconds)
        time.sleep(seconds)


def _end(told: Mapping[str, str]) -> None:
    if told.get("reason") in _FINAL:
        raise Over(told["message"])
    raise Away(told.get("message", "the service ended the connection").rstrip("."))


def read_messages(chunks: Iterator[bytes]) -> Iterator[Message]:
    """Server-sent events. Lines end with LF alone: texts hold whatever else `splitlines` would take for an end."""
    message = Message()
    for line in _lines(chunks):
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match name:
            case "" if not line:
                yield message
                message = Message()
            case "id":
                message.place = value
            case "event":
                message.kind = value
            case "data":
                message.data.append(value)


def _lines(chunks: Iterator[bytes]) -> Iterator[str]:
    """Only whole ones: what a broken connection cut is asked for again."""
    rest: list[bytes] = []
    for chunk in chunks:
        first, *others = chunk.split(b"\n")
        rest.append(first)
        for part in others:
            yield b"".join(rest).decode()
            rest = [part]
