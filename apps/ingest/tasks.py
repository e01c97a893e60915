"""Moves counted usage from Redis into the database."""

from typing import Any

from celery import shared_task

from apps.http.metrics import TASK_SECONDS
from apps.ingest import usage


@shared_task(name="ingest.store_usage")
def store_usage(**_later: Any) -> None:
    with TASK_SECONDS.labels("ingest.store_usage").time():
        usage.store_pending()
