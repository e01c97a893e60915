"""A stream's ingest tokens: what lives, whether it is still in use, a new one beside the old one, the old one's end."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.db.models import Max, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from apps.accounts.abilities import Ability
from apps.accounts.errors import NotThere, RuleBroken
from apps.console.pages import TeamPage
from apps.streams import ingest_tokens
from apps.streams.models import IngestToken, Stream, Usage
from apps.streams.serializers import ingest_endpoint
from apps.streams.services import find_stream

LIVES = [(30, "30 days"), (90, "90 days"), (180, "180 days"), (365, "a year"), (3650, "ten years")]
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Shown:
    """A live token as the page shows it. `events_today` and `last_day` (UTC) say whether agents still use it."""

    kept: IngestToken
    text: str
    events_today: int
    last_day: Any


class LifeForm(forms.Form):
    days = forms.TypedChoiceField(label="Lives for", choices=LIVES, coerce=int, initial=180)


class TokensPage(TeamPage):
    ability = Ability.STREAMS_ISSUE_TOKEN
    section = "streams"

    def get(self, request: HttpRequest, stream: str) -> HttpResponse:  # noqa: ARG002 (Django's signature)
        return self._show(find_stream(stream))

    def post(self, request: HttpRequest, stream: str) -> HttpResponse:
        found, form = find_stream(stream), LifeForm(request.POST)
        if not form.is_valid():
            return self._show(found, form, status=422)
        life = int(form.cleaned_data["days"] * _DAY.total_seconds())
        try:
            ingest_tokens.issue(stream=found, ttl=life, actor=self.caller.email, now=timezone.now())
        except RuleBroken as error:
            form.add_error("days", str(error))
            return self._show(found, form, status=422)
        messages.success(request, "The new token is good at once. Give it to your agents, then revoke the old one.")
        page = "console-onboarding" if request.POST.get("next") == "start" else "console-ingest-tokens"
        return redirect(page, team=self.caller.team_slug, stream=found.slug)

    def _show(self, stream: Stream, form: LifeForm | None = None, *, status: int = 200) -> HttpResponse:
        live = _shown(stream, ingest_tokens.live(stream, timezone.now()))
        return self.render(
            "console/ingest_tokens.html",
            stream=stream,
            tab="tokens",
            tokens=live,
            has_room=len(live) < ingest_tokens.LIVE_TOKENS,
            endpoint=ingest_endpoint(stream),
            form=form or LifeForm(),
            status=status,
        )


class RevokePage(TeamPage):
    ability = Ability.STREAMS_ISSUE_TOKEN

    def post(self, request: HttpRequest, stream: str, jti: UUID) -> HttpResponse:
        found = find_stream(stream)
        token = IngestToken.objects.filter(stream=found, jti=jti, revoked_at__isnull=True).first()
        if token is None:
            raise NotThere("ingest token")
        ingest_tokens.revoke(token=token, actor=self.caller.email, now=timezone.now())
        messages.success(request, "Revoked. Agents that still use this token are refused within seconds.")
        return redirect("console-ingest-tokens", team=self.caller.team_slug, stream=found.slug)


def _shown(stream: Stream, tokens: Iterable[IngestToken]) -> list[Shown]:
    today = timezone.now().date()
    used = Usage.objects.filter(stream=stream)
    last = dict(used.values_list("jti").annotate(Max("day")))
    events = dict(used.filter(day=today).values_list("jti").annotate(Sum("events")))
    return [
        Shown(one, ingest_tokens.text_of(one, stream).token, events.get(one.jti, 0), last.get(one.jti))
        for one in tokens
    ]
