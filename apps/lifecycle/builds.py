"""Build logs: begun, appended to, finished, read. A build is over when it is finished, or after the plan's days."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import QuerySet, Sum

from apps.accounts.callers import PlanLimits
from apps.accounts.errors import NotThere, RuleBroken
from apps.lifecycle import limits
from apps.lifecycle.changes import next_change
from apps.lifecycle.kinds import BuildStatus
from apps.lifecycle.models import BuildChunk, BuildLog
from apps.streams.models import Stream

_READ_CHUNKS = 64  # chunks are of up to 1 MiB; most have a few hundred bytes


@dataclass(frozen=True, slots=True)
class Chunk:
    """A part of a build log. `start` is the place of its first byte, `at` when it was printed."""

    start: int
    at: datetime
    data: bytes

    @property
    def end(self) -> int:
        return self.start + len(self.data)


def begin(stream: Stream, *, build_id: str, deploy_id: str, now: datetime) -> tuple[BuildLog, bool]:
    """The build, and whether it is new: to begin twice is to begin once. Raises RuleBroken where an id is taken."""
    known = BuildLog.objects.filter(stream=stream, build_id=build_id).first()
    if known is None:
        if BuildLog.objects.filter(stream=stream).count() >= limits.BUILDS_PER_STREAM:
            raise RuleBroken("build_id", f"A stream keeps at most {limits.BUILDS_PER_STREAM} builds.")
        made = BuildLog(
            team_id=stream.team_id,
            stream=stream,
            build_id=build_id,
            deploy_id=deploy_id,
            status=BuildStatus.RUNNING,
            created_at=now,
            updated_at=now,
        )
        if _inserted(made):
            return made, True
        known = BuildLog.objects.filter(stream=stream, build_id=build_id).first()
    if known is None or known.deploy_id != deploy_id:
        at_fault = "deploy_id" if known is None else "build_id"
        raise RuleBroken(at_fault, f"Another build has this {at_fault}.")
    return known, False


def append(build: BuildLog, chunk: Chunk, *, now: datetime) -> tuple[BuildLog, bool]:
    """The build, and whether the chunk is a repetition: bytes that are there already, at their place, change nothing.

    Raises RuleBroken: a gap, other bytes than before, finished, too large.
    """
    with transaction.atomic():
        kept = BuildLog.objects.select_for_update().get(pk=build.pk)
        if chunk.end <= kept.size:
            _check_repetition(kept, chunk)
            return kept, True
        _check_next(kept, chunk)
        BuildChunk.objects.create(team_id=kept.team_id, build=kept, start=chunk.start, at=chunk.at, data=chunk.data)
        kept.size, kept.chunks, kept.updated_at = chunk.end, kept.chunks + 1, now
        kept.save(update_fields=["size", "chunks", "updated_at"])
        next_change(build.stream)
    return kept, False


def finish(build: BuildLog, status: BuildStatus, *, now: datetime) -> BuildLog:
    """To finish twice in the same way is to finish once. Raises RuleBroken where it ended otherwise."""
    with transaction.atomic():
        kept = BuildLog.objects.select_for_update().get(pk=build.pk)
        if kept.finished_at is None:
            kept.status, kept.finished_at, kept.updated_at = status, now, now
            kept.save(update_fields=["status", "finished_at", "updated_at"])
            next_change(build.stream)
        elif kept.status != status:
            raise RuleBroken("status", f"The build is finished: {kept.status}.")
    return kept


def newest(stream: Stream, *, plan: PlanLimits, now: datetime) -> QuerySet[BuildLog]:
    return _kept(plan, now).filter(stream=stream).order_by("-pk")


def find(stream: Stream, build_id: str, *, plan: PlanLimits, now: datetime) -> BuildLog:
    """Raises NotThere, also for one that is not kept any more."""
    return _one(_kept(plan, now).filter(stream=stream), build_id=build_id)


def find_by_deploy(deploy_id: str, *, plan: PlanLimits, now: datetime) -> BuildLog:
    """Any of the team's. Raises NotThere."""
    return _one(_kept(plan, now).filter(stream__deleted_at__isnull=True), deploy_id=deploy_id)


def read(build_id: int, start: int) -> list[Chunk]:
    """The next chunks from the byte `start` on, the first one cut there; none: there is no more yet."""
    before = BuildChunk.objects.filter(build_id=build_id, start__lte=start).order_by("-start")
    first = before.values_list("start", flat=True).first()
    found = BuildChunk.objects.filter(build_id=build_id, start__gte=first or 0).order_by("start")
    chunks = (Chunk(one.start, one.at, bytes(one.data)) for one in _up_to_a_chunk(found[:_READ_CHUNKS]))
    return [_cut(chunk, start) for chunk in chunks if chunk.end > start]


def whole(build: BuildLog) -> bytes:
    """What was appended before this was asked."""
    kept = BuildChunk.objects.filter(build=build).order_by("start").values_list("data", flat=True)
    return b"".join(bytes(data) for data in kept.iterator(_READ_CHUNKS))


def _up_to_a_chunk(found: QuerySet[BuildChunk]) -> Iterator[BuildChunk]:
    """As many as are together not much longer than the longest that may come."""
    size = 0
    for one in found.iterator(_READ_CHUNKS):
        yield one
        size += len(one.data)
        if size >= limits.CHUNK_BYTES:
            return


def _cut(chunk: Chunk, start: int) -> Chunk:
    behind = max(0, start - chunk.start)
    return Chunk(chunk.start + behind, chunk.at, chunk.data[behind:])


def _kept(plan: PlanLimits, now: datetime) -> QuerySet[BuildLog]:
    edge = now - timedelta(hours=plan.build_log_hours)
    return BuildLog.objects.filter(updated_at__gte=edge).select_related("stream")


def _one(kept: QuerySet[BuildLog], **wanted: str) -> BuildLog:
    # Postgres has no place for NUL, so that no id has one.
    build = None if "\x00" in "".join(wanted.values()) else kept.filter(**wanted).first()
    if build is None:
        raise NotThere("build")
    return build


def _inserted(build: BuildLog) -> bool:
    """False where another has one of its ids."""
    try:
        with transaction.atomic():
            build.save(force_insert=True)
    except IntegrityError:
        return False
    return True


def _check_repetition(build: BuildLog, chunk: Chunk) -> None:
    kept = b"".join(part.data for part in _range(build, chunk))
    if kept != chunk.data:
        raise RuleBroken("offset", f"Other bytes were appended there before; the log has {build.size} bytes.")


def _range(build: BuildLog, chunk: Chunk) -> Iterator[Chunk]:
    place = chunk.start
    while place < chunk.end:
        for part in read(build.pk, place):
            taken = Chunk(part.start, part.at, part.data[: max(0, chunk.end - part.start)])
            yield taken
            place = part.end


def _check_next(build: BuildLog, chunk: Chunk) -> None:
    if chunk.start != build.size:
        raise RuleBroken("offset", f"The log has {build.size} bytes; the next chunk begins there.")
    if build.finished_at is not None:
        raise RuleBroken("build_id", f"The build is finished: {build.status}.")
    if chunk.end > limits.BUILD_BYTES or build.chunks >= limits.CHUNKS_PER_BUILD:
        raise RuleBroken(
            "data", f"A build log has at most {limits.BUILD_BYTES} bytes in {limits.CHUNKS_PER_BUILD} chunks."
        )
    kept = BuildLog.objects.filter(stream_id=build.stream_id).aggregate(bytes=Sum("size"))["bytes"]
    if kept + len(chunk.data) > limits.BUILDS_BYTES:
        raise RuleBroken("data", f"A stream keeps at most {limits.BUILDS_BYTES} bytes of build logs.")
