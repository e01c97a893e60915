"""All objects of the cluster in all their versions: one counter, and a change for each write."""

import bisect
import threading
from dataclasses import dataclass
from typing import Any

from tests.cluster.containers import Bell

Object = dict[str, Any]
Key = tuple[str, str]  # namespace, name


@dataclass(frozen=True, slots=True)
class Change:
    version: int
    resource: str  # "pods"
    key: Key
    before: Object | None
    after: Object | None


class History:
    """Written by one thread at a time, read by others as they like: nothing in it ever changes, lists only grow."""

    def __init__(self) -> None:
        self.version = 1000
        self.oldest = 1000  # versions before it are compacted away
        self.bell = Bell()
        self._changes: list[Change] = []
        self._current: dict[str, dict[Key, Object]] = {}
        self._lock = threading.RLock()

    def write(self, resource: str, key: Key, obj: Object | None) -> int:
        """The object as it is now (None: it is gone), given its version."""
        with self._lock:
            here = self._current.get(resource, {})
            before, version = here.get(key), self.version + 1
            if obj is not None:
                obj = {**obj, "metadata": {**obj["metadata"], "resourceVersion": str(version)}}
            rest = {k: v for k, v in here.items() if k != key}
            self._current[resource] = rest if obj is None else {**rest, key: obj}
            self._changes.append(Change(version, resource, key, before, obj))
            self.version = version
        self.bell.ring()
        return version

    def compact(self) -> None:
        """What came before now can no longer be asked for."""
        self.oldest = self.version

    def now(self, resource: str) -> tuple[int, dict[Key, Object]]:
        with self._lock:
            return self.version, self._current.get(resource, {})

    def at(self, resource: str, version: int) -> dict[Key, Object]:
        """What was there then."""
        found: dict[Key, Object] = {}
        for change in tuple(self._changes):
            if change.version > version:
                break
            if change.resource == resource and change.after is None:
                found.pop(change.key, None)
            elif change.resource == resource and change.after is not None:
                found[change.key] = change.after
        return found

    def since(self, resource: str, version: int) -> tuple[int, list[Change]]:
        """The changes behind `version`, and the version up to which they are all."""
        with self._lock:
            start = bisect.bisect_right(self._changes, version, key=lambda change: change.version)
            return self.version, [one for one in self._changes[start:] if one.resource == resource]
