"""A web application and a command that stand in for ours: the runtime's tests are about processes, not about logs."""

import asyncio
import os
import sys
from dataclasses import replace
from pathlib import Path

from config.runtime.children import Program, die_with_parent
from config.runtime.faults import CannotStart
from config.runtime.home import Home, State
from config.runtime.tree import Shape, Tree, tls, web
from config.runtime.up import up

die_with_parent()


async def application(scope, receive, send) -> None:
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    more = True
    while more:  # a slow upload keeps us here
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        more = message.get("more_body", False)
    run = os.environ.get("TAILSVC_RUN_ID", "").encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x-tailsvc-run", run)]})
    await send({"type": "http.response.body", "body": str(os.getpid()).encode()})


def services(home: Home, state: State, shape: Shape) -> list[Program]:
    sites = [web(home, state, shape)]
    if shape.tls_port is not None:
        sites.append(tls(home, state, shape, shape.tls_port))
    sites = [replace(site, argv=(*site.argv[:-1], "tests.runtime.stub:application")) for site in sites]
    sleeper = replace(sites[0], name="worker", argv=("/bin/sleep", "1000"), lock=home.run / "worker.lock", ready=None)
    return [*sites, sleeper]


def main(home: str, port: str, workers: str, tls_port: str = "") -> int:
    secure = int(tls_port) if tls_port else None
    shape = Shape(host="127.0.0.1", port=int(port), workers=int(workers), grpc_port=0, tls_port=secure)
    tree = Tree(steps=lambda _home, _state: [], services=services)

    def say(text: object) -> None:
        print(text, flush=True)

    try:
        asyncio.run(
            up(
                Home(Path(home)),
                shape,
                tell=say,
                on_ready=lambda ready: say(f"ready at {ready.address} {ready.tls_address}"),
                what=tree,
            )
        )
    except CannotStart as error:
        say(f"FAILED {error}")
        return 1
    say("STOPPED")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
