"""From an empty stream to its first event: a snippet with the real address and token, and what arrives, live."""

from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone

from apps.accounts import services as accounts
from apps.accounts.abilities import Ability
from apps.accounts.callers import PlanLimits
from apps.console.pages import TeamPage
from apps.console.snippets import SNIPPETS, Destination
from apps.engine import store
from apps.streams import ingest_tokens
from apps.streams.models import Stream
from apps.streams.serializers import ingest_endpoint
from apps.streams.services import find_stream
from tailsvc.events import searchable
from tailsvc.queries import Scan, Selection

_SHIPS_WITH = (Ability.STREAMS_READ, Ability.STREAMS_ISSUE_TOKEN)
_SHOWN_EVENTS = 3


class OnboardingPage(TeamPage):
    """`?with=` names the snippet. A POST makes the personal token that `tailsvc ship` wants, shown this once."""

    ability = Ability.STREAMS_ISSUE_TOKEN
    section = "streams"

    def get(self, request: HttpRequest, stream: str) -> HttpResponse:
        return self._show(request, find_stream(stream))

    def post(self, request: HttpRequest, stream: str) -> HttpResponse:
        found = find_stream(stream)
        _, text = accounts.create_token(
            team_id=self.caller.team_id,
            user=self.caller.user_id,
            name=f"tailsvc ship {found.name}"[:150],
            abilities=_SHIPS_WITH,
            expires_at=None,
            actor=self.caller.email,
            now=timezone.now(),
        )
        return self._show(request, found, personal_token=text)

    def _show(self, request: HttpRequest, stream: Stream, **given: Any) -> HttpResponse:
        snippet = SNIPPETS.get(request.GET.get("with", next(iter(SNIPPETS))))
        if snippet is None:
            raise Http404
        live = ingest_tokens.live(stream, timezone.now()).first()
        token = ingest_tokens.text_of(live, stream).token if live else ""
        to = Destination(settings.PUBLIC_URL, ingest_endpoint(stream), token, stream.name, **given)
        return self.render(
            "console/onboarding.html",
            stream=stream,
            tab="start",
            snippets=SNIPPETS.values(),
            snippet=snippet,
            text=snippet.text(to),
            to=to,
            has_made_token=bool(given),
            **_arrived(stream, self.caller.plan),
        )


class ArrivedPart(TeamPage):
    """What the page asks for again and again until the first event is there; nothing, while nothing changed, so that
    nobody is told the same thing every second. `?refused=` is the refused line that the page shows.
    """

    ability = Ability.STREAMS_ISSUE_TOKEN

    def get(self, request: HttpRequest, stream: str) -> HttpResponse:
        found = find_stream(stream)
        arrived = _arrived(found, self.caller.plan)
        refused = str(arrived["refused"].id) if arrived["refused"] else ""
        if not arrived["events"] and request.GET.get("refused") == refused:
            return HttpResponse(status=204)
        return self.render("console/arrived.html", stream=found, **arrived)


def _arrived(stream: Stream, plan: PlanLimits) -> dict[str, Any]:
    ref, edge = stream.ref, timezone.now() - stream.retention(plan.retention_hours)
    last_id = store().head(ref).last_id
    selection = Selection(start=int(edge.timestamp() * 1_000_000))
    events = store().scan(ref, Scan(selection, limit=_SHOWN_EVENTS)).events if last_id else []
    # Refused lines are the likeliest reason why somebody waits here in vain.
    refused = store().rejections(ref, limit=1) if not events else []
    return {
        "events": [(stored.event, stored.event.message or searchable(stored.event.raw)) for stored in events],
        "last_id": last_id,
        "refused": refused[0] if refused else None,
    }
