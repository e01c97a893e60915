"""Every limit of this package, with the reason for its size."""

from datetime import timedelta

MIB = 1024 * 1024

# Any path segment may be a name; Kubernetes' own are as long.
NAME_CHARS = 253
# A real one has a few kilobytes; the annotations alone may have 256 KiB by Kubernetes' rule.
OBJECT_BYTES = MIB // 2
# The same with what a patch says around it.
BODY_BYTES = MIB
# A team's pods are counted in hundreds.
OBJECTS_PER_TEAM = 10_000

# Whoever watches and was away for longer lists again. Kubernetes keeps five minutes.
CHANGES_KEPT = timedelta(hours=1)
CHANGES_PER_TEAM = 10_000
CHANGES_BYTES_PER_TEAM = 64 * MIB

# As many as a page may have at most; Kubernetes' clients ask for 500.
PAGE_MAX = 10_000
