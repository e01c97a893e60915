"""The clockwork's tasks: each reads the clock and calls one service."""

from typing import Any

from celery import shared_task
from django.utils import timezone

from apps.http.metrics import TASK_SECONDS
from apps.retention import services


@shared_task(name="retention.sweep")
def sweep(**_later: Any) -> None:
    with TASK_SECONDS.labels("retention.sweep").time():
        services.sweep(now=timezone.now())


@shared_task(name="retention.purge")
def purge(**_later: Any) -> None:
    with TASK_SECONDS.labels("retention.purge").time():
        services.purge(now=timezone.now())


@shared_task(name="retention.forget")
def forget(**_later: Any) -> None:
    with TASK_SECONDS.labels("retention.forget").time():
        services.forget(now=timezone.now())
