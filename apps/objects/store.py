"""Objects as rows. Every write is one change with a version of its own, in the order of the versions."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import orjson
from django.db import transaction

from apps.accounts.scope import OutsideTeamScope, after_commit, current_team
from apps.objects import limits
from apps.objects.hints import tell
from apps.objects.models import ADDED, DELETED, MODIFIED, ObjectChange, ObjectHead, StoredObject
from tailsvc.objects.kinds import Document, Kind
from tailsvc.objects.statuses import forbidden, too_large


def team() -> int:
    """Whose objects these are."""
    found = current_team()
    if found is None:
        raise OutsideTeamScope("objects belong to a team: open team_scope() first")
    return found


def find(kind: Kind, name: str) -> StoredObject | None:
    # Postgres has no place for NUL, so that no name has one.
    if "\x00" in name:
        return None
    return StoredObject.objects.filter(team_id=team(), plural=kind.plural, name=name).first()


@dataclass(slots=True)
class Writing:
    """While it is open, nobody else writes objects of the team. `dry`: what is asked is worked out, and not kept."""

    head: ObjectHead
    now: datetime
    dry: bool

    def add(self, kind: Kind, document: Document) -> Document:
        if not self.dry and StoredObject.objects.filter(team_id=team()).count() >= limits.OBJECTS_PER_TEAM:
            why = f"a team may have at most {limits.OBJECTS_PER_TEAM} objects"
            raise forbidden(kind, document["metadata"]["name"], why)
        metadata = document["metadata"]
        if self._take(document):
            StoredObject.objects.create(
                team_id=team(),
                plural=kind.plural,
                name=metadata["name"],
                uid=UUID(metadata["uid"]),
                version=self.head.version,
                document=document,
                created_at=self.now,
            )
            self._log(kind, ADDED, None, document)
        return document

    def change(self, kind: Kind, stored: StoredObject, document: Document) -> Document:
        before = stored.document
        if self._take(document):
            stored.version, stored.document = self.head.version, document
            stored.save(update_fields=["version", "document"])
            self._log(kind, MODIFIED, before, document)
        return document

    def remove(self, kind: Kind, stored: StoredObject, document: Document) -> Document:
        """`document`: as it is told to have been at last."""
        if self._take(document):
            self._log(kind, DELETED, stored.document, document)
            stored.delete()
        return document

    def _take(self, document: Document) -> bool:
        """Give it the next version; False where nothing is to be kept."""
        if len(orjson.dumps(document)) > limits.OBJECT_BYTES:
            raise too_large(limits.OBJECT_BYTES)
        if self.dry:
            return False
        self.head.version += 1
        self.head.save(update_fields=["version"])
        document["metadata"]["resourceVersion"] = str(self.head.version)
        return True

    def _log(self, kind: Kind, type_: str, before: Document | None, document: Document) -> None:
        ObjectChange.objects.create(
            team_id=team(),
            version=self.head.version,
            plural=kind.plural,
            name=document["metadata"]["name"],
            type=type_,
            before=before,
            document=document,
            size=len(orjson.dumps([before, document])),
            at=self.now,
        )
        changed = team()
        after_commit(lambda: tell(changed))


@contextmanager
def writing(now: datetime, *, dry: bool = False) -> Iterator[Writing]:
    """Locks the team's head until the end of the open transaction; not for what is not kept."""
    with transaction.atomic():
        yield Writing(ObjectHead(team_id=team()) if dry else _locked_head(), now, dry)


def _locked_head() -> ObjectHead:
    heads = ObjectHead.objects.select_for_update().filter(team_id=team())
    found = heads.first()
    if found is None:
        ObjectHead.objects.bulk_create([ObjectHead(team_id=team())], ignore_conflicts=True)
        found = heads.get()
    return found
