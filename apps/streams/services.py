"""What can be done with streams. Each function runs in the team's scope, in one transaction, with its audit entry."""

import re
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet

from apps.accounts.audit import record
from apps.accounts.callers import PlanLimits
from apps.accounts.errors import NotThere, RuleBroken
from apps.accounts.models import Team
from apps.engine import store
from apps.streams import ingest_tokens
from apps.streams.models import Stream

RESTORABLE_FOR = timedelta(hours=24)
_ADDRESS = re.compile(r"[A-Za-z0-9_-]{1,80}")
# What every dialect takes for a name: Feldera's pipelines are the strictest.
_DIALECT_NAME = re.compile(r"(?![-_])[A-Za-z0-9_-]{1,63}(?<![-_])")


def create_stream(
    *,
    team: Team,
    name: str,
    plan: PlanLimits,
    actor: str,
    now: datetime,
    description: str = "",
    retention_hours: int | None = None,
) -> Stream:
    """A stream with its first ingest token. Raises RuleBroken: name taken, too many streams, beyond the plan."""
    _check_retention(retention_hours, plan)
    with transaction.atomic():
        Team.objects.select_for_update().get(pk=team.pk)  # two requests must not both take the last place
        if plan.max_streams is not None and _live_streams().count() >= plan.max_streams:
            raise RuleBroken("name", f"The plan {plan.name} allows {plan.max_streams} streams.")
        stream = _insert(
            team_id=team.pk,
            name=name,
            slug=_slug(name),
            description=description,
            retention_hours=retention_hours,
            created_at=now,
            updated_at=now,
        )
        # Before the commit: a head without a stream harms nobody, a stream without a head takes no events.
        store().open(stream.ref)
        ingest_tokens.issue(stream=stream, ttl=None, actor=actor, now=now)
        record(team_id=team.pk, actor=actor, action="stream.create", subject=name, now=now)
    return stream


def find_stream(address: str, *, deleted: bool = False) -> Stream:
    """A live (or a deleted) stream of the team by UUID, number or slug. Raises NotThere."""
    if not _ADDRESS.fullmatch(address):
        raise NotThere("stream")
    found = Stream.objects.filter(_addressed(address), deleted_at__isnull=not deleted).first()
    if found is None:
        raise NotThere("stream")
    return found


def find_named(name: str) -> Stream:
    """A live stream of the team as the dialects address it: by its name, if it is one of theirs, else by slug.

    Raises NotThere.
    """
    found = _live_streams().filter(name=name).first() if _DIALECT_NAME.fullmatch(name) else None
    if found is None and _ADDRESS.fullmatch(name):
        found = _live_streams().filter(slug=name).first()
    if found is None:
        raise NotThere("stream")
    return found


def update_stream(
    stream: Stream, *, changes: dict[str, str | int | None], plan: PlanLimits, actor: str, now: datetime
) -> Stream:
    """Change name, description or retention_hours."""
    if "retention_hours" in changes:
        _check_retention(changes["retention_hours"], plan)
    for field, value in changes.items():
        setattr(stream, field, value)
    stream.updated_at = now
    with transaction.atomic():
        _save(stream, [*changes, "updated_at"])
        record(
            team_id=stream.team_id, actor=actor, action="stream.update", subject=stream.name, now=now, details=changes
        )
    return stream


def delete_stream(stream: Stream, *, actor: str, now: datetime) -> None:
    """Take the stream away at once; for 24 h it can be brought back, then it is purged."""
    stream.deleted_at = now
    with transaction.atomic():
        stream.save(update_fields=["deleted_at"])
        record(team_id=stream.team_id, actor=actor, action="stream.delete", subject=stream.name, now=now)


def restore_stream(stream: Stream, *, name: str | None, plan: PlanLimits, actor: str, now: datetime) -> Stream:
    """Bring a deleted stream back, under a new name if the old one is taken."""
    if stream.deleted_at is None or stream.deleted_at <= now - RESTORABLE_FOR:
        raise NotThere("stream")
    with transaction.atomic():
        Team.objects.select_for_update().get(pk=stream.team_id)
        if plan.max_streams is not None and _live_streams().count() >= plan.max_streams:
            raise RuleBroken("name", f"The plan {plan.name} allows {plan.max_streams} streams.")
        stream.deleted_at = None
        stream.name = name or stream.name
        stream.updated_at = now
        _save(stream, ["deleted_at", "name", "updated_at"])
        record(team_id=stream.team_id, actor=actor, action="stream.restore", subject=stream.name, now=now)
    return stream


def has_events(streams: Sequence[Stream]) -> dict[int, bool]:
    """Which of these streams ever took an event."""
    heads = store().heads([stream.ref for stream in streams])
    return {stream.pk: stream.pk in heads and heads[stream.pk].last_id > 0 for stream in streams}


def live_stream_count() -> int:
    return _live_streams().count()


def _live_streams() -> QuerySet[Stream]:
    return Stream.objects.filter(deleted_at__isnull=True)


def _addressed(address: str) -> Q:
    condition = Q(slug=address)
    if address.isascii() and address.isdigit() and len(address) < 19:
        condition |= Q(pk=int(address))
    if re.fullmatch(r"[0-9a-fA-F]{8}(-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}", address):
        condition |= Q(uuid=address)
    return condition


def _slug(name: str) -> str:
    words = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60] or "stream"
    return f"{words}-{secrets.token_hex(3)}"


def _check_retention(hours: object, plan: PlanLimits) -> None:
    if isinstance(hours, int) and hours > plan.retention_hours:
        raise RuleBroken("retention_hours", f"The plan {plan.name} keeps logs for {plan.retention_hours} hours.")


def _insert(**values: object) -> Stream:
    try:
        with transaction.atomic():
            return Stream.objects.create(**values)
    except IntegrityError as error:
        raise _name_taken(error) from error


def _save(stream: Stream, fields: list[str]) -> None:
    try:
        with transaction.atomic():
            stream.save(update_fields=fields)
    except IntegrityError as error:
        raise _name_taken(error) from error


def _name_taken(error: IntegrityError) -> Exception:
    """A violated constraint, by its name, as the rule that it stands for."""
    if "one_live_stream_per_name" in str(error):
        return RuleBroken("name", "The team has a stream of this name.")
    return error
