"""`python -m config.runtime.health URL`: exits with 0 if the address answers 200, or, of `grpc://host:port`, SERVING.

For images that have no curl. Of `https://`, the authority of our own home is trusted.
"""

import ssl
import sys
import urllib.request
from urllib.parse import urlsplit

from config.runtime.home import Home
from config.runtime.tree import AUTHORITY

_TIMEOUT_SECONDS = 4


def answers(url: str) -> bool:
    if url.startswith("grpc://"):
        return serves(urlsplit(url).netloc)
    try:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), *_trusting(url))
        with opener.open(url, timeout=_TIMEOUT_SECONDS) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def _trusting(url: str) -> list[urllib.request.HTTPSHandler]:
    if not url.startswith("https://"):
        return []
    authority = Home.at(None).path / AUTHORITY
    return [urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=authority))]


def serves(place: str) -> bool:
    """By gRPC's own protocol for health."""
    import grpc
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    with grpc.insecure_channel(place, options=[("grpc.enable_http_proxy", 0)]) as channel:
        try:
            told = health_pb2_grpc.HealthStub(channel).Check(  # type: ignore[attr-defined]
                health_pb2.HealthCheckRequest(), timeout=_TIMEOUT_SECONDS
            )
        except grpc.RpcError:
            return False
    return bool(told.status == health_pb2.HealthCheckResponse.SERVING)


if __name__ == "__main__":
    sys.exit(0 if answers(sys.argv[1]) else 1)
