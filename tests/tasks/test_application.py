"""Who calls a task has our application, in whichever thread."""

import subprocess
import sys

_ASKED_TOO_EARLY = """
from threading import Thread
from celery import current_app
assert not current_app.conf.beat_schedule
import config.celery
told = []
thread = Thread(target=lambda: told.extend(entry["task"] for entry in current_app.conf.beat_schedule.values()))
thread.start()
thread.join()
print(*told)
"""


def test_threads_have_it_even_if_one_was_asked_for_before_it_was_made() -> None:
    done = subprocess.run([sys.executable, "-c", _ASKED_TOO_EARLY], check=True, capture_output=True, text=True)
    assert "compaction.sweep" in done.stdout.split()
