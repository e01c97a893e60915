"""An app with everything, and both ways to it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from apps.tail.following import appended
from tailsvc.events import Event
from tests.asgi import Answer, Asgi
from tests.factories.accounts import unique
from tests.factories.streams import World, make_stream, make_world
from tests.rpc import Ignite, client, grpc_server


@dataclass(frozen=True, slots=True)
class App:
    """A stream of a team under a name that Ignite takes."""

    world: World
    name: str

    @property
    def org(self) -> str:
        return self.world.team.slug

    @property
    def named(self) -> dict[str, str]:
        return {"organization_name": self.org, "app_name": self.name}

    def path(self, rest: str) -> str:
        return f"/v1/ignite/app/{self.org}/{self.name}/{rest}"

    def append(self, events: Sequence[Event]) -> None:
        """As the ingest does: followers hear of it at once."""
        self.world.append(events)
        appended(self.world.stream.ref)

    def get(self, rest: str, **kwargs: Any) -> Answer:
        return Asgi().get(self.path(rest), **{"token": self.world.token, **kwargs})


def make_app() -> App:
    world, name = make_world(), unique("app")
    stream, ingest_token = make_stream(world.team, name)
    return App(World(world.team, world.token, stream, ingest_token), name)


@pytest.fixture
def app(database: None) -> App:
    return make_app()


@pytest.fixture(scope="module")
def grpc_port(database: None) -> Iterator[int]:
    with grpc_server() as port:
        yield port


@pytest.fixture
def ignite(grpc_port: int, app: App) -> Iterator[Ignite]:
    with client(grpc_port, app.world.token) as opened:
        yield opened
