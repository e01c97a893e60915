"""The team's streams: what there is, how fast it grows, and a new one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from apps.accounts.abilities import Ability
from apps.accounts.callers import PlanLimits
from apps.accounts.errors import RuleBroken
from apps.accounts.models import Team
from apps.console.pages import TeamPage
from apps.console.templatetags.console import hours
from apps.engine import store
from apps.streams import services
from apps.streams.models import Stream
from apps.streams.serializers import NAME_CHARS
from tailsvc.queries import Head, Selection
from tailsvc.storage.base import StreamSize

_MINUTE = 60_000_000  # microseconds
_SPARK_MINUTES = 2
_SPARKS = 30  # an hour of them
_RATE_MINUTES = 5
# Beyond this a page is a list for programs.
_MOST_SHOWN = 500


@dataclass(frozen=True, slots=True)
class Spark:
    x: int
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Row:
    """A stream as the list shows it. `per_minute` over the last five; `sparks` of the last hour."""

    stream: Stream
    size: StreamSize
    last_at: int | None
    retention_hours: int
    per_minute: float
    sparks: list[Spark]


class StreamsPage(TeamPage):
    ability = Ability.STREAMS_READ
    section = "streams"

    def get(self, request: HttpRequest) -> HttpResponse:
        now = timezone.now()
        streams = list(Stream.objects.filter(deleted_at__isnull=True).order_by("name", "pk")[:_MOST_SHOWN])
        rows = rows_of(streams, self.caller.plan, now)
        may_send = Ability.STREAMS_ISSUE_TOKEN in self.caller.abilities
        is_fresh = may_send and bool(rows) and all(row.last_at is None for row in rows)
        is_part = request.headers.get("HX-Request") == "true"
        return self.render(
            "console/streams_table.html" if is_part else "console/streams.html",
            rows=rows,
            fresh=rows[0].stream if is_fresh else None,
            deleted=restorable(now),
        )


class StreamForm(forms.Form):
    name = forms.CharField(max_length=NAME_CHARS, help_text="Like the program that writes the logs: shop-api, nginx.")
    description = forms.CharField(max_length=1000, required=False)
    retention_hours = forms.TypedChoiceField(label="Keep logs for", coerce=int, empty_value=None, required=False)

    def __init__(self, *args: object, plan: PlanLimits, keep: int | None = None, **kwargs: object) -> None:
        """`keep`: what is set now, perhaps by the API to a time that the list has not."""
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.fields["retention_hours"].choices = retention_choices(plan, keep)  # type: ignore[attr-defined]
        for name, field in self.fields.items():
            field.widget.attrs["id"] = f"id_{name}"


class NewStreamPage(TeamPage):
    ability = Ability.STREAMS_CREATE
    section = "streams"

    def get(self, request: HttpRequest) -> HttpResponse:  # noqa: ARG002 (Django's signature)
        return self.render("console/new_stream.html", form=StreamForm(plan=self.caller.plan))

    def post(self, request: HttpRequest) -> HttpResponse:
        form = StreamForm(request.POST, plan=self.caller.plan)
        if form.is_valid():
            try:
                stream = services.create_stream(
                    team=Team.objects.get(),
                    plan=self.caller.plan,
                    actor=self.caller.email,
                    now=timezone.now(),
                    **form.cleaned_data,
                )
            except RuleBroken as error:
                form.add_error(error.field, str(error))
            else:
                return redirect("console-onboarding", team=self.caller.team_slug, stream=stream.slug)
        return self.render("console/new_stream.html", form=form, status=422)


def retention_choices(plan: PlanLimits, keep: int | None = None) -> list[tuple[object, str]]:
    """Round times within the plan; the plan's own is what one gets without choosing."""
    offered = {24, 72, 168, 336, 720, 2160, 4320, 8760, 26280} | ({keep} if keep else set())
    within = sorted(count for count in offered if count < plan.retention_hours or count == keep)
    return [("", f"{hours(plan.retention_hours)} (the plan's limit)"), *((count, hours(count)) for count in within)]


def rows_of(streams: Sequence[Stream], plan: PlanLimits, now: datetime) -> list[Row]:
    refs = [stream.ref for stream in streams]
    heads, sizes = store().heads(refs), store().sizes(refs)
    return [_row(one, heads.get(one.pk), sizes.get(one.pk) or StreamSize(), plan, now) for one in streams]


def restorable(now: datetime) -> list[Stream]:
    edge = now - services.RESTORABLE_FOR
    return list(Stream.objects.filter(deleted_at__gt=edge).order_by("-deleted_at")[:_MOST_SHOWN])


def _row(stream: Stream, head: Head | None, size: StreamSize, plan: PlanLimits, now: datetime) -> Row:
    last_at = head.appended_at if head else None
    kept = int(stream.retention(plan.retention_hours) / timedelta(hours=1))
    counts = _counts_of_last_hour(stream, last_at, now)
    recent = sum(counts[-_RATE_MINUTES:]) / _RATE_MINUTES
    return Row(stream, size, last_at, kept, recent, _sparks(counts))


def _counts_of_last_hour(stream: Stream, last_at: int | None, now: datetime) -> list[int]:
    """Events by the minute, oldest first. A stream that took nothing for an hour is not even asked."""
    minutes = _SPARKS * _SPARK_MINUTES
    end = int(now.timestamp() * 1_000_000)
    first = end // _MINUTE - minutes + 1
    if last_at is None or last_at < first * _MINUTE:
        return [0] * minutes
    found = store().histogram(stream.ref, Selection(first * _MINUTE, end), interval=_MINUTE, split=None).buckets
    return [sum(found.get((first + nth) * _MINUTE, {}).values()) for nth in range(minutes)]


def _sparks(counts: Sequence[int]) -> list[Spark]:
    """Bars in a box of 90 by 20."""
    bars = [sum(counts[nth : nth + _SPARK_MINUTES]) for nth in range(0, len(counts), _SPARK_MINUTES)]
    most = max(bars)
    heights = [round(max(1.5, 20 * bar / most), 1) if bar else 0 for bar in bars]
    return [Spark(3 * nth, round(20 - height, 1), height) for nth, height in enumerate(heights) if height]
