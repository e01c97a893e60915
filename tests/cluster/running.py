"""The API server in a thread: `with running_cluster() as cluster: cluster.model.add_pod("web-1")`."""

import asyncio
import contextlib
import gc
import secrets
import threading
import time
import warnings
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import yaml

from tests.cluster.certificates import Certificates
from tests.cluster.faults import Faults
from tests.cluster.model import Cluster
from tests.cluster.server import ApiServer


class RunningCluster:
    """`model` is what runs in it, `faults` what goes wrong."""

    def __init__(self, *, tls: bool = True, port: int = 0, seed: int = 0, token: str | None = None) -> None:
        self.model = Cluster()
        self.faults = Faults(seed)
        self.token = token or secrets.token_urlsafe(16)
        self.certificates = Certificates.make() if tls else None
        context = None if self.certificates is None else self.certificates.context()
        self.server = ApiServer(self.model, self.faults, token=self.token, context=context, port=port)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="cluster", daemon=True)

    @property
    def address(self) -> str:
        return f"{'http' if self.certificates is None else 'https'}://127.0.0.1:{self.server.port}"

    def start(self) -> None:
        if not self._thread.is_alive():
            self._thread.start()
        self._run(self.server.start())

    def stop(self) -> None:
        """It can be started again; meanwhile connections are refused."""
        self._run(self.server.stop())

    def restart(self, down_seconds: float = 0.0) -> None:
        self.stop()
        time.sleep(down_seconds)
        self.start()

    def close(self) -> None:
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()  # connections that were reset on purpose, within their handshakes too

    def kubeconfig(self, *, token: str | None = None, namespace: str = "default") -> str:
        return kubeconfig(self.address, token or self.token, self.certificates, namespace)

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(30)


@contextmanager
def running_cluster(**options: Any) -> Iterator[RunningCluster]:
    cluster = RunningCluster(**options)
    cluster.start()
    with contextlib.closing(cluster):
        yield cluster


def kubeconfig(address: str, token: str, certificates: Certificates | None, namespace: str) -> str:
    authority = {} if certificates is None else {"certificate-authority-data": certificates.authority_base64()}
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "tests", "cluster": {"server": address, **authority}}],
            "users": [{"name": "reader", "user": {"token": token}}],
            "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": "reader", "namespace": namespace}}],
            "current-context": "tests",
        }
    )
