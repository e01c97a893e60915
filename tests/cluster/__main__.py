"""The cluster in a process of its own: `python -m tests.cluster [--tls] [--port 0]`.

Prints one line of JSON: its `address`, its `kubeconfig`, and `control`, an address at which to say what happens:
`POST /model/add_pod {"pod": "web-1", "start": true}`, `/faults/cut {"match": "/log", "how": "reset"}`,
`/cluster/restart {"down_seconds": 0.5}`, `/load/add_pods {"pods": 100}` and `/load/produce {...}` (see `load`). Bytes
are told as base64. It ends with its standard input, so that it never outlives who started it.
"""

import argparse
import base64
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.cluster import load
from tests.cluster.running import RunningCluster


class Control(BaseHTTPRequestHandler):
    """Names are attributes of the running cluster; arguments go by name, but for the bytes that `write` takes."""

    cluster: RunningCluster

    def do_POST(self) -> None:
        given = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
        try:
            code, answer = 200, self._do(self.path.strip("/").split("/"), given)
        except Exception as error:  # noqa: BLE001 (who asked is told)
            code, answer = 400, repr(error)
        body = json.dumps(answer, default=lambda value: base64.b64encode(value).decode()).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _do(self, path: list[str], given: dict[str, Any]) -> Any:
        if path[0] == "load":
            return getattr(load, path[1])(self.cluster, **given)
        parts = {"cluster": self.cluster, "model": self.cluster.model, "faults": self.cluster.faults}
        part = parts[path[0]]
        if path[1] == "set":
            for name, value in given.items():
                setattr(part, name, value)
            return None
        lines = [base64.b64decode(line) for line in given.pop("lines", [])]
        first = [given.pop("pod"), given.pop("container"), *lines] if lines else []
        return getattr(part, path[1])(*first, **given)

    def log_message(self, *_: Any) -> None:
        """Nobody reads it."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.cluster")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--tls", action="store_true")
    given = parser.parse_args()
    cluster = RunningCluster(tls=given.tls, port=given.port)
    cluster.start()
    Control.cluster = cluster
    control = ThreadingHTTPServer(("127.0.0.1", 0), Control)
    control.daemon_threads = True
    threading.Thread(target=control.serve_forever, daemon=True).start()
    where = f"http://127.0.0.1:{control.server_address[1]}"
    print(json.dumps({"address": cluster.address, "control": where, "kubeconfig": cluster.kubeconfig()}), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
