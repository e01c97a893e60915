-- What following needs: events by their ids in whatever form, and how many lines a stream ever had.

ALTER TABLE log_stream_head ADD COLUMN lines bigint NOT NULL DEFAULT 0;  -- ever appended; a raw message may have several
UPDATE log_stream_head SET lines = last_id;                              -- of what is there already: one each

-- Rows come and go, and new ones take the place of old ones anywhere in the table: ranges of blocks (BRIN) soon say
-- nothing. The table is small, since compaction empties it.
DROP INDEX log_event_by_id;
CREATE INDEX log_event_by_id ON log_event (stream_id, id);

CREATE INDEX log_segment_by_id ON log_segment (stream_id, last_id);
