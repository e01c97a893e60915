"""Run tests with Debian's PostgreSQL 15 and Redis 7: `python -m tests.debian_servers -- python -m pytest ...`.

They are what people have who bring servers of their own. `tests.environment` starts them in place of ours, as often as
there are processes that run tests, each on temporary data.
"""

import os
import subprocess
import sys
from collections.abc import Mapping

from tests.debian import Unavailable, debian_tree

_POSTGRES = "usr/lib/postgresql/15/bin/postgres"
_REDIS = "usr/bin/redis-server"


def run(command: list[str]) -> int:
    """Its exit code. Raises Unavailable where the packages cannot be had."""
    others = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "REDIS_URL"}}
    return subprocess.run(command, env={**others, **debian_programs()}, check=False).returncode


def debian_programs() -> Mapping[str, str]:
    """The settings that name them; nothing else is looked for then."""
    postgres = debian_tree("postgresql-15", provide=[_POSTGRES]).program(_POSTGRES)
    redis = debian_tree("redis-server", provide=[_REDIS]).program(_REDIS)
    return {"TAILSVC_POSTGRES_BIN": str(postgres.parent), "TAILSVC_VALKEY_BIN": str(redis)}


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
