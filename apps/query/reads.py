"""What is read all the time: a query string's parameters in, the answer out. For the views and the short cut alike."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.conf import settings

from apps.query import services, summaries
from apps.query.questions import (
    read_facet_limit,
    read_fields,
    read_interval,
    read_matches,
    read_question,
    read_split,
)
from apps.query.rendering import render_event, render_facets, render_histogram, render_notes, render_window
from apps.query.walks import Asked

Params = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Reply:
    data: dict[str, Any]
    link: str | None = None  # to the next page

    @property
    def headers(self) -> dict[str, str]:
        return {"Link": f'<{self.link}>; rel="next"'} if self.link else {}


# They raise the engine's errors.
Read = Callable[[Asked, Params, datetime], Reply]


def read_logs(asked: Asked, params: Params, now: datetime) -> Reply:
    found = services.search(asked, read_question(params), now=now)
    link = _next_link(asked, params, found.next_cursor)
    meta = {
        "has_more": found.next_cursor is not None,
        "next_cursor": found.next_cursor,
        "total": found.total,
        **render_notes(found.ignored, found.incomplete),
    }
    data = {"data": [render_event(one) for one in found.events], "meta": meta, "links": {"next": link}}
    return Reply(data, link)


def read_histogram(asked: Asked, params: Params, now: datetime) -> Reply:
    question, split = read_matches(params), read_split(params)
    selection = summaries.closed_selection(asked, question, now=now)
    interval = read_interval(params, smallest=summaries.smallest_interval(selection))
    found = summaries.histogram(asked, selection, interval_ms=interval, split=split)
    meta = {
        "interval": interval,
        "split": split,
        **render_window(selection),
        **render_notes(question.ignored, found.incomplete),
    }
    return Reply({"data": render_histogram(found), "meta": meta})


def read_facets(asked: Asked, params: Params, now: datetime) -> Reply:
    question, fields, limit = read_matches(params), read_fields(params), read_facet_limit(params)
    selection = summaries.closed_selection(asked, question, now=now)
    found = summaries.facets(asked, selection, fields, limit=limit)
    meta = {"limit": limit, **render_window(selection), **render_notes(question.ignored, found.incomplete)}
    if found.approximate:
        meta["approximate"] = list(found.approximate)
    return Reply({"data": render_facets(found), "meta": meta})


def _next_link(asked: Asked, params: Params, cursor: str | None) -> str | None:
    """The next page's address: the cursor and what may change from page to page, nothing else."""
    if cursor is None:
        return None
    kept = {name: params[name] for name in ("limit", "total") if name in params}
    query = urlencode({"cursor": cursor, **kept})
    return f"{settings.PUBLIC_URL}/api/streams/{asked.uuid}/logs?{query}"
