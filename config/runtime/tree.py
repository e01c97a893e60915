"""Which processes make up the service. A new one is one more function here, and one more name in `services`."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

from config.runtime.children import Program
from config.runtime.environment import CODE, children_environment
from config.runtime.home import Home, State
from config.runtime.ports import local_address
from config.runtime.probes import grpc_is_ready, web_is_ready

# What the web servers load.
APPLICATION = "config.runtime.site:application"

# Streams stay open for hours and count as requests; the default of about 500 would shut out the others.
OPEN_REQUESTS_PER_WORKER = 4096
# Of the TLS port; `tailsvc tls` has more where many send over it.
TLS_WORKERS = 1
# How long the web server waits for requests under way: the whole stop is to take less than 5 s.
WEB_GRACE_SECONDS = 3

# Files of the home. The token is written last: without it there has been no first start.
FIRST_TOKEN = "token"  # noqa: S105
FIRST_STREAM = "first-stream.json"
# What the clients of the TLS port trust.
AUTHORITY = "tls-ca.pem"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How many of what, and where."""

    host: str
    port: int
    workers: int
    grpc_port: int
    tls_port: int | None = None


def steps(home: Home, state: State) -> list[Program]:
    """What is done to the database, one after the other, before the services start."""
    first = [] if home.has(FIRST_TOKEN) else [welcome(home, state)]
    return [prepare_database(home, state), *first]


def prepare_database(home: Home, state: State) -> Program:
    """Roles, migrations, grants. A child, so that it can be stopped, and so that the supervisor stays small."""
    if state.database_url:
        return _python(home, state, "prepare", "config.runtime.prepare")
    return _python(home, state, "prepare", "django", "prepare_database")


def welcome(home: Home, state: State) -> Program:
    """The first team, user, stream and tokens of a new home."""
    return _python(home, state, "welcome", "config.cli.welcome")


def services(home: Home, state: State, shape: Shape) -> list[Program]:
    """In the order of their start; first those with a probe, which people wait for."""
    secure = [] if shape.tls_port is None else [tls(home, state, shape, shape.tls_port)]
    others = [worker(home, state), beat(home, state), collector(home, state)]
    return [web(home, state, shape), *secure, grpc(home, state, shape), *others]


def web(home: Home, state: State, shape: Shape) -> Program:
    arguments = [*web_arguments(shape.host, shape.port, shape.workers), APPLICATION]
    program = _python(home, state, "web", "granian", *arguments)
    return replace(program, ready=partial(web_is_ready, local_address(shape.host), shape.port, state.run_id))


def tls(home: Home, state: State, shape: Shape, port: int) -> Program:
    """It makes its own certificate, so the probe, which trusts nothing else, finds no authority at first."""
    options = {"--host": shape.host, "--port": port, "--workers": TLS_WORKERS}
    program = _python(home, state, "tls", "config.tls", *_flat(options), APPLICATION)
    authority = home.path / AUTHORITY
    return replace(program, ready=partial(web_is_ready, local_address(shape.host), port, state.run_id, authority))


def web_arguments(host: str, port: int, workers: int) -> list[str]:
    options = {
        "--interface": "asgi",
        "--http": "1",
        "--host": host,
        "--port": port,
        "--workers": workers,
        "--workers-kill-timeout": WEB_GRACE_SECONDS,
        "--backlog": 2048,
        "--backpressure": OPEN_REQUESTS_PER_WORKER,
        "--blocking-threads": 1,  # the default allows 512 a worker
        "--log-level": "warning",
    }
    # Without a respawn, nobody takes the place of a worker that died.
    return [*_flat(options), "--no-ws", "--respawn-failed-workers"]


def grpc(home: Home, state: State, shape: Shape) -> Program:
    program = _python(home, state, "grpc", "config.grpc", "--host", shape.host, "--port", str(shape.grpc_port))
    return replace(program, ready=partial(grpc_is_ready, local_address(shape.host), shape.grpc_port))


def worker(home: Home, state: State) -> Program:
    # Threads: a forked child of a process that has used Polars hangs for ever.
    options = {"--pool": "threads", "--concurrency": 2, "--loglevel": "WARNING"}
    arguments = ["-A", "config.celery", "worker", *_flat(options), "--without-gossip", "--without-mingle"]
    return _python(home, state, "worker", "celery", *arguments)


def beat(home: Home, state: State) -> Program:
    options = {"--schedule": home.run / "beat", "--loglevel": "WARNING"}
    return _python(home, state, "beat", "celery", "-A", "config.beat", "beat", *_flat(options))


def collector(home: Home, state: State) -> Program:
    """It waits, as a small process, until a team has a cluster."""
    return _python(home, state, "collector", "config.collect")


def _flat(options: Mapping[str, object]) -> list[str]:
    return [str(part) for option in options.items() for part in option]


def _python(home: Home, state: State, name: str, module: str, *arguments: str) -> Program:
    return Program(
        name=name,
        argv=(sys.executable, "-m", module, *arguments),
        env={**children_environment(home, state), "TAILSVC_PROCESS": name},
        cwd=CODE,
        lock=home.run / f"{name}.lock",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """What is run once the servers are there."""

    steps: Callable[[Home, State], list[Program]]
    services: Callable[[Home, State, Shape], list[Program]]


TREE = Tree(steps=steps, services=services)
