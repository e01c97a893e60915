"""A stream's name and retention, the lines that it refused, its end, and its return."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from apps.accounts.abilities import Ability
from apps.accounts.errors import RuleBroken
from apps.console.pages import TeamPage
from apps.console.streams import StreamForm
from apps.engine import store
from apps.http.parameters import whole_number
from apps.streams import services
from apps.streams.models import Stream
from apps.streams.services import find_stream
from tailsvc.events import searchable

_PAGE = 50


class SettingsPage(TeamPage):
    ability = Ability.STREAMS_UPDATE
    section = "streams"

    def get(self, request: HttpRequest, stream: str) -> HttpResponse:  # noqa: ARG002 (Django's signature)
        found = find_stream(stream)
        now = {"name": found.name, "description": found.description, "retention_hours": found.retention_hours or ""}
        return self._show(found, StreamForm(initial=now, plan=self.caller.plan, keep=found.retention_hours))

    def post(self, request: HttpRequest, stream: str) -> HttpResponse:
        found = find_stream(stream)
        form = StreamForm(request.POST, plan=self.caller.plan, keep=found.retention_hours)
        if not form.is_valid():
            return self._show(found, form, status=422)
        try:
            services.update_stream(
                find_stream(stream),
                changes=form.cleaned_data,
                plan=self.caller.plan,
                actor=self.caller.email,
                now=timezone.now(),
            )
        except RuleBroken as error:
            form.add_error(error.field, str(error))
            return self._show(found, form, status=422)
        messages.success(request, "Saved.")
        return redirect("console-stream-settings", team=self.caller.team_slug, stream=found.slug)

    def _show(self, stream: Stream, form: StreamForm, *, status: int = 200) -> HttpResponse:
        return self.render("console/stream_settings.html", stream=stream, tab="settings", form=form, status=status)


class DeletePage(TeamPage):
    ability = Ability.STREAMS_DELETE

    def post(self, request: HttpRequest, stream: str) -> HttpResponse:
        found = find_stream(stream)
        services.delete_stream(found, actor=self.caller.email, now=timezone.now())
        messages.success(request, f"{found.name} is deleted. For 24 hours it can be restored, below.")
        return redirect("console-streams", team=self.caller.team_slug)


class RestorePage(TeamPage):
    """Under its old name, or, where that is taken meanwhile, under one that says so."""

    ability = Ability.STREAMS_DELETE

    def post(self, request: HttpRequest, deleted: str) -> HttpResponse:
        found = find_stream(deleted, deleted=True)
        asked: dict[str, Any] = {"plan": self.caller.plan, "actor": self.caller.email, "now": timezone.now()}
        is_taken = Stream.objects.filter(name=found.name, deleted_at__isnull=True).exists()
        name = f"{found.name[:230]} (restored {found.pk})" if is_taken else None
        restored = services.restore_stream(found, name=name, **asked)
        messages.success(request, f"{restored.name} is back, with its events and tokens.")
        return redirect("console-streams", team=self.caller.team_slug)


class RejectedPage(TeamPage):
    """The newest refused lines; `?before=` pages on."""

    ability = Ability.STREAMS_READ
    section = "streams"

    def get(self, request: HttpRequest, stream: str) -> HttpResponse:
        found = find_stream(stream)
        before = whole_number(request.GET, "before", default=2**63 - 1, low=0, high=2**63 - 1)
        kept = store().rejections(found.ref, limit=_PAGE + 1, before=before)
        page = kept[:_PAGE]
        return self.render(
            "console/rejected.html",
            stream=found,
            tab="rejected",
            rejected=[(one, searchable(one.sample)) for one in page],
            older=page[-1].id if len(kept) > _PAGE else None,
            is_first="before" not in request.GET,
        )
