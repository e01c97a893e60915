"""Where a team's cluster may not be: at addresses that mean the service's own machine, or what stands beside it."""

import ipaddress
import socket
from ipaddress import IPv4Address, IPv6Address

_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def is_off_limits(host: str) -> bool:
    """Is it an address, in whatever spelling the resolver takes, or a name that is known to be off limits?

    Loopback, link-local (clouds' metadata), unspecified and multicast; private networks are where clusters live.
    Other names are nobody's before they are resolved: whoever connects asks again for the address.
    """
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    address = _address(name)
    return address is not None and (
        address.is_loopback or address.is_link_local or address.is_unspecified or address.is_multicast
    )


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        return _old_spelling(host)
    if isinstance(found, IPv4Address):
        return found
    if found in _NAT64:
        return IPv4Address(int(found) & 0xFFFFFFFF)
    return found.ipv4_mapped or found


def _old_spelling(host: str) -> IPv4Address | None:
    """ "127.1", "0x7f000001" and "2130706433" are 127.0.0.1 to resolvers."""
    try:
        return IPv4Address(socket.inet_aton(host))
    except (OSError, UnicodeError):
        return None
