"""The clockwork's tasks: each reads the clock and calls one service."""

from typing import Any

from celery import shared_task
from django.utils import timezone

from apps.compaction import services
from apps.http.metrics import TASK_SECONDS


@shared_task(name="compaction.sweep")
def sweep(**_later: Any) -> None:
    with TASK_SECONDS.labels("compaction.sweep").time():
        services.sweep(now=timezone.now())


@shared_task(name="compaction.everything", ignore_result=False)
def everything(**_later: Any) -> int:
    """Answers how many steps it took, to whoever waits for it."""
    with TASK_SECONDS.labels("compaction.everything").time():
        return services.everything(now=timezone.now())
