"""What teams declare: their PodLogStreams, and the streams that these lead to."""

from collections.abc import Collection, Sequence
from uuid import UUID

import structlog
from django.utils import timezone

from apps.accounts.callers import PlanLimits
from apps.accounts.errors import RuleBroken
from apps.accounts.models import Team
from apps.accounts.scope import team_scope
from apps.objects import history, services
from apps.streams.lookups import IngestGrant
from apps.streams.models import Stream
from apps.streams.services import create_stream
from tailsvc.objects.kinds import Document
from tailsvc.objects.podlogstream import PODLOGSTREAM

# Lines that come without an ingest token are counted under this one.
COLLECTED = UUID(int=0)
ACTOR = "collector"
_NAME_CHARS = 255
_log = structlog.get_logger(__name__)


class Declared:
    """The PodLogStreams of all teams, read again where something changed."""

    def __init__(self) -> None:
        self._versions: dict[int, int] = {}
        self.objects: dict[int, list[Document]] = {}

    def refresh(self, teams: Collection[int]) -> bool:
        """In a thread. `teams`: those with clusters; others may have declared something too. Whether there is news."""
        wanted = sorted({*teams, *history.teams_with(PODLOGSTREAM)})
        versions = history.versions_of(wanted)
        news = [team for team in wanted if versions.get(team) != self._versions.get(team)]
        for team in news:
            try:
                self.objects[team], versions[team] = _declared_by(team)
            except Exception:  # noqa: BLE001 (one team's trouble; it is asked again, the others go on)
                _log.exception("what a team declares cannot be read", team=team)
                versions.pop(team, None)
        gone = self.objects.keys() - set(wanted)
        for team in gone:
            del self.objects[team]
        self._versions = versions
        return bool(news or gone)


def _declared_by(team: int) -> tuple[list[Document], int]:
    """And the version as of which that is so."""
    with team_scope(team):
        listed = services.list_page(PODLOGSTREAM)
    return listed.documents, listed.version


def grants(team_id: int, names: Sequence[str]) -> dict[str, "IngestGrant | str"]:
    """In a thread. The team's streams of these names, made where they are missing; a text says why one cannot be."""
    possible = [name for name in names if "\x00" not in name]  # Postgres has no place for it
    with team_scope(team_id):
        team = Team.objects.select_related("plan").get(pk=team_id)
        found = {one.name: one for one in Stream.objects.filter(name__in=possible, deleted_at__isnull=True)}
    return {name: _granted(found[name], team) if name in found else _made(team, name) for name in names}


def _made(team: Team, name: str) -> "IngestGrant | str":
    if not name or len(name) > _NAME_CHARS or not name.isprintable():
        return f"no stream can be named {name[:80]!r}"
    plan = PlanLimits.of(team.plan)
    try:
        with team_scope(team.pk):
            stream = create_stream(team=team, name=name, plan=plan, actor=ACTOR, now=timezone.now())
    except RuleBroken as broken:
        return f"the stream {name!r} cannot be made: {broken}"
    return _granted(stream, team)


def _granted(stream: Stream, team: Team) -> IngestGrant:
    plan = PlanLimits.of(team.plan)
    return IngestGrant(stream.ref, stream.uuid, stream.slug, COLLECTED, plan, stream.retention(plan.retention_hours))
