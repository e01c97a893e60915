"""Every limit of the engine, with the reason for its size."""

MIB = 1024 * 1024

# A legal batch of the Tailstream agent is 100 lines of up to 1 MiB; JSON wrapping and escapes add a quarter.
BODY_BYTES = 128 * MIB
# A stack trace with a dumped request fits; anything longer is a file, not a line.
LINE_BYTES = 16 * MIB
# Real logs compress 5 to 60 times, monotonous ones 200. Beyond this a body is a bomb; small ones are let be.
DECOMPRESSION_RATIO = 1000
DECOMPRESSION_RATIO_FROM = 1 * MIB
# Items of one body: each costs up to a kilobyte of memory until it is stored.
BODY_LINES = 1_000_000
# Members of a gzip body or frames of a zstd one: programs that flush often write thousands, a bomb millions.
BODY_MEMBERS = 20_000
# What a decoder may keep as its window: zstd --ultra needs more, log shippers do not use it.
ZSTD_WINDOW_BYTES = 8 * MIB
# Objects nested deeper are refused; the parser's own limit lies at 1,024.
JSON_DEPTH = 64
# Keys taken from one line; the rest of a line with more stays findable in its raw text.
ATTRIBUTES_PER_EVENT = 256
ATTRIBUTE_NAME_CHARS = 256
# Short texts that are columns of their own (level, method, ...): longer values are cut for the column only.
TOKEN_CHARS = 255
# How many rejections an answer lists, and how many are kept of one request for the team to see.
REJECTIONS_ANSWERED = 20
REJECTIONS_KEPT = 100
REJECTION_SAMPLE_BYTES = 2048

# A clock may be wrong by a day; a later time would ruin pruning by time.
FUTURE_MICROS = 24 * 3600 * 1_000_000
# Before 1970 and after 2262 no log was written; numbers out there are ids, not times.
EARLIEST_MICROS = 0
LATEST_MICROS = 9_223_372_036_854_775

# Queries
PAGE_EVENTS = 500
PAGE_EVENTS_DEFAULT = 100
CLAUSES_PER_FILTER = 100
VALUES_PER_CLAUSE = 1000
PATTERN_CHARS = 4096
CONTEXT_EVENTS = 100
# A query is typed, or built by a console. As long as a needle may be; servers and proxies take addresses of 8 KiB.
QUERY_CHARS = 4096
# As many as clauses: each is tested on every event that the others leave.
QUERY_TERMS = 100
# Deletions keep their filter as JSON, where each level of AND within OR nests eight deep, and 254 is the most.
QUERY_DEPTH = 25
# What a follower may have of the past by count: a screenful of a long terminal's memory; more is a query's business.
TAIL_LINES = 10_000

# A page ends once its raw lines have so many bytes, with one event at least: decoding and rendering take several times
# as much. 500 lines of 32 KiB fit, and the longest line.
READ_BYTES = 16 * MIB
# A query that runs longer is one that nobody waits for, and it keeps a thread from others.
READ_SECONDS = 30.0
# What a follower's filter may take of one stretch, in seconds of its thread's own: few threads do that for all who
# follow. The longest line is searched within one, however it is written; a pattern of a thousand `_` takes ten.
FOLLOW_SECONDS = 4.0

# A histogram is drawn: more buckets than a wide screen has columns help nobody, and each is counted and sent.
HISTOGRAM_BUCKETS = 5_000
# What it tells apart beside the usual levels: levels are free text, and each costs in every bucket. The rest is OTHER.
SPLIT_VALUES = 30
FACET_FIELDS = 20
# What is kept while the values of all fields are counted: some hundred thousand of them. Then the rarest are let go.
FACET_BYTES = 64 * MIB
FACET_VALUES = 100
FACET_VALUES_DEFAULT = 10
# Deletions that wait for their erasure: every read has to apply each of them.
DELETIONS_WAITING = 64

# Appending
# One flush: enough to make a commit's cost vanish, small enough that followers see progress.
FLUSH_EVENTS = 20_000
FLUSH_BYTES = 16 * MIB
# Bodies that one process holds, from their first byte to their answer: a few of the largest at once.
RECEIVING_BYTES = 512 * MIB
# What may wait in one process for its commit before further requests are told to come back later.
WAITING_BYTES = 256 * MIB
WAITING_SECONDS = 5.0
IDEMPOTENCY_KEY_CHARS = 255
IDEMPOTENCY_KEY_SECONDS = 24 * 3600
