"""A follower's chunks as one HTTP answer, whatever the dialect's form."""

from collections.abc import AsyncIterator, Callable
from typing import Protocol

import structlog

from apps.http import metrics
from apps.http.streaming import NotRead, Reply
from apps.tail.ends import ClientGone, Ended, ServerStopping
from tailsvc.tail import Chunk, Follower

_log = structlog.get_logger(__name__)


class Form(Protocol):
    """How a dialect writes what is not an event. Whatever it has no word for is empty."""

    heartbeat_seconds: float

    def heartbeat(self, follower: Follower[bytes]) -> bytes:
        """Sent after so many seconds of silence."""

    def notice(self, chunk: Chunk[bytes]) -> bytes:
        """Events are missing, or the stream was restored."""

    def end(self, reason: Ended) -> bytes:
        """The last that is sent."""


async def serve(reply: Reply, follower: Follower[bytes], form: Form, *, until: int | None = None) -> None:
    """Send what comes until one side ends; with `until`, only as far as that id."""
    reply.on_gone = lambda: follower.end(ClientGone())
    if not await serve_pieces(reply, _pieces(follower, form, until), form.end):
        _log.info("a follower did not read and was cut", behind=follower.behind)


async def serve_pieces(reply: Reply, pieces: AsyncIterator[bytes], end: Callable[[Ended], bytes]) -> bool:
    """Send what comes until it is over, or raises Ended. Whether the client read it."""
    try:
        async for piece in pieces:
            await reply.write(piece)
        await reply.finish()
    except ClientGone:
        pass
    except ServerStopping as reason:
        # Without a proper end where the dialect has no word for it: nobody shall take it for the end of the log.
        text = end(reason)
        if text:
            await reply.finish(text)
    except Ended as reason:
        await reply.finish(end(reason))
    except NotRead:
        metrics.FOLLOWERS_CUT.inc()
        return False
    return True


async def _pieces(follower: Follower[bytes], form: Form, until: int | None) -> AsyncIterator[bytes]:
    while until is None or follower.after < until:
        chunk = await follower.next(form.heartbeat_seconds if until is None else 0)
        if chunk is None:
            text = form.heartbeat(follower) if until is None else b""
        else:
            metrics.FOLLOWED_EVENTS.inc(chunk.events)
            notice = form.notice(chunk) if chunk.missing or chunk.restored else b""
            text = notice + (chunk.made or b"")
        yield text
