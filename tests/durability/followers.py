"""Programs that follow a stream, resume wherever they are cut off, and remember what they were sent."""

import random
import threading
import time
from dataclasses import dataclass

import httpx
import orjson

from tests.journeys.service import Service, Stream

_PATIENCE_SECONDS = 20.0  # heartbeats come more often
_HANGS_UP = 0.002  # after an event, by itself


class Following(threading.Thread):
    """One follower. `lag`: it pauses that long after each read, so that it falls behind."""

    def __init__(self, number: int, service: Service, stream: Stream, *, lag: float, stopping: threading.Event) -> None:
        super().__init__(name=f"follower-{number}", daemon=True)
        self.ids: list[int] = []
        self.connections = 0
        self.fault = ""
        self._url = f"{service.address}/api/streams/{stream.uuid}/tail?since=0"
        self._token = service.secret("token")
        self._lag = lag
        self._stopping = stopping
        self._random = random.Random(number)
        self._place = ""

    def run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._follow()
            except httpx.HTTPError:
                time.sleep(0.05)
            except Exception as error:  # noqa: BLE001 (the test reports it; nobody sees a thread's)
                self.fault = repr(error)
                return

    def _follow(self) -> None:
        headers = {"Authorization": f"Bearer {self._token}"}
        if self._place:
            headers["Last-Event-ID"] = self._place
        with httpx.stream("GET", self._url, headers=headers, timeout=_PATIENCE_SECONDS) as answer:
            if answer.status_code >= 500:
                raise httpx.ReadError(f"{answer.status_code}")
            assert answer.status_code == 200, answer.read()
            self.connections += 1
            for line in answer.iter_lines():
                if self._stopping.is_set() or self._take(line):
                    return

    def _take(self, line: str) -> bool:
        """Whether to hang up."""
        assert not line.startswith("event: gap"), "nothing is deleted"
        if line.startswith("id: "):
            self._next_place = line.removeprefix("id: ")
            if not self.ids:
                self._place = self._next_place
        if not line.startswith('data: {"id"'):
            return False
        self.ids.append(orjson.loads(line.removeprefix("data: "))["id"])
        self._place = self._next_place  # an id without its event says nothing
        if self._lag:
            time.sleep(self._lag)
        return self._random.random() < _HANGS_UP


@dataclass(slots=True)
class Audience:
    """Followers at work on one stream: some quick, one that lags."""

    followers: list[Following]
    stopping: threading.Event

    @classmethod
    def start(cls, service: Service, stream: Stream, *, count: int = 4) -> "Audience":
        stopping = threading.Event()
        lags = [0.0] * (count - 1) + [0.0005]
        followers = [Following(number, service, stream, lag=lag, stopping=stopping) for number, lag in enumerate(lags)]
        for follower in followers:
            follower.start()
        return cls(followers, stopping)

    def has_seen(self, last_id: int) -> bool:
        for follower in self.followers:
            assert not follower.fault, f"{follower.name}: {follower.fault}"
        return all(follower.ids and follower.ids[-1] >= last_id for follower in self.followers)

    def finish(self) -> None:
        self.stopping.set()

    def settled(self, last_id: int) -> str:
        """Asserts that each was sent every event once, in order."""
        for follower in self.followers:
            assert follower.ids == list(range(1, last_id + 1)), f"{follower.name}: {_first_fault(follower.ids)}"
        connections = sum(follower.connections for follower in self.followers)
        return (
            f"{len(self.followers)} followers were sent each of {last_id} events once, over {connections} connections"
        )


def _first_fault(ids: list[int]) -> str:
    wrong = next((place for place, id_ in enumerate(ids) if id_ != place + 1), len(ids))
    return f"after {wrong} events came {ids[wrong : wrong + 3]}"
