"""What the plan allows and what of it is used: today, and by the day."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import orjson
from django.db.models import Sum
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from apps.accounts.abilities import Ability
from apps.console.pages import TeamPage
from apps.console.templatetags.console import short_number, size
from apps.engine import store
from apps.streams import services
from apps.streams.models import Stream, Usage
from tailsvc.storage.base import StreamSize

DAYS = 30
_COUNTED = ("events", "bytes", "requests", "rejected")


@dataclass(frozen=True, slots=True)
class Plot:
    """`data` is for the page's script: days in Unix seconds, a count for each, and each in words."""

    title: str
    total: str
    most: str
    data: str


class UsagePage(TeamPage):
    ability = Ability.STREAMS_READ
    section = "settings"

    def get(self, request: HttpRequest) -> HttpResponse:  # noqa: ARG002 (Django's signature)
        today = timezone.now().date()
        days = [today - timedelta(days=back) for back in reversed(range(DAYS))]
        by_day = _by_day(days[0])
        streams = list(Stream.objects.filter(deleted_at__isnull=True).order_by("name"))
        sizes = store().sizes([one.ref for one in streams])
        return self.render(
            "console/usage.html",
            page="usage",
            plan=self.caller.plan,
            streams=services.live_stream_count(),
            today=by_day[today],
            plots=[
                _plot("Events a day", days, [by_day[day]["events"] for day in days], short_number),
                _plot("Bytes a day", days, [by_day[day]["bytes"] for day in days], size),
            ],
            days=[(day, by_day[day]) for day in reversed(days) if by_day[day]["requests"]],
            by_stream=_by_stream(streams, sizes, days[0]),
            stored=sum(one.bytes for one in sizes.values()),
        )


def _by_day(first: date) -> dict[date, dict[str, int]]:
    found: dict[date, dict[str, int]] = defaultdict(lambda: dict.fromkeys(_COUNTED, 0))
    sums = [Sum(name) for name in _COUNTED]
    for day, *counts in Usage.objects.filter(day__gte=first).values_list("day").annotate(*sums):
        found[day] = dict(zip(_COUNTED, counts, strict=True))
    return found


def _by_stream(streams: list[Stream], sizes: dict[int, StreamSize], first: date) -> list[tuple[Stream, int, int, int]]:
    """Events and bytes that came, bytes stored; the busiest first."""
    sums = Usage.objects.filter(day__gte=first).values_list("stream_id").annotate(Sum("events"), Sum("bytes"))
    came = {pk: (events, received) for pk, events, received in sums}
    rows = [(one, *came.get(one.pk, (0, 0)), sizes.get(one.pk, StreamSize()).bytes) for one in streams]
    return sorted(rows, key=lambda row: row[1:], reverse=True)


def _plot(title: str, days: list[date], counts: list[int], told: Callable[[int], str]) -> Plot:
    data = {
        "days": [int(datetime.combine(day, time(), UTC).timestamp()) for day in days],
        "counts": counts,
        "told": [f"{day:%-d %b}: {told(count)}" for day, count in zip(days, counts, strict=True)],
    }
    return Plot(title, told(sum(counts)), told(max(counts)), orjson.dumps(data).decode())
