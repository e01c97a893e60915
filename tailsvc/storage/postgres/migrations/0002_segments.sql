-- Events as columns: recent blocks (a flush each) and segments (made of many by compaction). The catalogue is narrow,
-- since every read goes over it; payloads lie in tables of their own and are fetched by their key.

-- Not an identity: the number is needed for the payload before the catalogue's row is there.
CREATE SEQUENCE log_segment_number AS bigint CACHE 1;

-- One row for each piece. The ranges of the pieces of a stream are equal or disjoint; each id lies in one piece.
CREATE TABLE log_segment (
    stream_id  bigint   NOT NULL,
    team_id    bigint   NOT NULL,
    segment_id bigint   NOT NULL,
    first_id   bigint   NOT NULL,
    last_id    bigint   NOT NULL,
    events     integer  NOT NULL,              -- fewer than the range has ids where events were erased, or are late
    min_time   bigint   NOT NULL,              -- microseconds since 1970-01-01 UTC
    max_time   bigint   NOT NULL,
    parts      smallint NOT NULL,              -- 1: a recent block; else a segment's payloads
    bytes      integer  NOT NULL,              -- of all payloads
    raw_bytes  bigint   NOT NULL,              -- of the lines that these events were
    created_at bigint   NOT NULL,
    parser     smallint NOT NULL,              -- the version of the parser that read the lines
    broken     text     COLLATE "C",           -- why its payload cannot be read; it is left out of answers
    PRIMARY KEY (stream_id, segment_id)
) WITH (
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000,
    autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 2000, vacuum_truncate = off
);
CREATE INDEX log_segment_by_time ON log_segment (stream_id, max_time);

-- Payloads of recent blocks. They live for seconds, so they have a table to themselves, which empties again and again.
CREATE TABLE log_recent (
    stream_id  bigint NOT NULL,
    team_id    bigint NOT NULL,
    segment_id bigint NOT NULL,
    data       bytea  NOT NULL,
    PRIMARY KEY (stream_id, segment_id)
) WITH (
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500,
    toast.autovacuum_vacuum_scale_factor = 0, toast.autovacuum_vacuum_threshold = 1000
);
ALTER TABLE log_recent ALTER COLUMN data SET STORAGE EXTERNAL;  -- packed already

-- Payloads of segments.
CREATE TABLE log_segment_part (
    stream_id  bigint   NOT NULL,
    team_id    bigint   NOT NULL,
    segment_id bigint   NOT NULL,
    part       smallint NOT NULL,
    data       bytea    NOT NULL,
    PRIMARY KEY (stream_id, segment_id, part)
) WITH (
    -- A share, since each vacuum reads the whole index; a small one, since what is free is what others have not.
    autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 200,
    toast.autovacuum_vacuum_scale_factor = 0.05, toast.autovacuum_vacuum_threshold = 1000, vacuum_truncate = off
);
ALTER TABLE log_segment_part ALTER COLUMN data SET STORAGE EXTERNAL;

-- What tells of a segment, before any payload is fetched, that it need not be: counts by minute, and the text filters
-- of its row groups, one behind the other.
CREATE TABLE log_segment_index (
    stream_id   bigint NOT NULL,
    team_id     bigint NOT NULL,
    segment_id  bigint NOT NULL,
    summary     bytea,
    text_filter bytea,
    PRIMARY KEY (stream_id, segment_id)
) WITH (
    autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 200,
    toast.autovacuum_vacuum_scale_factor = 0.05, toast.autovacuum_vacuum_threshold = 1000, vacuum_truncate = off
);
ALTER TABLE log_segment_index ALTER COLUMN summary SET STORAGE EXTERNAL;
ALTER TABLE log_segment_index ALTER COLUMN text_filter SET STORAGE EXTERNAL;

-- Deletions that were accepted and not carried out yet (tombstones). Every read applies them.
CREATE TABLE log_deletion (
    stream_id   bigint NOT NULL,
    team_id     bigint NOT NULL,
    deletion_id bigint GENERATED ALWAYS AS IDENTITY,
    start_time  bigint,                        -- both ends inclusive; none: open
    end_time    bigint,
    condition   jsonb  NOT NULL,               -- the filter
    greatest_id bigint NOT NULL,               -- later events are not concerned
    created_at  bigint NOT NULL,
    PRIMARY KEY (stream_id, deletion_id)
);

ALTER TABLE log_upkeep
    ADD COLUMN compacted_to   bigint NOT NULL DEFAULT 0,  -- all events up to this id lie in segments
    ADD COLUMN compacted_at   bigint NOT NULL DEFAULT (extract(epoch FROM now()) * 1000000)::bigint,
    ADD COLUMN trimmed_before bigint NOT NULL DEFAULT 0,  -- events before this time are gone, though some still lie there,
    ADD COLUMN trimmed_to     bigint NOT NULL DEFAULT 0;  -- up to this id: with a longer retention, older ones may come

DO $$
DECLARE
    log_table text;
BEGIN
    FOREACH log_table IN ARRAY ARRAY['log_segment', 'log_recent', 'log_segment_part', 'log_segment_index', 'log_deletion'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', log_table);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', log_table);
        EXECUTE format(
            'CREATE POLICY team_isolation ON %I
                 USING (team_id = nullif(current_setting(''app.team'', true), '''')::bigint)
                 WITH CHECK (team_id = nullif(current_setting(''app.team'', true), '''')::bigint)', log_table);
    END LOOP;
END
$$;
