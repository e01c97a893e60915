"""What the platform saw, as Ignite's messages."""

from datetime import datetime

from apps.lifecycle.builds import Chunk
from apps.lifecycle.kinds import EventKind
from apps.lifecycle.models import LifecycleEvent
from apps.lifecycle.replicas import Emitter
from tailsvc.dialects.ignite import compute_pb2 as pb


def app_event(event: LifecycleEvent) -> pb.AppEvent:
    return pb.AppEvent(
        timestamp_ms=millis(event.last_at),
        kind=f"APP_EVENT_KIND_{EventKind(event.kind).name}",
        reason=event.reason,
        message=event.message,
        replica_id=event.replica,
        count=event.count,
        severity=event.severity,
    )


def app_replica(emitter: Emitter) -> pb.AppReplica:
    return pb.AppReplica(
        replica_id=emitter.name,
        cluster_id=emitter.cluster,
        node_name=emitter.node,
        status=f"STATUS_{emitter.status.name}",
        ready=emitter.ready,
        restart_count=emitter.restarts,
        started_ms=millis(emitter.started_at) if emitter.started_at else 0,
        conditions_summary=", ".join(f"{one['type']}={one['status']}" for one in emitter.conditions),
        cpu_millicores_used=emitter.cpu_millicores or 0,
        memory_mb_used=emitter.memory_mb or 0,
    )


def compile_chunk(chunk: Chunk) -> pb.CompileLogChunk:
    return pb.CompileLogChunk(data=chunk.data, timestamp_ms=millis(chunk.at))


def millis(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000_000) // 1000
