"""Renews totals while they are being asked for."""

from typing import Any

from celery import shared_task

from apps.http.metrics import TASK_SECONDS
from apps.query import counts


@shared_task(name="query.recount")
def recount(**fields: Any) -> None:
    with TASK_SECONDS.labels("query.recount").time():
        counts.totals().recount(counts.of_fields(fields))
