"""Ports: free ones for the servers, the wanted one for the web."""

import errno
import secrets
import socket

from config.runtime.faults import CannotStart, PortTaken

LOOPBACK = "127.0.0.1"
_WILDCARDS = {"0.0.0.0": LOOPBACK, "::": "::1", "": LOOPBACK}  # noqa: S104
# Below what systems give to outgoing connections (32768 and up on Linux, 49152 elsewhere): from there a port that was
# free may be some connection's own end before the server that was to have it starts.
_CHOICE = range(15_000, 32_000)
_MOST_TRIES = 1_000
_given: set[int] = set()  # by this process, maybe to a server that does not listen yet


def free_port(*, in_a_row: int = 1) -> int:
    """One that nobody listens on; with `in_a_row`, the first of so many."""
    for _ in range(_MOST_TRIES):
        first = secrets.choice(_CHOICE)
        wanted = range(first, first + in_a_row)
        if _given.isdisjoint(wanted) and all(_is_free(port) for port in wanted):
            _given.update(wanted)
            return first
    raise CannotStart(f"No port between {_CHOICE.start} and {_CHOICE.stop} is free.")


def _is_free(port: int) -> bool:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((LOOPBACK, port))
            listener.listen()
        except OSError:
            return False
    return True


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
