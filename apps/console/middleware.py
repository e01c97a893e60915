"""What every page carries: a policy that lets in nothing but our own files, and a compressed body."""

import re
from collections.abc import Callable

from django.conf import settings
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase
from django.utils.cache import patch_vary_headers
from django.utils.text import compress_string

_OWN_FILES = "img-src 'self' data:; connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'"
_POLICY = f"default-src 'none'; script-src 'self'; style-src 'self'; {_OWN_FILES}; frame-ancestors 'none'"
# The page of the API's documentation writes styles into its elements.
_DOCS_POLICY = _POLICY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")
_TEXT = re.compile(r"(text/|application/javascript|image/svg)")
# Random padding, so that the length of a page tells nothing of the secrets in it (BREACH).
_PADDING_BYTES = 100
_SMALL = 500


class PageMiddleware:
    """Place it outside of whoever serves static files. Programs' answers pass through untouched."""

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self._static: dict[str, bytes] = {}

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if isinstance(response, FileResponse):
            return self._own_file(request, response)
        if isinstance(response, HttpResponse) and response.get("Content-Type", "").startswith("text/html"):
            is_docs = request.path_info == "/api/docs"
            response.headers.setdefault("Content-Security-Policy", _DOCS_POLICY if is_docs else _POLICY)
            _compress(request, response)
        return response

    def _own_file(self, request: HttpRequest, response: FileResponse) -> HttpResponseBase:
        """Compressed once and kept: there are few, and their addresses change with what is in them."""
        is_text = bool(_TEXT.match(response.get("Content-Type", "")))
        if not is_text or request.method != "GET" or response.status_code != 200 or not _takes_gzip(request):
            return response
        if not request.path_info.startswith(f"/{settings.STATIC_URL.strip('/')}/"):
            return response
        packed = self._static.get(request.path_info)
        if packed is None:
            packed = self._static[request.path_info] = compress_string(b"".join(response))
        response.close()
        answer = HttpResponse(packed, headers={**response.headers, "Content-Encoding": "gzip"})
        answer["Content-Length"] = str(len(packed))
        patch_vary_headers(answer, ("Accept-Encoding",))
        return answer


def _compress(request: HttpRequest, response: HttpResponse) -> None:
    patch_vary_headers(response, ("Accept-Encoding",))
    if len(response.content) < _SMALL or response.has_header("Content-Encoding") or not _takes_gzip(request):
        return
    response.content = compress_string(response.content, max_random_bytes=_PADDING_BYTES)
    response["Content-Encoding"] = "gzip"
    response["Content-Length"] = str(len(response.content))


def _takes_gzip(request: HttpRequest) -> bool:
    return bool(re.search(r"\bgzip\b", request.headers.get("Accept-Encoding", "")))
