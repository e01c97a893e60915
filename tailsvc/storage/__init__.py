"""Keeping events: the protocol of every store, the reference in memory, and Postgres.

`base` states the guarantees once. SQL lives below `storage.postgres` and nowhere else in the engine.
"""
