"""A build's log, live: the page shows its end, and fetches what comes until the build is finished."""

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from apps.accounts.abilities import Ability
from apps.console.pages import TeamPage
from apps.http.parameters import whole_number
from apps.lifecycle import builds, limits
from apps.lifecycle.models import BuildLog
from apps.streams.services import find_stream

# What a page shows at once: thousands of lines, of which people read the last. The whole log is a link away.
_SHOWN_BYTES = 256 * 1024
# A line without an end is shown in parts, sooner than never.
_LONGEST_WAIT_BYTES = 16 * 1024


@dataclass(frozen=True, slots=True)
class Part:
    """Text of the log up to the byte `end`; `is_over`: nothing comes behind it."""

    text: str
    end: int
    is_over: bool


class BuildPage(TeamPage):
    """`?from=` is a byte of the log; without it, its last part is shown."""

    ability = Ability.STREAMS_READ
    section = "streams"

    def get(self, request: HttpRequest, stream: str, build: str) -> HttpResponse:
        found = find_stream(stream)
        kept = builds.find(found, build, plan=self.caller.plan, now=timezone.now())
        start = whole_number(
            request.GET, "from", default=max(0, kept.size - _SHOWN_BYTES), low=0, high=limits.BUILD_BYTES
        )
        is_part = request.headers.get("HX-Request") == "true"
        return self.render(
            "console/build_part.html" if is_part else "console/build.html",
            stream=found,
            tab="live",
            build=kept,
            start=start,
            part=part_of(kept, start),
            is_part=is_part,
        )


def part_of(build: BuildLog, start: int) -> Part:
    """Whole lines, as long as more may come: a letter may have arrived by half."""
    data = b"".join(chunk.data for chunk in builds.read(build.pk, start))
    is_last = start + len(data) >= build.size
    if not (is_last and build.finished_at) and len(data) < _LONGEST_WAIT_BYTES:
        data = data[: data.rfind(b"\n") + 1]
    return Part(data.decode("utf-8", "replace"), start + len(data), is_last and build.finished_at is not None)
