"""What Celery forgets: changes that nobody needs to know any more. Opens maintenance, as it goes across teams."""

from datetime import datetime

from django.db.models import Max, Sum, Window
from django.db.models.functions import RowNumber

from apps.accounts.scope import maintenance
from apps.objects import limits
from apps.objects.models import ObjectChange, ObjectHead


def forget(*, now: datetime) -> int:
    """How many changes went. Safe to run twice, and by two at once."""
    with maintenance():
        teams = list(ObjectChange.objects.order_by().values_list("team_id", flat=True).distinct())
    return sum(_forget(team_id, now) for team_id in teams)


def _forget(team_id: int, now: datetime) -> int:
    with maintenance(atomic=True):
        # The head's row is locked, so that nobody reads on where something is being taken away.
        head = ObjectHead.objects.select_for_update().get(team_id=team_id)
        edge = max(_older_than(team_id, now), _beyond_the_newest(team_id))
        if edge <= head.forgotten:
            return 0
        head.forgotten = edge
        head.save(update_fields=["forgotten"])
        return ObjectChange.objects.filter(team_id=team_id, version__lte=edge).delete()[0]


def _older_than(team_id: int, now: datetime) -> int:
    old = ObjectChange.objects.filter(team_id=team_id, at__lt=now - limits.CHANGES_KEPT)
    return old.aggregate(newest=Max("version"))["newest"] or 0


def _beyond_the_newest(team_id: int) -> int:
    """The newest change that is beyond the number or the bytes of the newest that are kept."""
    counted = ObjectChange.objects.filter(team_id=team_id).annotate(
        place=Window(RowNumber(), order_by="-version"), bytes=Window(Sum("size"), order_by="-version")
    )
    beyond = counted.filter(place__gt=limits.CHANGES_PER_TEAM) | counted.filter(bytes__gt=limits.CHANGES_BYTES_PER_TEAM)
    return beyond.order_by("-version").values_list("version", flat=True).first() or 0
