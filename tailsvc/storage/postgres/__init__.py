"""The EventStore in Postgres 15 and newer, without extensions.

`migrations/` makes the tables; `statements.sql` has every statement but the WHERE of a filter, which `where` composes.
Three log-ins: the reader is bound by row-level security, the appender may not read events, maintenance sees all.
"""

from tailsvc.storage.postgres.pools import Pools
from tailsvc.storage.postgres.statements import migration, rights
from tailsvc.storage.postgres.store import PostgresEventStore

__all__ = ["Pools", "PostgresEventStore", "migration", "rights"]
