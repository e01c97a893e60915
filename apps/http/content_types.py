"""What Django is told of a body: it believes any charset that a request names, and fails at codecs that are no text."""

import re

from apps.http.asgi import Endpoint, Receive, Scope, Send

_BOUNDARY = re.compile(rb";\s*boundary=[^;]*", re.IGNORECASE)


def in_utf_8(endpoint: Endpoint) -> Endpoint:
    """The endpoint, to which everything is UTF-8 whatever a request says of itself."""

    async def plain(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(name, _plain(value) if name == b"content-type" else value) for name, value in scope["headers"]]
        await endpoint({**scope, "headers": headers}, receive, send)

    return plain


def _plain(content_type: bytes) -> bytes:
    """Of the parameters only the boundary is left."""
    boundary = _BOUNDARY.search(content_type)
    return content_type.partition(b";")[0] + (boundary[0] if boundary else b"")
