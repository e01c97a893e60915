-- Every statement of the store but the WHERE of a filter. {columns} is the list in rows.py.

-- name: open_head
-- Give a stream its head; harmless where it has one.
INSERT INTO log_stream_head (stream_id, team_id) VALUES (%(stream_id)s, %(team_id)s) ON CONFLICT DO NOTHING

-- name: open_upkeep
-- ... and the row that upkeep locks.
INSERT INTO log_upkeep (stream_id, team_id) VALUES (%(stream_id)s, %(team_id)s)
ON CONFLICT (stream_id) DO NOTHING

-- name: take_ids
-- Lock the head and take the next n ids; the transaction's number and mark tell later whether its COMMIT arrived.
UPDATE log_stream_head
SET last_id = last_id + %(n)s, bytes = bytes + %(bytes)s, appended_at = %(now)s, flush = %(flush)s
WHERE stream_id = %(stream_id)s AND team_id = %(team_id)s
RETURNING last_id - %(n)s, pg_current_xact_id()::text

-- name: append_small
-- Take ids and insert in one statement: $1 stream, $2 team, $3 how many, $4 bytes, $5 now; {values} are the rows, each
-- beginning with its place in the flush.
WITH head AS (
    UPDATE log_stream_head
    SET last_id = last_id + $3::int8, bytes = bytes + $4::int8, appended_at = $5::int8
    WHERE stream_id = $1::int8 AND team_id = $2::int8
    RETURNING last_id - $3::int8 AS before
), inserted AS (
    INSERT INTO log_event (stream_id, team_id, id, {columns})
    SELECT $1::int8, $2::int8, head.before + new.nth, {new_columns}
    FROM head, (VALUES {values}) AS new (nth, {columns})
)
SELECT before FROM head

-- name: outcome
-- Did a transaction commit? NULL if it is too old to be known, an error if the number was not given out.
SELECT pg_xact_status(%(xact)s::xid8)

-- name: last_flush
-- Up to which id, and by which transaction, ids were taken.
SELECT last_id, flush FROM log_stream_head WHERE stream_id = %(stream_id)s

-- name: find_keys
-- Which of these keys were taken before, and what was answered.
SELECT key, body_hash, answer FROM log_ingest_key WHERE stream_id = %(stream_id)s AND key = ANY(%(keys)s)

-- name: keep_key
-- Take a key, in the transaction of its events.
INSERT INTO log_ingest_key (stream_id, team_id, key, body_hash, answer, created_at)
VALUES (%(stream_id)s, %(team_id)s, %(key)s, %(body_hash)s, %(answer)s, %(now)s)

-- name: keep_rejection
-- A refused item, for the team to see.
INSERT INTO log_rejection (stream_id, team_id, at, line, reason, sample)
VALUES (%(stream_id)s, %(team_id)s, %(now)s, %(line)s, %(reason)s, %(sample)s)

-- name: head
-- A stream's counters.
SELECT epoch, last_id, bytes, appended_at FROM log_stream_head WHERE stream_id = %(stream_id)s

-- name: heads
-- The counters of a page of streams.
SELECT stream_id, epoch, last_id, bytes, appended_at FROM log_stream_head WHERE stream_id = ANY(%(stream_ids)s)

-- name: scan
-- A page with the head as it was at that moment, in one statement and so in one snapshot.
SELECT head.epoch, head.last_id, head.bytes, head.appended_at, {event_columns}
FROM log_event AS event
CROSS JOIN (SELECT epoch, last_id, bytes, appended_at FROM log_stream_head WHERE stream_id = {stream_id}) AS head
WHERE {where}
ORDER BY event.timestamp {order}, event.id {order}
LIMIT {limit}

-- name: count
-- How many events are selected.
SELECT count(*) FROM log_event AS event WHERE {where}

-- name: get
-- One event by its id.
SELECT {event_columns} FROM log_event AS event WHERE event.stream_id = %(stream_id)s AND event.id = %(id)s

-- name: rejections
-- The newest rejections first.
SELECT id, at, line, reason, sample FROM log_rejection
WHERE stream_id = %(stream_id)s AND id < %(before)s ORDER BY id DESC LIMIT %(limit)s

-- name: lock_upkeep
-- One upkeep of a stream at a time; whoever comes second finds nothing to do and goes on.
SELECT 1 FROM log_upkeep WHERE stream_id = %(stream_id)s FOR UPDATE SKIP LOCKED

-- name: drop_before
-- Delete the oldest events below the edge, at most so many, and count them as discarded.
WITH oldest AS (
    SELECT stream_id, timestamp, id FROM log_event
    WHERE stream_id = %(stream_id)s AND timestamp < %(edge)s
    ORDER BY timestamp, id LIMIT %(limit)s
), gone AS (
    DELETE FROM log_event AS event USING oldest
    WHERE event.stream_id = %(stream_id)s AND event.stream_id = oldest.stream_id
        AND event.timestamp = oldest.timestamp AND event.id = oldest.id
    RETURNING octet_length(coalesce(event.raw_bytes, event.raw::bytea)) AS size
), counted AS (
    SELECT count(*) AS events, coalesce(sum(size), 0) AS bytes FROM gone
)
UPDATE log_upkeep
SET discarded_events = discarded_events + counted.events, discarded_bytes = discarded_bytes + counted.bytes
FROM counted WHERE stream_id = %(stream_id)s
RETURNING counted.events

-- name: purge_events
DELETE FROM log_event WHERE stream_id = %(stream_id)s AND (timestamp, id) IN (
    SELECT timestamp, id FROM log_event WHERE stream_id = %(stream_id)s ORDER BY timestamp, id LIMIT %(limit)s)

-- name: purge_keys
DELETE FROM log_ingest_key WHERE stream_id = %(stream_id)s AND key IN (
    SELECT key FROM log_ingest_key WHERE stream_id = %(stream_id)s LIMIT %(limit)s)

-- name: purge_rejections
DELETE FROM log_rejection WHERE stream_id = %(stream_id)s AND id IN (
    SELECT id FROM log_rejection WHERE stream_id = %(stream_id)s LIMIT %(limit)s)

-- name: purge_upkeep
DELETE FROM log_upkeep WHERE stream_id = %(stream_id)s

-- name: purge_head
DELETE FROM log_stream_head WHERE stream_id = %(stream_id)s

-- name: forget_keys
DELETE FROM log_ingest_key WHERE stream_id = %(stream_id)s AND created_at < %(before)s

-- name: forget_rejections
DELETE FROM log_rejection WHERE stream_id = %(stream_id)s AND at < %(before)s
