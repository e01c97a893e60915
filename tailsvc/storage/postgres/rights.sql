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
