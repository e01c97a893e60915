-- jsonb orders the keys of nested objects anew and writes numbers its own way; in the other forms they stay as they were.
ALTER TABLE log_event ALTER COLUMN attributes TYPE json USING attributes::json;
