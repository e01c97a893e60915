"""From which address a request really comes."""

from ipaddress import ip_address, ip_network

from django.conf import settings
from django.http import HttpRequest


def client_address(request: HttpRequest) -> str:
    """The peer, or, where the peer is a trusted proxy, the last address before the trusted ones.

    X-Forwarded-For is believed only from the right and only as far as trusted proxies wrote it: what stands to the
    left of that is whatever the client liked to send.
    """
    address: str = request.META.get("REMOTE_ADDR", "")
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
    for earlier in reversed([part.strip() for part in forwarded if part.strip()]):
        if not _is_trusted(address) or not _is_address(earlier):
            break
        address = earlier
    return address


def _is_trusted(address: str) -> bool:
    if not _is_address(address):
        return False
    found = ip_address(address)
    return any(found in ip_network(proxy, strict=False) for proxy in settings.TRUSTED_PROXIES)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
