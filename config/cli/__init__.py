"""The command line: `tailsvc up`, and what operators do to a running installation.

One module per command or pair of commands. Commands that need the database connect through `connect`, which finds the
instance running on `--home`; only `up` starts anything.
"""

from config.cli.main import app

__all__ = ["app"]
