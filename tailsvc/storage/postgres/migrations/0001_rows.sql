-- The log tables. Every key begins with stream_id, every row carries its team, and nothing refers across streams, so
-- that the tables can be distributed by stream_id as they are. No foreign keys: a stream's rows go when it is purged.

-- The head of a stream: the next ids, and who may take them. Updated at every flush: the low fillfactor and the lack
-- of any further index keep those updates on the page.
CREATE TABLE log_stream_head (
    stream_id   bigint PRIMARY KEY,
    team_id     bigint NOT NULL,
    epoch       uuid   NOT NULL DEFAULT gen_random_uuid(),  -- renewed after a restore
    last_id     bigint NOT NULL DEFAULT 0,
    bytes       bigint NOT NULL DEFAULT 0,                  -- of raw lines, ever appended
    appended_at bigint,                                     -- microseconds since 1970-01-01 UTC
    flush       bigint                                      -- the mark of the last transaction that took ids
) WITH (fillfactor = 10, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);

-- Upkeep of a stream: retention, deletion and compaction lock this row, never the head.
CREATE TABLE log_upkeep (
    stream_id        bigint PRIMARY KEY,
    team_id          bigint NOT NULL,
    discarded_events bigint NOT NULL DEFAULT 0,             -- by retention and deletion, ever
    discarded_bytes  bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

-- Events as rows. Texts compare byte by byte (COLLATE "C") whatever the database's locale is.
CREATE TABLE log_event (
    stream_id        bigint NOT NULL,
    team_id          bigint NOT NULL,
    id               bigint NOT NULL,
    timestamp        bigint NOT NULL,                       -- microseconds since 1970-01-01 UTC
    raw              text   COLLATE "C" NOT NULL,           -- the line; NUL and invalid UTF-8 replaced
    raw_bytes        bytea,                                 -- the line byte for byte, only where `raw` differs
    level            text   COLLATE "C",
    method           text   COLLATE "C",
    path             text   COLLATE "C",
    host             text   COLLATE "C",
    status           integer,
    response_time_ms double precision,
    ip               text   COLLATE "C",
    user_agent       text   COLLATE "C",
    referrer         text   COLLATE "C",
    service          text   COLLATE "C",
    src              text   COLLATE "C",
    message          text   COLLATE "C",
    filename         text   COLLATE "C",
    is_bot           boolean NOT NULL,
    replica          text   COLLATE "C",
    container        text   COLLATE "C",
    stdio            text   COLLATE "C",
    trace_id         text   COLLATE "C",
    span_id          text   COLLATE "C",
    attributes       jsonb,
    PRIMARY KEY (stream_id, timestamp, id)
) WITH (
    -- By count, not by share: a share of a large table is a long wait and a large bill.
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 100000,
    autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 500000,
    autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 200000,
    vacuum_truncate = off  -- it takes a lock that readers would feel
);
-- One event by its id. Rows lie in the order of ids, so this costs nearly nothing to keep.
CREATE INDEX log_event_by_id ON log_event USING brin (stream_id, id) WITH (pages_per_range = 32, autosummarize = on);

-- Idempotency keys with the answers that were given.
CREATE TABLE log_ingest_key (
    stream_id  bigint NOT NULL,
    team_id    bigint NOT NULL,
    key        text   COLLATE "C" NOT NULL,
    body_hash  bytea  NOT NULL,
    answer     bytea  NOT NULL,
    created_at bigint NOT NULL,
    PRIMARY KEY (stream_id, key)
);

-- Input items that were refused, for the team to see.
CREATE TABLE log_rejection (
    stream_id bigint  NOT NULL,
    team_id   bigint  NOT NULL,
    id        bigint  GENERATED ALWAYS AS IDENTITY,
    at        bigint  NOT NULL,
    line      integer NOT NULL,
    reason    text    NOT NULL,
    sample    bytea   NOT NULL,
    PRIMARY KEY (stream_id, id)
);

DO $$
DECLARE
    log_table text;
BEGIN
    FOREACH log_table IN ARRAY ARRAY['log_stream_head', 'log_upkeep', 'log_event', 'log_ingest_key', 'log_rejection'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', log_table);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', log_table);
        EXECUTE format(
            'CREATE POLICY team_isolation ON %I
                 USING (team_id = nullif(current_setting(''app.team'', true), '''')::bigint)
                 WITH CHECK (team_id = nullif(current_setting(''app.team'', true), '''')::bigint)', log_table);
    END LOOP;
END
$$;
