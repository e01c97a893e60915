"""The page, and the parts of it that are fetched while somebody looks on. Each takes the page's own query string."""

from dataclasses import replace
from functools import cached_property
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.safestring import mark_safe

from apps.accounts.abilities import Ability
from apps.accounts.errors import NotThere
from apps.console.explore import facets, numbers, rows
from apps.console.explore.completion import offers_of_fields, offers_of_values, place_in
from apps.console.explore.detail import Detail
from apps.console.explore.search import Refused, Search, read_search
from apps.console.explore.view import View
from apps.console.pages import TeamPage
from apps.query import exports, scrolling, services
from apps.query.questions import Question, whole_number
from apps.query.rendering import NDJSON
from apps.query.walks import Asked
from apps.streams.models import Stream
from apps.streams.services import find_stream
from tailsvc import limits
from tailsvc.errors import BrokenSegment, InvalidQuery
from tailsvc.events import StoredEvent
from tailsvc.queries import Direction, Position
from tailsvc.tail.places import write_place

_LARGEST = 2**63 - 1
_LATEST_MS = limits.LATEST_MICROS // 1000
_AROUND = 10
# Names of attributes are those of the newest events.
_SEEN_EVENTS = 100


class StreamPage(TeamPage):
    """What the page and its parts have in common."""

    ability = Ability.STREAMS_READ
    section = "streams"
    stream: Stream

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.now = timezone.now()
        return super().dispatch(request, *args, **kwargs)

    def find(self, address: str) -> Asked:
        self.stream = find_stream(address)
        return Asked.of(self.stream, self.caller.plan)

    @property
    def browsers_zone(self) -> str:
        return self.request.COOKIES.get("zone", "")

    @cached_property
    def search(self) -> Search:
        params = self.request.GET
        return read_search(params, dict(params.lists()), zone=self.browsers_zone)

    def question(self, asked: Asked) -> Question:
        return self.search.question(self.now, asked.plan_retention, self._at_ms)

    @property
    def _at_ms(self) -> int | None:
        """When a window that ends now ends: parts of a page look at the same time as the page did."""
        return whole_number(self.request.GET, "at", low=0, high=_LATEST_MS)

    @cached_property
    def looks(self) -> rows.Looks:
        return rows.Looks.of(self.search, self.browsers_zone)


class ExplorePage(StreamPage):
    """The whole, or for the page's own script only what depends on the search."""

    def get(self, request: HttpRequest, stream: str) -> HttpResponse:
        asked = self.find(stream)
        try:
            view = self._view(asked)
        except Refused as error:
            view = View.refused(self._refused_search(), str(error), self.browsers_zone)
        is_part = request.headers.get("HX-Request") == "true"
        return self.render(
            "console/explore_view.html" if is_part else "console/explore.html",
            status=422 if view.error else 200,
            stream=self.stream,
            tab="explore",
            view=view,
        )

    def _view(self, asked: Asked) -> View:
        question = self.question(asked)
        screen, head = scrolling.newest(asked, question, limit=rows.FIRST_ROWS, now=self.now)
        view = View(
            self.search,
            self.looks,
            question,
            screen,
            place=write_place(head.epoch, head.last_id),
            has_ever=head.last_id > 0,
        )
        return self._around_line(asked, view) if self.search.line is not None else view

    def _around_line(self, asked: Asked, view: View) -> View:
        """The screen with the line in its middle."""
        try:
            event = services.get_event(asked, self.search.line or 0, now=self.now)
        except BrokenSegment:
            return replace(view, notice="That line cannot be read at the moment.")
        if event is None:
            return replace(view, notice="That line is gone: it was deleted, or retention took it.")
        place, half = rows.place(event), rows.PAGE_ROWS // 2
        newer = scrolling.beyond(asked, view.question, place, Direction.OLDEST_FIRST, limit=half, now=self.now)
        older = scrolling.beyond(asked, view.question, place, Direction.NEWEST_FIRST, limit=half, now=self.now)
        screen = replace(older, events=[*newer.events, event, *older.events])
        detail = Detail(self.stream, event, self.search, self.looks)
        return replace(view, screen=screen, has_newer=newer.has_more, detail=detail)

    def _refused_search(self) -> Search:
        """As much of it as can be shown again."""
        try:
            return self.search
        except Refused:
            return Search(query=self.request.GET.get("query", "")[:5000])


class RowsPart(StreamPage):
    """`older` or `newer` is `<microseconds>-<id>`: the rows behind that place."""

    def get(self, request: HttpRequest, stream: str) -> HttpResponse:
        asked, params = self.find(stream), request.GET
        is_older = "older" in params
        place = _read_place(params["older"] if is_older else params.get("newer", ""))
        direction = Direction.NEWEST_FIRST if is_older else Direction.OLDEST_FIRST
        question = self.question(asked)
        found = scrolling.beyond(asked, question, place, direction, limit=rows.PAGE_ROWS, now=self.now)
        # Looks like HTML and is: every text in it went through log_text.
        html = mark_safe(rows.rows(found.events, self.looks, chosen=self.search.line))  # noqa: S308
        return HttpResponse(html, headers={"X-Has-More": "1" if found.has_more else "0"})


class HistogramPart(StreamPage):
    def get(self, request: HttpRequest, stream: str) -> HttpResponse:  # noqa: ARG002 (Django's signature)
        asked = self.find(stream)
        drawing = numbers.draw(asked, self.question(asked), now=self.now)
        told = {
            "interval": drawing.interval_ms,
            "start": drawing.start_ms,
            "end": drawing.end_ms,
            "starts": drawing.starts,
            "counts": drawing.counts,
            "total": drawing.total,
        }
        return HttpResponse(orjson.dumps(told), content_type="application/json")


class FacetsPart(StreamPage):
    """The most frequent values of one field, each a link to a search with it."""

    def get(self, request: HttpRequest, stream: str) -> HttpResponse:
        asked, field = self.find(stream), request.GET.get("facet", "")
        question = self.question(asked)
        found = facets.count(asked, question, field, self.search, now=self.now)
        return self.render("console/explore_facet.html", facet=found)


class LinePart(StreamPage):
    def get(self, request: HttpRequest, stream: str, event: int) -> HttpResponse:  # noqa: ARG002 (Django's signature)
        asked = self.find(stream)
        found = self._event(asked, event)
        detail = Detail(self.stream, found, self.search, self.looks)
        return self.render("console/explore_line.html", stream=self.stream, detail=detail)

    def _event(self, asked: Asked, event: int) -> StoredEvent:
        found = services.get_event(asked, event, now=self.now) if event <= _LARGEST else None
        if found is None:
            raise NotThere("line")
        return found


class SurroundingsPart(LinePart):
    """The lines around one, whatever the search."""

    def get(self, request: HttpRequest, stream: str, event: int) -> HttpResponse:  # noqa: ARG002 (Django's signature)
        asked = self.find(stream)
        found = self._event(asked, event)
        around = services.surroundings(asked, found, before=_AROUND, after=_AROUND, now=self.now)
        looks = replace(self.looks, columns=("line",), wrap=False, words=())
        html = rows.rows([*around.after[::-1], found, *around.before[::-1]], looks, chosen=found.id)
        shown = mark_safe(html)  # noqa: S308 (by log_text)
        return self.render("console/explore_surroundings.html", rows=shown, incomplete=around.incomplete)


class CompletionPart(StreamPage):
    """`before` is the query's text up to the caret. JSON: how much of its end to replace, and by what."""

    def get(self, request: HttpRequest, stream: str) -> HttpResponse:
        asked, before = self.find(stream), request.GET.get("before", "")[:5000]
        place = place_in(before)
        if place.is_value:
            counted = self._values(asked, place.field) if place.field else []
            offers = offers_of_values(place, counted)
        else:
            offers = offers_of_fields(place, self._attributes(asked) if place.word else ())
        told = {
            # In JavaScript's characters, some of which are halves of ours.
            "replace": len(place.word.encode("utf-16-le", "surrogatepass")) // 2,
            "offers": [{"text": one.text, "note": one.note} for one in offers if one.text.strip() != place.word],
        }
        return HttpResponse(orjson.dumps(told), content_type="application/json")

    def _question(self, asked: Asked) -> Question:
        """Without the rest of the query, which is being typed."""
        return replace(self.search, query="", clauses=()).question(self.now, asked.plan_retention, self._at_ms)

    def _values(self, asked: Asked, field: str) -> list[tuple[str, int]]:
        return facets.values_of(asked, self._question(asked), field, limit=facets.MOST_OFFERED, now=self.now)

    def _attributes(self, asked: Asked) -> list[str]:
        screen, _ = scrolling.newest(asked, self._question(asked), limit=_SEEN_EVENTS, now=self.now)
        return list(dict.fromkeys(name for one in screen.events for name in one.event.attributes or {}))


class ExportPart(StreamPage):
    """All that the search finds, as the API's export sends it."""

    def get(self, request: HttpRequest, stream: str) -> HttpResponseBase:
        asked = self.find(stream)
        question = self.question(asked)
        export = exports.begin(asked, question, after=None, now=self.now)
        name = f"{self.stream.slug}-{self.now:%Y%m%dT%H%M%SZ}.ndjson"
        headers = {**export.headers, "Content-Disposition": f'attachment; filename="{name}"'}
        if request.method == "HEAD":
            return HttpResponse(content_type=NDJSON, headers=headers)
        return StreamingHttpResponse(exports.lines(export, self.caller), content_type=NDJSON, headers=headers)


def _read_place(text: str) -> Position:
    micros, _, event = text.partition("-")
    if not all(part.isascii() and part.isdigit() and len(part) < 19 for part in (micros, event)):
        raise InvalidQuery("older", "older and newer take a row's place.")
    return Position(int(micros), int(event))
