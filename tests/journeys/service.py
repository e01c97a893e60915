"""A real `tailsvc up` on a home of its own, and a few of the calls that its users make."""

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from config.runtime.ports import free_port
from tests.runtime.instances import Instance, until

TAILSVC = str(Path(sys.executable).with_name("tailsvc"))
# A first start makes the cluster, the tables and the first team; on a loaded machine that takes a while.
FIRST_START_SECONDS = 300.0
_PORTS = 3  # HTTP, and behind it gRPC and TLS
CHILDREN = {"postgres", "valkey", "web", "grpc", "worker", "beat"}


@contextmanager
def tailsvc_up(home: Path, *, port: int = 0, workers: int = 2, options: Sequence[str] = ()) -> Iterator["Service"]:
    """Runs until the block ends, with fsync on and every other setting as people have it."""
    places = ["--home", str(home), "--port", str(port or free_port(in_a_row=_PORTS)), "--workers", str(workers)]
    command = [TAILSVC, "up", *places, *options]
    instance = Instance(command, home)
    try:
        instance.line_with("ready", seconds=FIRST_START_SECONDS)
        until(lambda: set(instance.state.children) >= CHILDREN, "every child to run")
        yield Service(instance, instance.state.address)
    except BaseException as error:
        error.add_note("\n".join([instance.text[-4000:], *_ends_of_logs(home / "log")]))
        raise
    finally:
        instance.close()


def _ends_of_logs(folder: Path) -> Iterator[str]:
    for log in sorted(folder.glob("*.log")):
        yield f"--- {log.name}:\n{log.read_text(errors='replace')[-8000:]}"


@dataclass(frozen=True, slots=True)
class Stream:
    uuid: str
    name: str
    ingest_url: str
    ingest_token: str


@dataclass(frozen=True, slots=True)
class Service:
    instance: Instance
    address: str

    @property
    def grpc_port(self) -> int:
        found = re.search(r"gRPC on port ([0-9]+)", "\n".join(self.instance.output))
        assert found
        return int(found[1])

    def secret(self, name: str) -> str:
        """What the first start wrote for its user: `token`, `admin-password`."""
        return (self.instance.home.path / name).read_text().strip()

    def api(self) -> httpx.Client:
        """Calls as the home's owner."""
        return httpx.Client(
            base_url=self.address, headers={"Authorization": f"Bearer {self.secret('token')}"}, timeout=20
        )

    def new_stream(self, name: str) -> Stream:
        with self.api() as api:
            made = api.post("/api/streams", json={"name": name})
        assert made.status_code == 201, made.text
        told = made.json()
        return Stream(told["uuid"], name, f"{self.address}/api/ingest/{told['uuid']}", told["ingest"]["token"])

    def count(self, stream: Stream, *clauses: Mapping[str, Any]) -> int:
        """How many events match, without the cache of totals."""
        with self.api() as api:
            return sum(1 for _ in every_event(api, stream.uuid, filters=json.dumps(clauses)))

    def events(self, stream: Stream) -> list[dict[str, Any]]:
        with self.api() as api:
            return list(every_event(api, stream.uuid))


def every_event(api: httpx.Client, stream: str, **params: str) -> Iterator[dict[str, Any]]:
    """All of them, oldest first, page by page."""
    path, asked = f"/api/streams/{stream}/logs", {"limit": "500", "direction": "asc", **params}
    cursor: dict[str, str] = {}
    while True:
        answer = api.get(path, params={**asked, **cursor})
        assert answer.status_code == 200, answer.text
        page = answer.json()
        yield from page["data"]
        if not page["meta"]["has_more"]:
            return
        cursor = {"cursor": page["meta"]["next_cursor"]}
