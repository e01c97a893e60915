"""A pytest plugin that gives the suite its surroundings, before Django reads its settings.

Starts Postgres and Valkey of its own (unless DATABASE_URL and REDIS_URL point at others), and puts the addresses into
the environment, from which subprocesses inherit them. Loaded by `-p tests.environment`, because pytest-django reads
the settings before any conftest.
"""

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.servers import start_postgres, start_valkey

ROOT = Path(__file__).resolve().parent.parent
# In the place of an address: each worker starts its own.
_OF_WORKERS = "postgresql://each-worker@127.0.0.1:1/its-own"


def _start() -> None:
    if _hands_out_tests():
        # Its workers are processes with servers of their own; Django's settings are read here all the same.
        os.environ["DATABASE_URL"] = os.environ["REDIS_URL"] = _OF_WORKERS
        return
    for name in ("DATABASE_URL", "REDIS_URL"):
        if os.environ.get(name) == _OF_WORKERS:
            del os.environ[name]
    folder = Path(tempfile.mkdtemp(prefix="tailsvc-tests-"))
    folder.chmod(0o755)  # as root, Postgres runs as another user and has to get there
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    if "DATABASE_URL" not in os.environ:
        postgres = start_postgres(folder / "postgres")
        atexit.register(postgres.stop)
        os.environ["DATABASE_URL"] = postgres.url
    if "REDIS_URL" not in os.environ:
        valkey = start_valkey(folder / "valkey")
        atexit.register(valkey.stop)
        os.environ["REDIS_URL"] = valkey.url


def _hands_out_tests() -> bool:
    """Is this the process that pytest-xdist hands out tests from? It runs none itself."""
    options = any(argument.startswith(("-n", "--numprocesses")) for argument in sys.argv[1:])
    return options and "PYTEST_XDIST_WORKER" not in os.environ and "DATABASE_URL" not in os.environ


def prepare_database() -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "prepare_database"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"prepare_database failed:\n{done.stdout}{done.stderr}")


os.environ.setdefault("TAILSVC_SECRET_KEY", "a secret for tests only")
os.environ.setdefault("TAILSVC_ALLOW_UNSAFE_DURABILITY", "1")  # our own servers run with fsync off
os.environ.setdefault("TAILSVC_LOG_LEVEL", "WARNING")
# One process runs what takes many in production: threads of event loops that end with their test may keep a connection.
os.environ.setdefault("TAILSVC_DATABASE_POOL", "24")
_start()
