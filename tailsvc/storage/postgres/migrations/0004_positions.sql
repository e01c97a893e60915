-- How far sources of lines (containers' logs) were read: written in the transaction of the lines.
CREATE TABLE log_position (
    stream_id  bigint NOT NULL,
    team_id    bigint NOT NULL,
    source     text   COLLATE "C" NOT NULL,
    position   text   COLLATE "C" NOT NULL,    -- what its reader makes of it
    PRIMARY KEY (stream_id, source)
) WITH (fillfactor = 50);

ALTER TABLE log_position ENABLE ROW LEVEL SECURITY;
ALTER TABLE log_position FORCE ROW LEVEL SECURITY;
CREATE POLICY team_isolation ON log_position
    USING (team_id = nullif(current_setting('app.team', true), '')::bigint)
    WITH CHECK (team_id = nullif(current_setting('app.team', true), '')::bigint);
