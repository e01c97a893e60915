"""The clock: one process, which sends the names of tasks when they are due (`celery -A config.beat beat`).

An application of its own: with the tasks and all that they import, it would be three times as large.
"""

import os

from celery import Celery
from celery.signals import beat_init

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from apps.sessions import beats  # (after the settings' name)

# No fix-ups: they would set Django up.
app = Celery("tailsvc", fixups=[])
app.config_from_object("django.conf:settings", namespace="CELERY")


@beat_init.connect
def _show_life(**_: object) -> None:
    beats.start("beat")
