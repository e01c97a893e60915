-- What each log-in may do with the log tables; {reader}, {appender} and {maintenance} are the roles' names.
-- Applied after every migration; one table a statement, as distributed databases want it.
REVOKE ALL ON log_event FROM {reader}, {appender};
REVOKE ALL ON log_stream_head FROM {reader}, {appender};
REVOKE ALL ON log_upkeep FROM {reader}, {appender};
REVOKE ALL ON log_ingest_key FROM {reader}, {appender};
REVOKE ALL ON log_rejection FROM {reader}, {appender};
-- The reader reads. It never writes a log table.
GRANT SELECT ON log_event TO {reader};
GRANT SELECT ON log_stream_head TO {reader};
GRANT SELECT ON log_upkeep TO {reader};
GRANT SELECT ON log_rejection TO {reader};
-- The appender takes ids and inserts. It may not read events.
GRANT INSERT ON log_event TO {appender};
GRANT INSERT ON log_rejection TO {appender};
GRANT SELECT, INSERT, UPDATE ON log_stream_head TO {appender};
GRANT INSERT ON log_upkeep TO {appender};
GRANT SELECT (stream_id) ON log_upkeep TO {appender};
GRANT SELECT, INSERT ON log_ingest_key TO {appender};
GRANT SELECT, INSERT, UPDATE, DELETE ON log_event TO {maintenance};
GRANT SELECT, INSERT, UPDATE, DELETE ON log_stream_head TO {maintenance};
GRANT SELECT, INSERT, UPDATE, DELETE ON log_upkeep TO {maintenance};
GRANT SELECT, INSERT, UPDATE, DELETE ON log_ingest_key TO {maintenance};
GRANT SELECT, INSERT, UPDATE, DELETE ON log_rejection TO {maintenance};
REVOKE ALL ON log_segment FROM {reader}, {appender};
REVOKE ALL ON log_recent FROM {reader}, {appender};
REVOKE ALL ON log_segment_part FROM {reader}, {appender};
REVOKE ALL ON log_segment_index FROM {reader}, {appender};
REVOKE ALL ON log_deletion FROM {reader}, {appender};
GRANT SELECT ON log_segment TO {reader};
GRANT SELECT ON log_recent TO {reader};
GRANT SELECT ON log_segment_part TO {reader};
GRANT SELECT ON log_segment_index TO {reader};
GRANT SELECT ON log_deletion TO {reader};
GRANT INSERT ON log_segment TO {appender};
GRANT INSERT ON log_recent TO {appender};
GRANT INSERT ON log_deletion TO {appender};
-- To count those that wait.
GRANT SELECT (stream_id) ON log_deletion TO {appender};
GRANT USAGE ON SEQUENCE log_segment_number TO {appender};
GRANT USAGE ON SEQUENCE log_segment_number TO {maintenance};
GRANT SELECT, INSERT, UPDATE, DELETE ON log_segment TO {maintenance};
GRANT SELECT, INSERT, UPDATE, DELETE ON log_recent TO {maintenance};
GRANT SELECT, INSERT, UPDATE, DELETE ON log_segment_part TO {maintenance};
GRANT SELECT, INSERT, UPDATE, DELETE ON log_segment_index TO {maintenance};
GRANT SELECT, INSERT, UPDATE, DELETE ON log_deletion TO {maintenance};
REVOKE ALL ON log_position FROM {reader}, {appender};
GRANT SELECT ON log_position TO {reader};
GRANT SELECT, INSERT, UPDATE, DELETE ON log_position TO {appender};
GRANT SELECT, DELETE ON log_position TO {maintenance};
-- To vacuum; Postgres 17 and newer.
GRANT MAINTAIN ON log_recent TO {maintenance};
GRANT MAINTAIN ON log_event TO {maintenance};
GRANT MAINTAIN ON log_segment TO {maintenance};
