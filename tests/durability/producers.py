"""Programs that post batches and remember what they were told."""

import random
import threading
import time
from dataclasses import dataclass, field

import httpx
import orjson

from tests.journeys.service import Stream

# One line, a small batch, and one that is larger than what a single statement takes.
SIZES, WEIGHTS = (1, 20, 500), (60, 36, 4)
PAUSE_SECONDS = 0.015
TOO_LONG_SECONDS = 180.0
_REPEATED = 0.03  # so many acknowledged batches are sent once more, as after an answer that got lost
_RECONNECTING = 0.3  # so many POSTs are a connection's last; else all would end up with the process killed least
# Impatient ones with a key send again while their first POST may still be under way.
_PATIENCE_SECONDS = (0.5, 1.0, 2.0, 30.0, 30.0)


@dataclass(slots=True)
class Batch:
    """`size` events, numbered from `first`."""

    first: int
    size: int
    acknowledged: bool = False


@dataclass(frozen=True, slots=True)
class Attempt:
    started: float
    ended: float
    answered: bool  # with 200

    def spans(self, moment: float) -> bool:
        return self.started < moment < self.ended


@dataclass(slots=True)
class Record:
    """What one producer did."""

    batches: list[Batch] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    replays: int = 0
    fault: str = ""


class Producer(threading.Thread):
    """With keys, a batch is sent until it is acknowledged; without, it is sent once, whatever becomes of it."""

    def __init__(self, number: int, stream: Stream, *, keyed: bool, stopping: threading.Event) -> None:
        super().__init__(name=f"producer-{number}", daemon=True)
        self.number = number
        self.keyed = keyed
        self.record = Record()
        self.waits_since = 0.0  # 0: for no answer
        self.settled_start = 0.0  # when the POST was first sent that was settled last
        self._stream = stream
        self._stopping = stopping
        self._random = random.Random(number)
        self._next = 0
        self._failure = ""

    def run(self) -> None:
        try:
            patience = _PATIENCE_SECONDS[self.number % len(_PATIENCE_SECONDS)] if self.keyed else 30.0
            with httpx.Client(timeout=patience, headers=self._headers()) as http:
                while not self._stopping.wait(self._random.uniform(0, 2 * PAUSE_SECONDS)):
                    self._settle(http, self._new_batch())
        except Exception as error:  # noqa: BLE001 (the test reports it; nobody sees a thread's)
            self.record.fault = self.record.fault or repr(error)

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._stream.ingest_token}", "Content-Type": "application/x-ndjson"}

    def _new_batch(self) -> Batch:
        batch = Batch(self._next, self._random.choices(SIZES, WEIGHTS)[0])
        self._next += batch.size
        self.record.batches.append(batch)
        return batch

    def _settle(self, http: httpx.Client, batch: Batch) -> None:
        body, started = self._body(batch), time.monotonic()
        while not batch.acknowledged:
            batch.acknowledged = self._send(http, batch, body)
            if not self.keyed:
                break
            if not batch.acknowledged and time.monotonic() - started > TOO_LONG_SECONDS:
                raise AssertionError(f"no acknowledgement within {TOO_LONG_SECONDS} s, at last: {self._failure}")
        self.settled_start = started
        if self.keyed and self._random.random() < _REPEATED:
            self._send(http, batch, body)

    def _body(self, batch: Batch) -> bytes:
        events = range(batch.first, batch.first + batch.size)
        return b"".join(
            orjson.dumps({"producer": self.number, "sequence": n, "message": f"{n:x} " * 20}) + b"\n" for n in events
        )

    def _send(self, http: httpx.Client, batch: Batch, body: bytes) -> bool:
        headers = {"Idempotency-Key": f"{self.number}-{batch.first}"} if self.keyed else {}
        if self._random.random() < _RECONNECTING:
            headers["Connection"] = "close"
        self.waits_since = started = time.monotonic()
        try:
            answer = http.post(self._stream.ingest_url, content=body, headers=headers)
        except httpx.TransportError as error:
            status, self._failure = 0, repr(error)
        else:
            status, self._failure = answer.status_code, answer.text
        self.waits_since = 0.0
        self.record.attempts.append(Attempt(started, time.monotonic(), answered=status == 200))
        if status == 200:
            self._check(answer, batch)
        elif 0 < status < 500:
            raise AssertionError(f"{status}: {answer.text}")
        else:
            self._stopping.wait(0.05 if self.keyed else 0.5)
        return status == 200

    def _check(self, answer: httpx.Response, batch: Batch) -> None:
        assert answer.json() == {"accepted": batch.size, "rejected": 0, "duplicates": 0, "errors": []}, answer.text
        self.record.replays += answer.headers.get("Idempotency-Replayed") == "true"


@dataclass(slots=True)
class Load:
    """Producers at work on one stream."""

    producers: list[Producer]
    stopping: threading.Event

    @classmethod
    def start(cls, stream: Stream, *, keyed: int, unkeyed: int) -> "Load":
        stopping = threading.Event()
        producers = [
            Producer(number, stream, keyed=number < keyed, stopping=stopping) for number in range(keyed + unkeyed)
        ]
        for producer in producers:
            producer.start()
        return cls(producers, stopping)

    @property
    def records(self) -> list[Record]:
        return [producer.record for producer in self.producers]

    def waiting(self) -> int:
        """How many producers wait for an answer now."""
        return sum(producer.waits_since > 0 for producer in self.producers)

    def has_settled_since(self, moment: float) -> bool:
        """Each producer has had a POST settled that it first sent after the moment."""
        for producer in self.producers:
            assert not producer.record.fault, f"{producer.name}: {producer.record.fault}"
        return all(producer.settled_start > moment for producer in self.producers)

    def finish(self) -> None:
        """Nothing new; what has a key is sent until it is acknowledged."""
        self.stopping.set()
        for producer in self.producers:
            producer.join(2 * TOO_LONG_SECONDS)
            assert not producer.is_alive(), f"{producer.name} still waits"
            assert not producer.record.fault, f"{producer.name}: {producer.record.fault}"
