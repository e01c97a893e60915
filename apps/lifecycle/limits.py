"""Every limit of this package, with the reason for its size."""

from datetime import timedelta

MIB = 1024 * 1024

# A pod's name has at most 253 characters; other platforms' names are shorter.
REPLICA_CHARS = 253
# More emitters than one stream of a large cluster has; each is a row that its heartbeats rewrite.
REPLICAS_PER_STREAM = 1_000
# Kubernetes knows four conditions of a pod; readiness gates add a few.
CONDITIONS = 20
# Reporters beat every 10 to 20 seconds; who missed three of them is not running.
HEARTBEAT = timedelta(seconds=60)
# A replica that is gone is still shown, as not running, to whoever asks what became of it.
REPLICAS_KEPT = timedelta(days=1)
# How long a line tells that its emitter runs, where nobody reports.
INFERRED_WITHIN = timedelta(seconds=60)

# Kubernetes cuts its own at 1,024.
EVENT_MESSAGE_CHARS = 1_024
EVENT_REASON_CHARS = 128
# What repeats itself within this time is one event with a count; Kubernetes' own aggregation has the same span.
COALESCED_WITHIN = timedelta(minutes=10)
# An event is a line in a table that people read: of a stream that has more, the oldest go first.
EVENTS_PER_STREAM = 10_000
# A clock may be wrong by a day.
FUTURE = timedelta(days=1)

BUILD_ID_CHARS = 128
# With one build every ten minutes, more than a plan's three days hold.
BUILDS_PER_STREAM = 1_000
# The longest build logs of large compilers; a whole one is answered in one message.
BUILD_BYTES = 16 * MIB
# All of a stream's builds together: a log of half a megabyte every ten minutes for three days.
BUILDS_BYTES = 256 * MIB
# A build tool flushes every second, and prints less than this in one.
CHUNK_BYTES = 1 * MIB
# A chunk each second for five hours; smaller ones would cost more than they carry.
CHUNKS_PER_BUILD = 20_000

PAGE = 100
PAGE_MAX = 500
