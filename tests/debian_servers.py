"""Run a command with Debian's PostgreSQL 15 and Redis 7 as its servers: `python -m tests.debian_servers -- COMMAND`.

They are what people have who bring servers of their own. Both are started on temporary data, DATABASE_URL and REDIS_URL
name them, and they end with the command.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from unittest.mock import patch

from tests.debian import Unavailable, debian_tree
from tests.servers import reachable_folder, start_postgres, start_valkey

_POSTGRES = "usr/lib/postgresql/15/bin/postgres"
_REDIS = "usr/bin/redis-server"


def run(command: list[str]) -> int:
    """Its exit code."""
    with debian_servers() as addresses:
        return subprocess.run(command, env={**os.environ, **addresses}, check=False).returncode


@contextmanager
def debian_servers() -> Iterator[Mapping[str, str]]:
    """Raises Unavailable where the packages cannot be had."""
    postgres_program = debian_tree("postgresql-15", provide=[_POSTGRES]).program(_POSTGRES)
    redis_program = debian_tree("redis-server", provide=[_REDIS]).program(_REDIS)
    programs = {"TAILSVC_POSTGRES_BIN": str(postgres_program.parent), "TAILSVC_VALKEY_BIN": str(redis_program)}
    with ExitStack() as stack:
        folder = stack.enter_context(reachable_folder())
        with patch.dict(os.environ, programs):
            postgres = start_postgres(folder / "postgres")
            stack.callback(postgres.stop)
            redis = start_valkey(folder / "redis")
            stack.callback(redis.stop)
        yield {"DATABASE_URL": postgres.url, "REDIS_URL": redis.url}


def main() -> int:
    separator, *command = sys.argv[1:] or [""]
    if separator != "--" or not command:
        print(f"usage: python -m {__spec__.name} -- COMMAND", file=sys.stderr)
        return 2
    try:
        return run(command)
    except Unavailable as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
