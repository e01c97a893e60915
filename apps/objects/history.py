"""Objects as they were at a version, and what changed since one."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import QuerySet

from apps.accounts.scope import maintenance, team_scope
from apps.objects.models import FIRST_VERSION, ObjectChange, ObjectHead, StoredObject
from apps.objects.store import team
from tailsvc.objects.kinds import Document, Kind
from tailsvc.objects.statuses import too_old, version_too_large

_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Standing:
    """The newest version, and up to which changes are forgotten."""

    version: int
    forgotten: int

    def require(self, version: int) -> None:
        """That what happened since is known. Raises ApiError."""
        if version < self.forgotten:
            raise too_old(version, self.forgotten)
        if version > self.version:
            raise version_too_large(version, self.version)


@dataclass(frozen=True, slots=True)
class Change:
    type: str
    version: int
    before: Document | None
    document: Document


@dataclass(frozen=True, slots=True)
class Stretch:
    """All changes of a kind behind a version, up to `version`; more may follow at once if not `complete`."""

    changes: list[Change]
    version: int
    complete: bool


def standing() -> Standing:
    found = ObjectHead.objects.filter(team_id=team()).values_list("version", "forgotten").first()
    return Standing(*found) if found else Standing(FIRST_VERSION, 0)


def versions_of(teams: list[int]) -> dict[int, int]:
    """The newest version of each, in one statement; of a team that never had an object, none."""
    with maintenance():
        return dict(ObjectHead.objects.filter(pk__in=teams).values_list("pk", "version"))


def teams_with(kind: Kind) -> list[int]:
    """That have objects of the kind."""
    with maintenance():
        found = StoredObject.objects.filter(plural=kind.plural).values_list("team_id", flat=True)
        return sorted(found.distinct())


def objects_at(kind: Kind, version: int, after: str = "") -> Iterator[Document]:
    """By name, those behind `after`, as they were at `version`.

    What changed since is read after the objects: whatever changes meanwhile is undone too.
    """
    while True:
        rows = list(_objects(kind, after)[:_CHUNK])
        upto = rows[-1][0] if len(rows) == _CHUNK else None
        found: dict[str, Document | None] = dict(rows)
        found.update(_undone(kind, version, after, upto))
        yield from (document for _, document in sorted(found.items()) if document is not None)
        if upto is None:
            return
        after = upto


def stretch(team_id: int, kind: Kind, after: int) -> Stretch:
    """What happened behind `after`. Opens the team's scope. Raises ApiError where that is forgotten."""
    with team_scope(team_id):
        version = standing().version
        found = ObjectChange.objects.filter(team_id=team_id, plural=kind.plural, version__gt=after).order_by("version")
        rows = list(found.values_list("type", "version", "before", "document")[:_CHUNK])
        standing().require(after)  # asked behind the rows: what is forgotten meanwhile is missed by nobody
    changes = [Change(*row) for row in rows]
    if len(changes) == _CHUNK:
        return Stretch(changes, changes[-1].version, complete=False)
    return Stretch(changes, max([version, *(one.version for one in changes)]), complete=True)


def _objects(kind: Kind, after: str) -> "QuerySet[StoredObject, tuple[str, Document]]":
    found = StoredObject.objects.filter(team_id=team(), plural=kind.plural, name__gt=after)
    return found.order_by("name").values_list("name", "document")


def _undone(kind: Kind, version: int, after: str, upto: str | None) -> dict[str, Document | None]:
    """What was there before the first change behind the version; None: nothing."""
    since = ObjectChange.objects.filter(team_id=team(), plural=kind.plural, version__gt=version, name__gt=after)
    if upto is not None:
        since = since.filter(name__lte=upto)
    return dict(since.order_by("name", "version").distinct("name").values_list("name", "before"))
