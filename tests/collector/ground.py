"""A team with a cluster, the collector's process, and what a test asks of them: what is declared, told and stored."""

import contextlib
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from apps.accounts.models import Team
from apps.accounts.scope import team_scope
from apps.engine import store
from apps.lifecycle.models import LifecycleEvent
from apps.lifecycle.replicas import Emitter, emitters
from apps.objects import services
from apps.objects.models import ObjectChange
from apps.streams.models import Stream
from config.runtime.environment import CODE
from tailsvc.collect.statuses import is_same_but_lines
from tailsvc.filters import EVERYTHING
from tailsvc.objects.kinds import Document
from tailsvc.objects.podlogstream import PODLOGSTREAM
from tests.cluster.running import RunningCluster
from tests.factories.accounts import make_team
from tests.factories.clusters import settle_cluster
from tests.factories.objects import podlogstream, settle_object
from tests.runtime.instances import PATIENCE_SECONDS, until

# A team's stream is read a piece at a time.
_STRETCH = 5_000
# A status is promised within a second; to that, what a machine takes that does other things too.
_PROMISED_SECONDS = 3.0
# The collector looks again at all there is after 15 s and 20 s: whatever nobody told it would come about then.
_SOONER_THAN_BY_ITSELF_SECONDS = 12.0


class StoredLine(NamedTuple):
    micros: int
    content: bytes


class Collector:
    """The process. Killed as the kernel does it, it is started again by whoever killed it. What it says is pytest's."""

    def __init__(self) -> None:
        self.process = self._start()

    def _start(self) -> "subprocess.Popen[bytes]":
        return subprocess.Popen([sys.executable, "-m", "config.collect"], cwd=CODE)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def start(self) -> None:
        self.process = self._start()

    def close(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(PATIENCE_SECONDS)
        finally:
            self.kill()

    @property
    def kept_waiting(self) -> float:
        """The seconds that its loop was ready to run while the machine's processors were busy with others."""
        return int(Path(f"/proc/{self.process.pid}/schedstat").read_text().split()[1]) / 1e9

    @property
    def peak_bytes(self) -> int:
        """Of its memory, since it was started."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) * 1024


@contextmanager
def running_collector() -> Iterator[Collector]:
    with contextlib.closing(Collector()) as collector:
        yield collector


class Stored:
    """What a stream holds, by pod and container, read on from where it was read to."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._after = 0
        self._lines: dict[tuple[str, str], list[StoredLine]] = defaultdict(list)

    def lines(self, pod: str, container: str) -> list[StoredLine]:
        """In the order in which they were stored."""
        self._read_on()
        return self._lines[pod, container]

    def _read_on(self) -> None:
        while True:
            found = store().stretch(self._stream.ref, self._after, most=_STRETCH)
            for _, event in found.matching(EVERYTHING):
                key = (event.replica or "", event.container or "")
                self._lines[key].append(StoredLine(event.timestamp, event.raw))
            if found.upto <= self._after:
                return
            self._after = found.upto


@dataclass
class Ground:
    cluster: RunningCluster
    team: Team = field(default_factory=lambda: make_team("unlimited"))
    _stored: dict[str, Stored] = field(default_factory=dict)

    def settle(self, name: str = "default", namespaces: tuple[str, ...] = ("default",)) -> None:
        settle_cluster(self.team, self.cluster.kubeconfig(), name=name, namespaces=namespaces)

    def declare(self, pod: str, *, resource: str | None = None, name: str | None = None, **spec: Any) -> str:
        """A PodLogStream of that pod, by its name."""
        document = podlogstream(name or pod, pod=pod, **spec)
        if resource is not None:
            document["metadata"]["annotations"] = {"tilt.dev/resource": resource}
        settle_object(self.team.pk, document=document)
        return name or pod

    def withdraw(self, name: str) -> None:
        with team_scope(self.team.pk):
            services.delete(PODLOGSTREAM, name, services.Deletion(), now=datetime.now(UTC))

    def lie(self, name: str, status: dict[str, Any]) -> None:
        """As a client may, over `/status`."""
        with team_scope(self.team.pk):
            services.set_status(PODLOGSTREAM.plural, name, lambda _: status, manager="somebody", now=datetime.now(UTC))

    def document(self, name: str) -> Document:
        with team_scope(self.team.pk):
            return services.get(PODLOGSTREAM, name)

    def error(self, name: str) -> str:
        return str(self.document(name)["status"].get("error", ""))

    def told(self, name: str) -> list[dict[str, Any]]:
        """`status.containerStatuses`, without the counts, which are told now and then."""
        found = self.document(name)["status"].get("containerStatuses") or []
        return [{key: value for key, value in one.items() if key != "lines"} for one in found]

    def changes(self, name: str) -> list[ObjectChange]:
        """All writes of a PodLogStream that changed its status, the newest first."""
        with team_scope(self.team.pk):
            found = ObjectChange.objects.filter(plural=PODLOGSTREAM.plural, name=name, before__isnull=False)
            return [one for one in found.order_by("-version") if one.before["status"] != one.document["status"]]

    def tells(self, name: str, condition: Callable[[], object], what: str, *, since: float | None = None) -> float:
        """Waits until a status is as it has to be; how long after `since`, or this call, it was written, in seconds.

        By the time that the collector noted, which must not be too late: how often this process gets to look is
        nobody's promise.
        """
        since = time.time() if since is None else since
        until(condition, what)
        news = (
            one for one in self.changes(name) if not is_same_but_lines(one.before["status"], one.document["status"])
        )
        return within_the_promise(next(news), since, what)

    def tells_of_error(self, name: str, text: str, *, since: float) -> dict[str, Any]:
        """The same for what its first container tells when something broke, which may be over when one looks."""

        def found() -> ObjectChange | None:
            told = (one for one in self.changes(name) if one.document["status"].get("containerStatuses"))
            return next((one for one in told if _first(one).get("error") and text in _first(one)["error"]), None)

        until(found, f"an error: {text}")
        change = found()
        assert change is not None
        within_the_promise(change, since, f"an error: {text}")
        return _first(change)

    def stream(self, name: str) -> Stream | None:
        with team_scope(self.team.pk):
            return Stream.objects.filter(name=name, deleted_at__isnull=True).first()

    def lines(self, stream: str, pod: str, container: str = "main") -> list[StoredLine]:
        if stream not in self._stored:
            found = self.stream(stream)
            if found is None:
                return []
            self._stored[stream] = Stored(found)
        return self._stored[stream].lines(pod, container)

    def contents(self, stream: str, pod: str, container: str = "main") -> list[bytes]:
        return [line.content for line in self.lines(stream, pod, container)]

    def replicas(self, stream: str) -> Mapping[str, Emitter]:
        found = self.stream(stream)
        if found is None:
            return {}
        with team_scope(self.team.pk):
            return {one.name: one for one in emitters(found, now=datetime.now(UTC))}

    def happened(self, stream: str, pod: str) -> dict[str, int]:
        """How often each kind of lifecycle event is told of a pod."""
        found = self.stream(stream)
        counts: dict[str, int] = defaultdict(int)
        with team_scope(self.team.pk):
            for event in LifecycleEvent.objects.filter(stream=found, replica=pod):
                counts[event.kind] += event.count
        return dict(counts)


def within_the_promise(change: ObjectChange, since: float, what: str) -> float:
    took: float = change.at.timestamp() - since
    assert took < _PROMISED_SECONDS, f"only after {took:.1f} s: {what}"
    return took


def _first(change: ObjectChange) -> dict[str, Any]:
    found: dict[str, Any] = change.document["status"]["containerStatuses"][0]
    return found


def soon(condition: Callable[[], object], what: str) -> None:
    """Because the collector was told of it, not because it looked again."""
    until(condition, what, seconds=_SOONER_THAN_BY_ITSELF_SECONDS)
