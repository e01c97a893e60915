"""The console's own files, in front of Django: a page has a dozen of them, and the way through Django costs far more
than the answer. What is out of the ordinary, and the files of others, are left to whoever serves static files there.
"""

import gzip
import mimetypes
from functools import cache
from pathlib import Path

from django.conf import settings

from apps.http.asgi import Endpoint, Receive, Scope, Send, headers_of

_FOLDER = Path(__file__).resolve().parent / "static"


def in_front_of(otherwise: Endpoint) -> Endpoint:
    url = settings.STATIC_URL.strip("/")
    files = {f"/{url}/{file.relative_to(_FOLDER).as_posix()}": file for file in _FOLDER.rglob("*") if file.is_file()}

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        file = files.get(scope["path"])
        if file is None or scope["method"] != "GET" or not _is_plain(headers_of(scope)):
            await otherwise(scope, receive, send)
            return
        body, headers = _packed(file)
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return serve


def _is_plain(headers: dict[bytes, bytes]) -> bool:
    return b"gzip" in headers.get(b"accept-encoding", b"") and b"range" not in headers


@cache
def _packed(file: Path) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    """Once: there are few, and their addresses change with what is in them."""
    kind = mimetypes.guess_type(file.name)[0] or "text/plain"
    body = gzip.compress(file.read_bytes(), mtime=0)
    return body, [
        (b"content-type", f"{kind}; charset=utf-8".encode()),
        (b"content-encoding", b"gzip"),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"max-age=315360000, public, immutable"),
        (b"vary", b"Accept-Encoding"),
        (b"x-content-type-options", b"nosniff"),
    ]
