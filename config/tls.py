"""The TLS port: the same application as the plain one, in a web server of its own, supervised by `tailsvc up`.

Or a service of its own beside the web: `tailsvc tls`. A web server has one socket, with TLS or without it, so that two
ports are two servers.
"""

import argparse
import os
import signal
import sys
import threading
import time
from datetime import UTC, datetime

from granian.cli import cli

from config.runtime import certificates
from config.runtime.faults import CannotStart
from config.runtime.home import Home
from config.runtime.tree import APPLICATION, web_arguments

_LOOKS_EVERY_SECONDS = 12 * 3600.0


def run(home: Home, host: str, port: int, workers: int, application: str = APPLICATION) -> None:
    """Until SIGTERM or SIGINT. Raises CannotStart; ends the process otherwise."""
    home.create()
    os.environ.setdefault("TAILSVC_PROCESS", "tls")
    names = certificates.names_of(host)
    certificates.ensure(home, names, now=datetime.now(UTC))
    renewing = threading.Thread(target=_keep_renewing, args=(home, names), daemon=True, name="certificate")
    renewing.start()
    options = [
        "--ssl-certificate",
        str(home.path / certificates.CERTIFICATE),
        "--ssl-keyfile",
        str(home.path / certificates.KEY),
        "--ssl-protocol-min",
        "tls1.2",  # agents on older systems know no newer one
    ]
    cli([*options, *web_arguments(host, port, workers), application], prog_name="tailsvc tls")


def _keep_renewing(home: Home, names: certificates.Names) -> None:
    """The web server's workers read the files when they start; SIGHUP replaces them one after the other."""
    while True:
        time.sleep(_LOOKS_EVERY_SECONDS)
        if certificates.ensure(home, names, now=datetime.now(UTC)):
            os.kill(os.getpid(), signal.SIGHUP)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="config.tls")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8002)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("application", nargs="?", default=APPLICATION)
    given = parser.parse_args()
    try:
        run(Home.at(None), given.host, given.port, given.workers, given.application)
    except CannotStart as error:
        sys.exit(str(error))
