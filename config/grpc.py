"""The gRPC port: one process, supervised by `tailsvc up`, or a service of its own beside the web.

`python -m config.grpc --host 127.0.0.1 --port 8001`; `tailsvc grpc` is the same for people.
"""

import argparse
import asyncio
import os
import signal
import sys

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

import django
import grpc

from config.runtime.ports import in_url

# How long calls under way may take to end when the server stops; followers are ended at once.
GRACE_SECONDS = 2.0


async def serve(host: str, port: int) -> int:
    """Until SIGTERM or SIGINT. The exit code: 1 where the port is taken."""
    from apps.ignite import rpc
    from apps.sessions import beats
    from apps.tail.following import following

    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    server = grpc.aio.server(options=rpc.OPTIONS)
    health = rpc.add_services(server)
    try:
        server.add_insecure_port(f"{in_url(host)}:{port}")
    except RuntimeError as error:
        sys.stderr.write(f"gRPC cannot listen on {host}, port {port}: {error}\n")
        return 1
    await server.start()
    await rpc.tell_healthy(health)
    beats.start("grpc")
    await stopping.wait()
    await health.enter_graceful_shutdown()
    following().stop()
    await server.stop(GRACE_SECONDS)
    return 0


def run(host: str, port: int) -> int:
    """Set Django up from the environment, and serve."""
    django.setup()
    return asyncio.run(serve(host, port))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="config.grpc")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8001)
    given = parser.parse_args()
    sys.exit(run(given.host, given.port))
