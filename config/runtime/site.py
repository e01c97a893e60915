"""What the web server loads: our application, or the end of the whole server.

It starts a worker that cannot load the application again and again, for ever; ended, it is the supervisor's (or the
container engine's) to judge. The traceback is written first.
"""

import multiprocessing
import os
import signal
import traceback

from config.runtime.children import die_with_parent

__all__ = ["application"]

die_with_parent()
try:
    from config.asgi import application
except BaseException:
    if multiprocessing.parent_process() is not None:  # in a worker of the web server, whose group is its own
        traceback.print_exc()
        os.killpg(0, signal.SIGKILL)
    raise
