-- Every statement of the store but the WHERE of a filter. {columns} is the list in rows.py.

-- name: open_head
-- Give a stream its head; harmless where it has one.
INSERT INTO log_stream_head (stream_id, team_id) VALUES (%(stream_id)s, %(team_id)s) ON CONFLICT DO NOTHING

-- name: open_upkeep
-- ... and the row that upkeep locks.
INSERT INTO log_upkeep (stream_id, team_id) VALUES (%(stream_id)s, %(team_id)s)
ON CONFLICT (stream_id) DO NOTHING

-- name: append_rows
-- Take ids and insert in one statement: $1 stream, $2 team, $3 how many, $4 bytes, $5 now, $6 the flush's mark, which
-- tells later, with the transaction's number, whether its COMMIT arrived, $7 lines; {values} are the rows, each
-- beginning with its place in the flush.
WITH head AS (
    UPDATE log_stream_head
    SET last_id = last_id + $3::int8, bytes = bytes + $4::int8, appended_at = $5::int8, flush = $6::int8,
        lines = lines + $7::int8
    WHERE stream_id = $1::int8 AND team_id = $2::int8
    RETURNING last_id - $3::int8 AS before, pg_current_xact_id()::text AS xact
), inserted AS (
    INSERT INTO log_event (stream_id, team_id, id, {columns})
    SELECT $1::int8, $2::int8, head.before + new.nth, {new_columns}
    FROM head, (VALUES {values}) AS new (nth, {columns})
)
SELECT before, xact FROM head

-- name: append_block
-- The same for many events as one recent block: $8 the block, $9 its size, $10 and $11 its first and last time, $12 by
-- which parser.
WITH head AS (
    UPDATE log_stream_head
    SET last_id = last_id + $3::int8, bytes = bytes + $4::int8, appended_at = $5::int8, flush = $6::int8,
        lines = lines + $7::int8
    WHERE stream_id = $1::int8 AND team_id = $2::int8
    RETURNING last_id - $3::int8 AS before, pg_current_xact_id()::text AS xact, nextval('log_segment_number') AS segment_id
), payload AS (
    INSERT INTO log_recent (stream_id, team_id, segment_id, data)
    SELECT $1::int8, $2::int8, head.segment_id, $8::bytea FROM head
), catalogued AS (
    INSERT INTO log_segment (stream_id, team_id, segment_id, first_id, last_id, events, min_time, max_time, parts,
                             bytes, raw_bytes, created_at, parser)
    SELECT $1::int8, $2::int8, head.segment_id, head.before + 1, head.before + $3::int8, $3::int8, $10::int8,
           $11::int8, 1, $9::int8, $4::int8, $5::int8, $12::int8
    FROM head
)
SELECT before, xact FROM head

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

-- name: first_positions
-- Of sources that are read for the first time; fewer rows than sources: somebody else did.
INSERT INTO log_position (stream_id, team_id, source, position)
SELECT %(stream_id)s, %(team_id)s, source, after FROM unnest(%(sources)s::text[], %(afters)s::text[]) AS read (source, after)
ON CONFLICT DO NOTHING

-- name: move_positions
-- Of sources that are where their readers left them; fewer rows than sources: somebody else read on.
UPDATE log_position AS kept SET position = read.after
FROM unnest(%(sources)s::text[], %(befores)s::text[], %(afters)s::text[]) AS read (source, before, after)
WHERE kept.stream_id = %(stream_id)s AND kept.source = read.source AND kept.position = read.before

-- name: positions
SELECT source, position FROM log_position WHERE stream_id = %(stream_id)s

-- name: sources
SELECT stream_id, source FROM log_position WHERE team_id = %(team_id)s

-- name: forget_positions
DELETE FROM log_position WHERE stream_id = %(stream_id)s AND source = ANY(%(sources)s)

-- name: keep_rejection
-- A refused item, for the team to see.
INSERT INTO log_rejection (stream_id, team_id, at, line, reason, sample)
VALUES (%(stream_id)s, %(team_id)s, %(now)s, %(line)s, %(reason)s, %(sample)s)

-- name: head
-- A stream's counters.
SELECT epoch, last_id, bytes, appended_at, lines FROM log_stream_head WHERE stream_id = %(stream_id)s

-- name: heads
-- The counters of a page of streams.
SELECT stream_id, epoch, last_id, bytes, appended_at, lines FROM log_stream_head WHERE stream_id = ANY(%(stream_ids)s)

-- name: state
-- A stream's counters, what of it is gone, and the deletions that wait.
SELECT head.epoch, head.last_id, head.bytes, head.appended_at, head.lines, upkeep.trimmed_before, upkeep.trimmed_to,
       EXISTS (SELECT 1 FROM log_event WHERE stream_id = %(stream_id)s) AS has_rows,
       (SELECT jsonb_agg(jsonb_build_array(start_time, end_time, condition, greatest_id, deletion_id, held)
                         ORDER BY deletion_id)
        FROM log_deletion WHERE stream_id = %(stream_id)s) AS deletions
FROM log_stream_head AS head
JOIN log_upkeep AS upkeep ON upkeep.stream_id = head.stream_id
WHERE head.stream_id = %(stream_id)s

-- name: pieces
-- The pieces that may hold events of a window.
SELECT segment_id, first_id, last_id, events, min_time, max_time, parts, bytes, raw_bytes, broken
FROM log_segment
WHERE stream_id = %(stream_id)s
    AND max_time >= %(start)s AND min_time <= %(end)s AND first_id <= %(as_of)s

-- name: pieces_behind
-- Those that may hold ids behind `after`.
SELECT segment_id, first_id, last_id, events, min_time, max_time, parts, bytes, raw_bytes, broken
FROM log_segment
WHERE stream_id = %(stream_id)s AND last_id > %(after)s AND first_id <= %(as_of)s

-- name: recent_payload
SELECT data FROM log_recent WHERE stream_id = %(stream_id)s AND segment_id = %(segment_id)s

-- name: recent_payloads
SELECT segment_id, data FROM log_recent WHERE stream_id = %(stream_id)s AND segment_id = ANY(%(segment_ids)s)

-- name: segment_payload
SELECT data FROM log_segment_part
WHERE stream_id = %(stream_id)s AND segment_id = %(segment_id)s AND part = %(part)s

-- name: segment_indexes
-- The summaries and text filters of several segments.
SELECT segment_id, summary, text_filter FROM log_segment_index
WHERE stream_id = %(stream_id)s AND segment_id = ANY(%(segment_ids)s)

-- name: scan_rows
-- A page of events that are rows: up to the one with which it has so many bytes, and the one behind that.
SELECT {event_columns} FROM (
    SELECT event.*, sum(coalesce(octet_length(event.raw_bytes), octet_length(event.raw))) OVER (
        ORDER BY event.timestamp {order}, event.id {order} ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING
    ) AS before
    FROM log_event AS event
    WHERE {where}
    ORDER BY event.timestamp {order}, event.id {order}
    LIMIT {limit}
) AS event
WHERE event.before IS NULL OR event.before < {bytes}
ORDER BY event.timestamp {order}, event.id {order}

-- name: rows_behind
-- Those with ids behind `after`.
SELECT {event_columns} FROM log_event AS event WHERE {where} AND event.id > {after} ORDER BY event.id

-- name: next_id
-- The first id behind `after` that may still be there.
SELECT least(
    (SELECT greatest(first_id, %(after)s + 1) FROM log_segment
     WHERE stream_id = %(stream_id)s AND last_id > %(after)s ORDER BY last_id LIMIT 1),
    (SELECT id FROM log_event WHERE stream_id = %(stream_id)s AND id > %(after)s ORDER BY id LIMIT 1))

-- name: first_since
-- The first id whose event may be that late.
SELECT least(
    (SELECT min(first_id) FROM log_segment WHERE stream_id = %(stream_id)s AND max_time >= %(start)s),
    (SELECT min(id) FROM log_event WHERE stream_id = %(stream_id)s AND timestamp >= %(start)s))

-- name: tips
-- How far streams of any team are.
SELECT stream_id, epoch, last_id FROM log_stream_head WHERE stream_id = ANY(%(stream_ids)s)

-- name: count_rows
-- How many events that are rows are selected.
SELECT count(*) FROM log_event AS event WHERE {where}

-- name: histogram_rows
-- The same by interval and by the split's expression.
SELECT event.timestamp / {interval} * {interval}, {split}, count(*)
FROM log_event AS event WHERE {where} GROUP BY 1, 2

-- name: facet_rows
-- The same by the value of an expression.
SELECT {value}, count(*) FROM log_event AS event WHERE {where} GROUP BY 1

-- name: get_row
-- One event by its id, if it is a row.
SELECT {event_columns} FROM log_event AS event WHERE {where} AND event.id = {id}

-- name: piece_of
-- The pieces in whose range an id lies.
SELECT segment_id, first_id, last_id, events, min_time, max_time, parts, bytes, raw_bytes, broken
FROM log_segment
WHERE stream_id = %(stream_id)s AND first_id <= %(id)s AND last_id >= %(id)s

-- name: rejections
-- The newest rejections first.
SELECT id, at, line, reason, sample FROM log_rejection
WHERE stream_id = %(stream_id)s AND id < %(before)s ORDER BY id DESC LIMIT %(limit)s

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
    RETURNING coalesce(octet_length(event.raw_bytes), octet_length(event.raw)) AS size
), counted AS (
    SELECT count(*) AS events, coalesce(sum(size), 0) AS bytes FROM gone
)
UPDATE log_upkeep
SET discarded_events = discarded_events + counted.events, discarded_bytes = discarded_bytes + counted.bytes
FROM counted WHERE stream_id = %(stream_id)s
RETURNING counted.events

-- name: expired_pieces
-- Pieces of which nothing is left to be read, the oldest first.
SELECT segment_id, first_id, last_id, events, min_time, max_time, parts, bytes, raw_bytes, broken
FROM log_segment WHERE stream_id = %(stream_id)s AND max_time < %(edge)s ORDER BY max_time LIMIT %(limit)s

-- name: keep_trim
-- With a longer retention the edge goes back; what an earlier one took is gone all the same.
INSERT INTO log_deletion (stream_id, team_id, end_time, condition, greatest_id, created_at)
SELECT stream_id, team_id, trimmed_before - 1, '["Everything"]', trimmed_to, trimmed_before
FROM log_upkeep WHERE stream_id = %(stream_id)s AND trimmed_before > %(edge)s

-- name: trim
-- Hide what is older than the edge.
UPDATE log_upkeep
SET trimmed_before = %(edge)s, trimmed_to = (SELECT last_id FROM log_stream_head WHERE stream_id = %(stream_id)s)
WHERE stream_id = %(stream_id)s

-- name: count_discarded
UPDATE log_upkeep SET discarded_events = discarded_events + %(events)s, discarded_bytes = discarded_bytes + %(bytes)s
WHERE stream_id = %(stream_id)s

-- name: purge_catalogued
WITH gone AS (
    DELETE FROM log_segment WHERE stream_id = %(stream_id)s AND segment_id IN (
        SELECT segment_id FROM log_segment WHERE stream_id = %(stream_id)s LIMIT %(limit)s)
    RETURNING segment_id
), recent AS (
    DELETE FROM log_recent WHERE stream_id = %(stream_id)s AND segment_id IN (SELECT segment_id FROM gone)
), parts AS (
    DELETE FROM log_segment_part WHERE stream_id = %(stream_id)s AND segment_id IN (SELECT segment_id FROM gone)
), indexes AS (
    DELETE FROM log_segment_index WHERE stream_id = %(stream_id)s AND segment_id IN (SELECT segment_id FROM gone)
)
SELECT segment_id FROM gone

-- name: purge_deletions
DELETE FROM log_deletion WHERE stream_id = %(stream_id)s AND deletion_id IN (
    SELECT deletion_id FROM log_deletion WHERE stream_id = %(stream_id)s LIMIT %(limit)s)

-- name: purge_events
DELETE FROM log_event WHERE stream_id = %(stream_id)s AND (timestamp, id) IN (
    SELECT timestamp, id FROM log_event WHERE stream_id = %(stream_id)s ORDER BY timestamp, id LIMIT %(limit)s)

-- name: purge_keys
DELETE FROM log_ingest_key WHERE stream_id = %(stream_id)s AND key IN (
    SELECT key FROM log_ingest_key WHERE stream_id = %(stream_id)s LIMIT %(limit)s)

-- name: purge_rejections
DELETE FROM log_rejection WHERE stream_id = %(stream_id)s AND id IN (
    SELECT id FROM log_rejection WHERE stream_id = %(stream_id)s LIMIT %(limit)s)

-- name: purge_positions
DELETE FROM log_position WHERE stream_id = %(stream_id)s AND source IN (
    SELECT source FROM log_position WHERE stream_id = %(stream_id)s LIMIT %(limit)s)

-- name: purge_upkeep
DELETE FROM log_upkeep WHERE stream_id = %(stream_id)s

-- name: purge_head
DELETE FROM log_stream_head WHERE stream_id = %(stream_id)s

-- name: forget_keys
DELETE FROM log_ingest_key WHERE stream_id = %(stream_id)s AND created_at < %(before)s

-- name: forget_rejections
DELETE FROM log_rejection WHERE stream_id = %(stream_id)s AND at < %(before)s

-- name: accept_deletion
-- Up to the last id that is visible now; nothing where too many wait.
INSERT INTO log_deletion (stream_id, team_id, start_time, end_time, condition, greatest_id, created_at)
SELECT stream_id, team_id, %(start)s, %(end)s, %(condition)s, least(last_id, %(as_of)s), %(now)s
FROM log_stream_head
WHERE stream_id = %(stream_id)s AND team_id = %(team_id)s
    AND (SELECT count(*) FROM log_deletion WHERE stream_id = %(stream_id)s) < %(most)s

-- name: is_the_team_s
SELECT 1 FROM log_stream_head WHERE stream_id = %(stream_id)s AND team_id = %(team_id)s

-- name: forget_deletions
-- Those that are held still if they were (a piece that came back releases them), or are not.
DELETE FROM log_deletion
WHERE stream_id = %(stream_id)s AND deletion_id = ANY(%(deletion_ids)s) AND held = %(held)s

-- name: hold_deletions
-- Carried out but for these pieces; unless one of them can be read by now.
UPDATE log_deletion SET held = true
WHERE stream_id = %(stream_id)s AND deletion_id = ANY(%(deletion_ids)s) AND NOT EXISTS (
    SELECT 1 FROM log_segment
    WHERE stream_id = %(stream_id)s AND segment_id = ANY(%(segment_ids)s) AND broken IS NULL)

-- name: release_deletions
-- They are to be carried out again.
UPDATE log_deletion SET held = false WHERE stream_id = %(stream_id)s AND held

-- name: erase_rows
-- Delete what a deletion hides, and count it.
WITH gone AS (
    DELETE FROM log_event AS event WHERE {where}
    RETURNING coalesce(octet_length(event.raw_bytes), octet_length(event.raw)) AS size
)
SELECT count(*), coalesce(sum(size), 0) FROM gone

-- name: try_lock
SELECT pg_try_advisory_lock(%(class)s::int4, %(key)s::int4)

-- name: unlock
SELECT pg_advisory_unlock(%(class)s::int4, %(key)s::int4)

-- name: lock_upkeep
-- One change of a stream's pieces at a time.
SELECT 1 FROM log_upkeep WHERE stream_id = %(stream_id)s FOR UPDATE

-- name: waiting
-- Streams with something to compact or to erase, those with most that waits first.
SELECT head.stream_id, head.team_id
FROM log_stream_head AS head
JOIN log_upkeep AS upkeep ON upkeep.stream_id = head.stream_id
CROSS JOIN LATERAL (
    SELECT head.last_id - upkeep.compacted_to AS events, %(now)s - head.appended_at AS idle,
           %(now)s - upkeep.compacted_at AS since
) AS how
WHERE how.events >= %(due)s
    OR (how.events >= %(some)s AND (how.idle >= %(pause)s OR how.since >= %(some_wait)s))
    OR (how.events > 0 AND how.idle >= %(some_wait)s AND how.since >= %(few_wait)s)
    OR EXISTS (SELECT 1 FROM log_deletion AS deletion WHERE deletion.stream_id = head.stream_id AND NOT deletion.held)
ORDER BY how.events DESC

-- name: waiting_of
SELECT head.last_id, head.appended_at, upkeep.compacted_to, upkeep.compacted_at
FROM log_stream_head AS head
JOIN log_upkeep AS upkeep ON upkeep.stream_id = head.stream_id
WHERE head.stream_id = %(stream_id)s

-- name: recent_pieces
SELECT segment_id, first_id, last_id, events, min_time, max_time, parts, bytes, raw_bytes, broken
FROM log_segment WHERE stream_id = %(stream_id)s AND parts = 1 AND last_id > (
    SELECT compacted_to FROM log_upkeep WHERE stream_id = %(stream_id)s)
ORDER BY first_id LIMIT 2000

-- name: small_pieces
-- Segments by their ids; late ones lie beside those of the same range. With what is broken, for none may reach over it,
-- and with recent blocks that were, and that compaction went by.
SELECT segment_id, first_id, last_id, events, min_time, max_time, parts, bytes, raw_bytes, broken
FROM log_segment WHERE stream_id = %(stream_id)s AND (parts > 1 OR broken IS NOT NULL OR last_id <= (
    SELECT compacted_to FROM log_upkeep WHERE stream_id = %(stream_id)s))
ORDER BY first_id, segment_id

-- name: all_pieces
SELECT segment_id, first_id, last_id, events, min_time, max_time, parts, bytes, raw_bytes, broken
FROM log_segment WHERE stream_id = %(stream_id)s ORDER BY first_id, segment_id

-- name: is_catalogued
SELECT 1 FROM log_segment WHERE stream_id = %(stream_id)s AND segment_id = %(segment_id)s

-- name: rows_between
SELECT {event_columns} FROM log_event AS event
WHERE event.stream_id = %(stream_id)s AND event.id BETWEEN %(first)s AND %(last)s ORDER BY event.id

-- name: row_beyond
-- The first row behind so many bytes of lines.
SELECT id FROM (
    SELECT id, sum(octet_length(raw)) OVER (ORDER BY id) AS bytes
    FROM log_event WHERE stream_id = %(stream_id)s AND id BETWEEN %(first)s AND %(last)s
) AS counted WHERE bytes > %(bytes)s ORDER BY id LIMIT 1

-- name: drop_rows
DELETE FROM log_event WHERE stream_id = %(stream_id)s AND id BETWEEN %(first)s AND %(last)s

-- name: note_compacted
UPDATE log_upkeep SET compacted_to = %(last)s, compacted_at = %(now)s WHERE stream_id = %(stream_id)s

-- name: drop_catalogued
DELETE FROM log_segment WHERE stream_id = %(stream_id)s AND segment_id = ANY(%(segment_ids)s)

-- name: drop_recent
DELETE FROM log_recent WHERE stream_id = %(stream_id)s AND segment_id = ANY(%(segment_ids)s)

-- name: drop_parts
DELETE FROM log_segment_part WHERE stream_id = %(stream_id)s AND segment_id = ANY(%(segment_ids)s)

-- name: drop_indexes
DELETE FROM log_segment_index WHERE stream_id = %(stream_id)s AND segment_id = ANY(%(segment_ids)s)

-- name: next_segment
SELECT nextval('log_segment_number')

-- name: insert_recent
INSERT INTO log_recent (stream_id, team_id, segment_id, data)
VALUES (%(stream_id)s, %(team_id)s, %(segment_id)s, %(data)s)

-- name: insert_part
INSERT INTO log_segment_part (stream_id, team_id, segment_id, part, data)
VALUES (%(stream_id)s, %(team_id)s, %(segment_id)s, %(part)s, %(data)s)

-- name: insert_index
INSERT INTO log_segment_index (stream_id, team_id, segment_id, summary, text_filter)
VALUES (%(stream_id)s, %(team_id)s, %(segment_id)s, %(summary)s, %(text_filter)s)

-- name: insert_catalogued
INSERT INTO log_segment (stream_id, team_id, segment_id, first_id, last_id, events, min_time, max_time, parts, bytes,
                         raw_bytes, created_at, parser)
VALUES (%(stream_id)s, %(team_id)s, %(segment_id)s, %(first_id)s, %(last_id)s, %(events)s, %(min_time)s, %(max_time)s,
        %(parts)s, %(bytes)s, %(raw_bytes)s, %(now)s, %(parser)s)

-- name: mark_broken
UPDATE log_segment SET broken = %(why)s WHERE stream_id = %(stream_id)s AND segment_id = %(segment_id)s

-- name: check_counters
SELECT head.last_id, upkeep.discarded_events, upkeep.compacted_to
FROM log_stream_head AS head
JOIN log_upkeep AS upkeep ON upkeep.stream_id = head.stream_id
WHERE head.stream_id = %(stream_id)s

-- name: row_ids
SELECT id FROM log_event WHERE stream_id = %(stream_id)s

-- name: piece_sizes
SELECT stream_id, parts = 1, count(*), sum(events), sum(raw_bytes)::bigint, sum(bytes)::bigint
FROM log_segment WHERE stream_id = ANY(%(stream_ids)s) GROUP BY 1, 2

-- name: row_sizes
SELECT stream_id, count(*), sum(octet_length(raw))::bigint, sum(pg_column_size(event.*))::bigint
FROM log_event AS event WHERE stream_id = ANY(%(stream_ids)s) GROUP BY 1

-- name: bytes_on_disk
SELECT sum(pg_total_relation_size(oid))::bigint FROM pg_class
WHERE relname LIKE 'log\_%%' AND relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace
