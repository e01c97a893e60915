"""Batches to the ingest, each stored exactly once: one key for all attempts, and the same bytes every time."""

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import uuid4

import httpx
import zstandard

from config.cli.batches import Batch
from config.cli.interrupt import Interrupt
from config.cli.service import Away, Refused, Service, retry_after
from config.cli.terminal import fail

FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.5, 30.0
# A fault of the service or of something before it, not of the batch.
_AGAIN = {408, 425, 429, 500, 502, 503, 504}
_NOTHING_TO_SHIP_WITH = (
    "The service gives no ingest token for this stream: your token needs the ability streams:issue-token, "
    "and the stream an ingest token that is alive."
)
_packer = zstandard.ZstdCompressor(level=3)


class NotShipped(Exception):
    """A batch was given up; `str()` says why. `unknown`: it may have been stored all the same."""

    def __init__(self, why: str, *, unknown: bool) -> None:
        super().__init__(why)
        self.unknown = unknown


class Rejection(NamedTuple):
    source: str
    line: int | None  # None: some line of the batch; an answer does not name them all
    reason: str


@dataclass(slots=True)
class Shipped:
    """What has become of everything so far."""

    accepted: int = 0
    requests: int = 0
    bytes: int = 0
    packed: int = 0
    rejected: int = 0


@dataclass(slots=True)
class _Packed:
    """A batch on its way."""

    batch: Batch
    body: bytes = field(init=False)
    key: str = field(default_factory=lambda: str(uuid4()))

    def __post_init__(self) -> None:
        self.body = _packer.compress(self.batch.body)


class Shipper:
    """Sends to one stream. `on_reject` hears of each rejected line, `on_wait` why and how long it waits."""

    def __init__(
        self,
        service: Service,
        uuid: str,
        *,
        interrupt: Interrupt,
        patience: float,
        on_reject: Callable[[Rejection], None],
        on_wait: Callable[[str, float], None],
    ) -> None:
        self.done = Shipped()
        self._service = service
        self._uuid = uuid
        self._token = _ingest_token(service, uuid) or fail(_NOTHING_TO_SHIP_WITH)
        self._interrupt = interrupt
        self._patience = patience
        self._on_reject = on_reject
        self._on_wait = on_wait

    def send(self, batch: Batch) -> None:
        """Returns when it is stored. Raises NotShipped, and KeyboardInterrupt at the second Ctrl-C."""
        packed = _Packed(batch)
        self._take(packed, self._answer_to(packed))

    def _answer_to(self, packed: _Packed) -> httpx.Response:
        """An answer that says what was stored, after as many attempts as patience allows."""
        deadline, attempt, unknown, renewed = time.monotonic() + self._patience, 0, False, False
        while True:
            answer, why = self._attempt(packed)
            if answer is not None and answer.status_code not in _AGAIN:
                if answer.status_code not in (401, 403) or renewed:
                    return self._usable(answer, unknown=unknown)
                renewed, self._token = True, self._renewed_token(unknown=unknown)
                continue
            # Only a limit of rate is met before anything is stored.
            unknown = unknown or answer is None or answer.status_code != httpx.codes.TOO_MANY_REQUESTS
            asked = retry_after(answer) if answer is not None else None
            seconds = max(asked or 0.0, back_off(attempt))
            attempt += 1
            if time.monotonic() + seconds > deadline:
                raise NotShipped(why, unknown=unknown)
            self._on_wait(why, seconds)
            self._interrupt.sleep(seconds)

    def _attempt(self, packed: _Packed) -> tuple[httpx.Response | None, str]:
        headers = {
            "Authorization": f"Bearer {self._token}",
            "Content-Type": packed.batch.content_type,
            "Content-Encoding": "zstd",
            "Idempotency-Key": packed.key,
        }
        # The service's own address rather than the one that it has for agents: this one is known to lead there.
        path = f"/api/ingest/{self._uuid}"
        try:
            answer = self._service.answer_to("POST", path, content=packed.body, headers=headers)
        except Away as away:
            return None, f"{self._service.url} does not answer: {away}."
        return answer, "" if answer.is_success else str(Refused(answer))

    def _usable(self, answer: httpx.Response, *, unknown: bool) -> httpx.Response:
        if answer.is_success or (answer.status_code == httpx.codes.BAD_REQUEST and _told_lines(answer)):
            return answer
        raise NotShipped(f"{self._service.url} says {answer.status_code}: {Refused(answer)}", unknown=unknown)

    def _renewed_token(self, *, unknown: bool) -> str:
        """It may have been replaced by another meanwhile."""
        try:
            token = _ingest_token(self._service, self._uuid)
        except (Refused, Away) as error:
            raise NotShipped(str(error), unknown=unknown) from error
        if token is None:
            raise NotShipped(_NOTHING_TO_SHIP_WITH, unknown=unknown)
        return token

    def _take(self, packed: _Packed, answer: httpx.Response) -> None:
        batch, done = packed.batch, self.done
        told = answer.json() if answer.is_success else None
        rejections = told["errors"] if told else _told_lines(answer)
        rejected = told["rejected"] if told else len(batch.lines)
        for one in rejections:
            self._on_reject(Rejection(batch.source, batch.numbers[one["line"] - 1], one["reason"]))
        for _ in range(rejected - len(rejections)):
            self._on_reject(Rejection(batch.source, None, "see the stream's rejections"))
        done.accepted += told["accepted"] if told else 0
        done.rejected += rejected
        done.requests += 1
        done.bytes += batch.size
        done.packed += len(packed.body)


def _told_lines(answer: httpx.Response) -> list[Mapping[str, Any]]:
    """The lines of a batch of which none was usable: `line 3: reason`."""
    found: list[Mapping[str, Any]] = []
    for told in Refused(answer).errors.get("body", []):
        head, _, reason = told.partition(": ")
        number = head.removeprefix("line ")
        if number.isdigit():
            found.append({"line": int(number), "reason": reason})
    return found


def _ingest_token(service: Service, uuid: str) -> str | None:
    """None where the caller may have none, or the stream has none."""
    token: str | None = service.call("GET", f"/api/streams/{uuid}")["ingest"]["token"]
    return token


def back_off(attempt: int) -> float:
    """Doubled each time, and spread, so that those whom one outage stopped do not come back as one."""
    longest: float = min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2 ** min(attempt, 10))
    return longest * random.uniform(0.5, 1.0)
