"""Many containers that write evenly, for measuring who collects them."""

import time
from typing import Any

from tests.cluster.running import RunningCluster

TICK_SECONDS = 0.1


def produce(cluster: RunningCluster, *, pods: int, lines_per_s: int, seconds: float, namespace: str = "default") -> Any:
    """Of `pods` pods with a container each that run already (`load-0` ...), until all is written.

    Each line tells its container and its number in it. The containers write at different moments of a tick, each some
    lines at once, as processes that flush their output do.
    """
    started, ticks = time.monotonic(), round(seconds / TICK_SECONDS)
    each = lines_per_s * TICK_SECONDS / pods
    written = [0] * pods
    late = 0.0
    for tick in range(ticks):
        for pod in range(pods):
            due = started + (tick + pod / pods) * TICK_SECONDS
            if (rest := due - time.monotonic()) > 0:
                time.sleep(rest)
            late = max(late, -rest)
            upto = round((tick + 1) * each)
            lines = [line(pod, number) for number in range(written[pod], upto)]
            cluster.model.write(f"{namespace}/load-{pod}", "main", *lines)
            written[pod] = upto
    return {"lines": sum(written), "seconds": time.monotonic() - started, "latest_seconds": late}


def add_pods(cluster: RunningCluster, pods: int, namespace: str = "default") -> None:
    for pod in range(pods):
        cluster.model.add_pod(f"{namespace}/load-{pod}", owner=f"ReplicaSet/load-{pod % 10}", start=True)


def line(pod: int, number: int) -> bytes:
    """About 200 bytes of JSON, as many services write it."""
    return (
        b'{"level":"INFO","logger":"shop.orders","pod":%d,"number":%d,"order":"o-%08d","took_ms":%d,'
        b'"message":"order %d was placed by customer %d and paid with card, %d items in the basket"}'
        % (pod, number, number * 7919 % 100_000_000, number * 31 % 977, number, number * 37 % 5003, number % 9)
    )
