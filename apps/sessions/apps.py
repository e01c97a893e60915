from datetime import UTC, datetime
from typing import Any

from celery import signals
from django.apps import AppConfig


class SessionsConfig(AppConfig):
    name = "apps.sessions"
    label = "running_sessions"  # Django's own log-in sessions have the plain word

    def ready(self) -> None:
        from apps.objects.computed import register
        from apps.sessions import services

        register("sessions", services.refresh, services.forbid, services.keeps_status)
        signals.worker_ready.connect(_worker, weak=False)
        signals.task_prerun.connect(_began, weak=False)
        signals.task_postrun.connect(_ended, weak=False)


_BEGAN = "tailsvc_began"  # of a request: when its run began


def _worker(**_: object) -> None:
    from apps.sessions import beats

    beats.start("worker")


def _began(task: Any = None, **_: object) -> None:
    from apps.sessions import beats

    now = datetime.now(UTC)
    setattr(task.request, _BEGAN, now)
    beats.note_run(task.name, now)


def _ended(task: Any = None, state: str = "", retval: object = None, **_: object) -> None:
    """A failure is named by its kind: its text may be about anybody's data."""
    from apps.sessions import beats

    now = datetime.now(UTC)
    failure = "" if state == "SUCCESS" else f"it failed: {type(retval).__name__}"
    beats.note_run(task.name, getattr(task.request, _BEGAN, now), now, failure)
