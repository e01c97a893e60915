"""The Celery application and its clockwork."""

import os

from celery import Celery
from celery.signals import worker_init

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("tailsvc")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
# A task that waited longer than its period is pointless: the next one does the same.
app.conf.beat_schedule = {
    "compaction.sweep": {"task": "compaction.sweep", "schedule": 2.0, "options": {"expires": 2}},
    "retention.sweep": {"task": "retention.sweep", "schedule": 60.0, "options": {"expires": 60}},
    "retention.purge": {"task": "retention.purge", "schedule": 600.0, "options": {"expires": 600}},
    "lifecycle.forget": {"task": "lifecycle.forget", "schedule": 300.0, "options": {"expires": 300}},
    "objects.forget": {"task": "objects.forget", "schedule": 60.0, "options": {"expires": 60}},
    "retention.forget": {"task": "retention.forget", "schedule": 3600.0, "options": {"expires": 3600}},
    "ingest.store_usage": {"task": "ingest.store_usage", "schedule": 20.0, "options": {"expires": 20}},
}

# What the worker does can wait; requests cannot.
_NICENESS = 5


@worker_init.connect
def _give_way(**_: object) -> None:
    os.nice(_NICENESS)
