"""Composition: builds the engine's parts from settings; the only module that names concrete classes."""

from functools import cache
from typing import TYPE_CHECKING

from django.conf import settings

from tailsvc.storage.postgres import Pools, PostgresEventStore, migration, rights

if TYPE_CHECKING:
    from tailsvc.storage.base import EventStore

__all__ = ["log_migration", "log_rights", "store"]

log_migration = migration
log_rights = rights


@cache
def store() -> "EventStore":
    """This process's store. Opens no connection before it is used."""
    pools = Pools(**settings.ROLE_URLS, size=settings.STORE_POOL)
    return PostgresEventStore(pools, cache_bytes=settings.STORE_CACHE_BYTES)
