"""The clockwork's task: reads the clock and calls one service."""

from typing import Any

from celery import shared_task
from django.utils import timezone

from apps.http.metrics import TASK_SECONDS
from apps.objects import upkeep


@shared_task(name="objects.forget")
def forget(**_later: Any) -> None:
    with TASK_SECONDS.labels("objects.forget").time():
        upkeep.forget(now=timezone.now())
