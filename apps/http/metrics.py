"""Every metric that the service offers at /metrics, in one place.

Counted in process: with several web workers each answers for itself unless PROMETHEUS_MULTIPROC_DIR is set, as
`tailsvc up` and the compose file do.
"""

from prometheus_client import Counter, Gauge, Histogram

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_BYTES = (256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 134217728)

_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

REQUESTS = Counter("tailsvc_http_requests_total", "Requests answered", ["method", "route", "status"])
RPCS = Counter("tailsvc_grpc_calls_total", "Calls ended", ["method", "code"])
REQUEST_SECONDS = Histogram("tailsvc_http_request_seconds", "Time to answer", ["dialect"], buckets=_SECONDS)
REQUEST_BYTES = Histogram("tailsvc_http_request_bytes", "Size of bodies received", ["dialect"], buckets=_BYTES)
RESPONSE_BYTES = Histogram("tailsvc_http_response_bytes", "Size of bodies sent", ["dialect"], buckets=_BYTES)

INGEST_EVENTS = Counter("tailsvc_ingest_events_total", "Events acknowledged")
INGEST_REJECTIONS = Counter("tailsvc_ingest_rejections_total", "Input items refused")
INGEST_BYTES = Counter("tailsvc_ingest_bytes_total", "Decompressed bytes received")
INGEST_REPLAYS = Counter("tailsvc_ingest_replays_total", "Requests answered from their idempotency key")
FLUSH_SECONDS = Histogram("tailsvc_flush_seconds", "Time of one commit", buckets=_SECONDS)
FLUSH_EVENTS = Histogram(
    "tailsvc_flush_events", "Events in one commit", buckets=(1, 2, 5, 10, 50, 100, 500, 1000, 5000, 20000)
)
WAITING_BYTES = Gauge("tailsvc_ingest_waiting_bytes", "Bytes that wait for their commit", multiprocess_mode="livesum")

FOLLOWERS = Gauge("tailsvc_followers", "Followers that are open", multiprocess_mode="livesum")
FOLLOWED_EVENTS = Counter("tailsvc_followed_events_total", "Events sent to followers")
FOLLOWERS_CUT = Counter("tailsvc_followers_cut_total", "Followers that did not read and were cut")

QUERY_SECONDS = Histogram("tailsvc_query_seconds", "Time in the store", ["kind"], buckets=_SECONDS)
COUNTS_COMPUTED = Counter("tailsvc_counts_computed_total", "Totals computed", ["where"])
RETENTION_EVENTS = Counter("tailsvc_retention_events_total", "Events deleted by retention")
RETENTION_SECONDS = Histogram("tailsvc_retention_seconds", "Time of one sweep", buckets=_SECONDS)
COMPACTION_SECONDS = Histogram("tailsvc_compaction_seconds", "Time of one step of compaction", buckets=_SECONDS)
TASK_SECONDS = Histogram("tailsvc_task_seconds", "Time of a background task", ["task"], buckets=_SECONDS)


def method_of(method: str | None) -> str:
    """A method as a label: clients may send any word."""
    return method if method in _METHODS else "other"


def dialect_of(route: str) -> str:
    """Which of the APIs a route belongs to."""
    prefixes = {"v0/": "feldera", "v1/ignite/": "ignite", "apis/": "kubernetes", "api/": "native", "admin/": "admin"}
    return next((name for prefix, name in prefixes.items() if route.startswith(prefix)), "other")
