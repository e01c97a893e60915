"""The Celery application, with all tasks: of the worker, and of everybody who calls one. `config.beat` is the clock."""

import os

from celery import Celery
from celery.signals import worker_init

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
# Django's checks load every view, for a process that answers no request. `make check` runs them.
os.environ.setdefault("CELERY_SKIP_CHECKS", "1")

app = Celery("tailsvc")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
# Of every thread: whoever asked for an application before this one was made has all others ask one without settings.
app.set_default()

# What the worker does can wait; requests cannot.
_NICENESS = 5


@worker_init.connect
def _give_way(**_: object) -> None:
    os.nice(_NICENESS)
