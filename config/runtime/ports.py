"""Ports: free ones for the servers, the wanted one for the web."""

import errno
import socket

from config.runtime.faults import CannotStart, PortTaken

LOOPBACK = "127.0.0.1"
_WILDCARDS = {"0.0.0.0": LOOPBACK, "::": "::1", "": LOOPBACK}  # noqa: S104


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        port: int = listener.getsockname()[1]
    return port


def require_free(host: str, port: int, option: str = "--port") -> None:
    """Raise, naming the option that chooses it, before the server starts.

    The web server shares ports, so a forgotten instance would go on answering beside it.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror as error:
        raise CannotStart(f"--host {host!r} is not an address of this machine: {error.strerror}.") from error
    with socket.socket(family, kind, protocol) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
            listener.listen()
        except OSError as error:
            raise _fault(host, port, option, error) from error


def _fault(host: str, port: int, option: str, error: OSError) -> CannotStart:
    if error.errno == errno.EADDRINUSE:
        return PortTaken(host, port, option)
    if error.errno == errno.EACCES:
        return CannotStart(f"Port {port} may only be used by root; choose one above 1023 with {option}.")
    return CannotStart(f"tailsvc cannot listen on {host}, port {port}: {error.strerror}.")


def local_address(host: str) -> str:
    """Where a client on this machine reaches what listens on `host`."""
    return _WILDCARDS.get(host, host)


def in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
