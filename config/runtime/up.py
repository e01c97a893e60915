"""Start everything on one machine: servers, database, web, worker, clockwork; and stay until told to stop."""

import json
import os
import secrets
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from config import env
from config.runtime.accounts import server_account
from config.runtime.binaries import find_postgres, find_valkey
from config.runtime.children import Program, wait_for_leftovers
from config.runtime.home import Home, State
from config.runtime.output import Tell
from config.runtime.ports import free_port, in_url, local_address, require_free
from config.runtime.postgres import Postgres
from config.runtime.supervisor import Supervisor
from config.runtime.tree import FIRST_STREAM, FIRST_TOKEN, TREE, Shape, Tree
from config.runtime.valkey import Valkey


@dataclass(frozen=True, slots=True)
class Ready:
    """What to tell the person who started it."""

    address: str
    grpc_port: int
    tls_address: str = ""
    first_stream: str | None = None  # its slug, at the first start


async def up(
    home: Home,
    shape: Shape,
    *,
    tell: Tell,
    on_ready: Callable[[Ready], None],
    verbose: bool = False,
    what: Tree = TREE,
) -> None:
    """Returns after a clean stop. Raises CannotStart, with everything stopped."""
    supervisor = Supervisor(logs=home.log, tell=tell, verbose=verbose)
    await Instance(home, _with_ports(shape), supervisor, on_ready, what).run()


class Instance:
    """One run of everything on one home."""

    def __init__(
        self, home: Home, shape: Shape, supervisor: Supervisor, on_ready: Callable[[Ready], None], what: Tree
    ) -> None:
        self._home = home
        self._shape = shape
        self._tree = what
        self._on_ready = on_ready
        self._account = None if env.text("DATABASE_URL") else server_account()
        address = env.web_address("TAILSVC_PUBLIC_URL", f"http://{in_url(local_address(shape.host))}:{shape.port}")
        self._state = State(
            pid=os.getpid(),
            run_id=secrets.token_hex(8),
            address=address,
            database_url="",
            redis_url="",
            tls_address=_tls_address(shape),
            started_at=time.time(),
        )
        self._prepared = False
        self._supervisor = supervisor
        supervisor.on_change = self._publish

    async def run(self) -> None:
        self._home.create(self._account)
        claim = self._home.claim(address=self._state.address)
        try:
            await self._supervisor.run(self._bring_up)
        finally:
            self._home.withdraw()
            os.close(claim)

    async def _bring_up(self) -> None:
        await wait_for_leftovers(self._home.run)
        require_free(self._shape.host, self._shape.port)
        require_free(self._shape.host, self._shape.grpc_port, "--grpc-port")
        if self._shape.tls_port is not None:
            require_free(self._shape.host, self._shape.tls_port, "--tls-port")
        self._clear_metrics()
        await self._supervisor.start(*await self._servers())
        is_first_start = not self._home.has(FIRST_TOKEN)
        for step in self._tree.steps(self._home, self._state):
            await self._supervisor.step(step)
        self._prepared = True
        programs = self._tree.services(self._home, self._state, self._shape)
        await self._supervisor.start(*(program for program in programs if program.ready))
        first_stream = self._first_stream() if is_first_start else None
        self._on_ready(Ready(self._state.address, self._shape.grpc_port, self._state.tls_address, first_stream))
        await self._supervisor.start(*(program for program in programs if not program.ready))

    def _first_stream(self) -> str | None:
        if not self._home.has(FIRST_STREAM):
            return None
        return str(json.loads((self._home.path / FIRST_STREAM).read_text())["stream"])

    async def _servers(self) -> list[Program]:
        programs = []
        if not env.text("REDIS_URL"):
            valkey = self._valkey()
            valkey.prepare()
            self._state = replace(self._state, redis_url=valkey.url)
            programs.append(valkey.program())
        if not env.text("DATABASE_URL"):
            postgres = self._postgres()
            await postgres.prepare(output=self._supervisor.output("postgres", loud=False).descriptor)
            self._state = replace(self._state, database_url=postgres.url)
            programs.append(postgres.program())
        return programs

    def _postgres(self) -> Postgres:
        return Postgres(
            folder=self._home.path,
            run=self._home.run,
            binaries=find_postgres(account=self._account, copies=self._home.binaries),
            account=self._account,
            password=self._home.secret("database-password"),
            port=free_port(),
        )

    def _valkey(self) -> Valkey:
        return Valkey(
            folder=self._home.path,
            run=self._home.run,
            binary=find_valkey(),
            password=self._home.secret("redis-password"),
            port=free_port(),
        )

    def _clear_metrics(self) -> None:
        """Counters of processes that are gone would be added up for ever."""
        folder = self._home.run / "metrics"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)

    def _publish(self, pids: Mapping[str, int]) -> None:
        """Tell other commands where the database is; before it is prepared they could do nothing with it."""
        if self._prepared:
            self._state = replace(self._state, children=dict(pids))
            self._home.publish(self._state)


def _with_ports(shape: Shape) -> Shape:
    """Port 0 asks for any that is free."""
    return replace(
        shape,
        port=shape.port or free_port(),
        grpc_port=shape.grpc_port or free_port(),
        tls_port=free_port() if shape.tls_port == 0 else shape.tls_port,
    )


def _tls_address(shape: Shape) -> str:
    """By the name that clients know, where one is configured; else as this machine reaches it."""
    if shape.tls_port is None:
        return ""
    public = urlsplit(env.text("TAILSVC_PUBLIC_URL")).hostname
    return f"https://{in_url(public or local_address(shape.host))}:{shape.tls_port}"
