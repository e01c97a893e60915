"""ObjectHead, StoredObject, ObjectChange."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from apps.accounts.models import Team
from apps.objects import limits

ADDED, MODIFIED, DELETED = "ADDED", "MODIFIED", "DELETED"
# Nobody may start at 0, which means "any" to Kubernetes' clients.
FIRST_VERSION = 1


class ObjectHead(models.Model):
    """A team's counter of versions, which its objects' `resourceVersion`s are. Who writes holds its row until the
    commit: so a reader that sees version n sees every change up to it."""

    team_isolated = True

    team = models.OneToOneField(Team, on_delete=models.CASCADE, primary_key=True, related_name="object_head")
    version = models.BigIntegerField(default=FIRST_VERSION)
    forgotten = models.BigIntegerField(default=0)  # changes up to this version are not kept any more

    def __str__(self) -> str:
        return f"{self.team_id}: {self.version}"


class StoredObject(models.Model):
    """An object as it is now."""

    team_isolated = True

    team = models.ForeignKey(Team, on_delete=models.CASCADE)
    plural = models.CharField(max_length=63)
    name = models.CharField(max_length=limits.NAME_CHARS, db_collation="C")
    uid = models.UUIDField()
    version = models.BigIntegerField()
    document = models.JSONField()
    created_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["team", "plural", "name"], name="one_object_per_name")]

    def __str__(self) -> str:
        return f"{self.plural}/{self.name}"


class ObjectChange(models.Model):
    """One write: what was there, null if nothing, and what is; of a deletion, what was there last."""

    team_isolated = True

    team = models.ForeignKey(Team, on_delete=models.CASCADE)
    version = models.BigIntegerField()
    plural = models.CharField(max_length=63)
    name = models.CharField(max_length=limits.NAME_CHARS, db_collation="C")
    type = models.CharField(max_length=8)
    before = models.JSONField(null=True)
    document = models.JSONField()
    size = models.IntegerField()  # bytes of both
    at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["team", "version"], name="one_change_per_version")]
        indexes: ClassVar = [
            models.Index(fields=["team", "plural", "version"], name="changes_of_a_kind"),
            models.Index(fields=["at"], name="changes_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.version} {self.type} {self.plural}/{self.name}"
