"""Events as Ignite's log lines."""

from tailsvc.dialects.ignite.compute_pb2 import LogLine, LogStream
from tailsvc.events import Event
from tailsvc.sources import replica_of

_STREAMS = {"stdout": LogStream.LOG_STREAM_STDOUT, "stderr": LogStream.LOG_STREAM_STDERR}


def log_line(event: Event) -> LogLine:
    """The raw line; bytes that are no UTF-8 are replaced, as a message's texts must be."""
    return LogLine(
        timestamp_ms=event.timestamp // 1000,
        replica_id=replica_of(event),
        stream=_STREAMS.get(event.stdio or "", LogStream.LOG_STREAM_UNSPECIFIED),
        line=event.raw.decode("utf-8", "replace"),
    )
