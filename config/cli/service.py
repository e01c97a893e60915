"""Calls to a service over its API, and its refusals as sentences."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit
from uuid import UUID

import httpx

from config.cli.options import one_of
from config.cli.servers import Server, choose
from config.cli.terminal import fail, printable
from tailsvc.version import __version__

# A query may take the store half a minute; a connection comes at once or not at all.
TIMEOUT = httpx.Timeout(60.0, connect=10.0)
_LOCAL = {"127.0.0.1", "::1", "localhost"}
_STREAMS_PER_PAGE = 500


class Refused(Exception):
    """An answer that is an error. `str()` is the service's own sentence."""

    def __init__(self, answer: httpx.Response) -> None:
        try:
            body = answer.json()
        except ValueError:
            body = {}
        told = body if isinstance(body, dict) else {}
        super().__init__(str(told.get("message") or f"{answer.status_code} {answer.reason_phrase}"))
        self.status = answer.status_code
        errors = told.get("errors")
        self.errors: Mapping[str, list[str]] = errors if isinstance(errors, dict) else {}
        self.retry_after = retry_after(answer)


class Away(Exception):
    """No answer came. `str()` says why."""


def retry_after(answer: httpx.Response) -> float | None:
    text = answer.headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdigit() and len(text) < 9 else None


class Service:
    def __init__(self, server: Server) -> None:
        self.url = server.url
        # A proxy leads away from this machine.
        is_local = urlsplit(server.url).hostname in _LOCAL
        self.http = httpx.Client(
            base_url=server.url,
            headers={"User-Agent": f"tailsvc/{__version__}", "Accept": "application/json"},
            timeout=TIMEOUT,
            trust_env=not is_local,
        )
        self._authorization = {"Authorization": f"Bearer {server.token}"}

    def call(self, method: str, path: str, **kwargs: Any) -> Any:
        """The answer's JSON. Raises Refused and Away."""
        answer = self.answer_to(method, path, headers=self._authorization, **kwargs)
        if answer.is_success:
            return answer.json()
        raise Refused(answer)

    def answer_to(self, method: str, path: str, **kwargs: Any) -> httpx.Response:
        """Whatever it is; without our token. Raises Away."""
        try:
            answer = self.http.request(method, path, **kwargs)
        except httpx.TransportError as error:
            raise Away(_reason(error)) from error
        if answer.is_redirect:
            raise Away(f"it is elsewhere: {printable(answer.headers.get('location', '?'))}")
        return answer

    @contextmanager
    def streaming(self, path: str, **kwargs: Any) -> Iterator[Iterator[bytes]]:
        """An answer as it comes. Raises Refused, and Away whenever the connection is lost."""
        headers = {**self._authorization, "Accept": "text/event-stream"}
        try:
            with self.http.stream("GET", path, headers=headers, **kwargs) as answer:
                if not answer.is_success:
                    answer.read()
                    raise Refused(answer)
                yield answer.iter_bytes()
        except httpx.TransportError as error:
            raise Away(_reason(error)) from error

    def stream(self, name: str) -> Mapping[str, Any]:
        """The stream of this UUID, name or slug, a name before a slug. Exits with 2 where there is none."""
        if _is_uuid(name):
            return self._addressed(name) or self._named(name)
        return self._named(name)

    def _addressed(self, address: str) -> Mapping[str, Any] | None:
        try:
            found: Mapping[str, Any] = self.call("GET", f"/api/streams/{quote(address, safe='')}")
        except Refused as refused:
            if refused.status == httpx.codes.NOT_FOUND:
                return None
            raise
        return found

    def _named(self, name: str) -> Mapping[str, Any]:
        streams = list(self.streams())
        for key in ("name", "slug"):
            found = next((one for one in streams if one[key] == name), None)
            if found is not None:
                return self._addressed(found["uuid"]) or found
        one_of(name, (one["name"] for one in streams), kind="stream")
        raise AssertionError("one_of refuses what is not there")

    def streams(self) -> Iterator[Mapping[str, Any]]:
        """All of the token's team."""
        after = 0
        while True:
            page = self.call("GET", "/api/streams", params={"after": after, "limit": _STREAMS_PER_PAGE})
            yield from page["data"]
            if not page["meta"]["has_more"]:
                return
            after = page["data"][-1]["id"]


@contextmanager
def speaking_to(server: str | None, home: Path | None) -> Iterator[Service]:
    """The chosen service. What it refuses, and its silence, end the command with a sentence."""
    service = Service(choose(server, home))
    with service.http:
        try:
            yield service
        except Refused as refused:
            fail(sentence_of(refused, service.url))
        except Away as away:
            fail(f"{service.url} does not answer: {away}.")


def sentence_of(refused: Refused, url: str) -> str:
    said = printable(str(refused))
    match refused.status:
        case 401:
            return f"{url} refuses the token: {said}"
        case 403:
            return f"The token may not do this: {said}"
        case 429 | 503 if refused.retry_after is not None:
            return f"{said} Try again in {refused.retry_after:.0f} s."
        case _:
            return f"{url} says {refused.status}: {said}"


def _reason(error: httpx.TransportError) -> str:
    if isinstance(error, httpx.TimeoutException):
        return "it took too long"
    text = re.sub(r"^\[Errno -?\d+\] ", "", printable(str(error))) or type(error).__name__
    return text.rstrip(".")


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
