"""What there is of a kind in a namespace, kept up to date by a list and a watch behind it.

Objects are read as they come, and only what was read is kept: what a cluster sends may be anything.
"""

import asyncio
import contextlib
import random
from collections.abc import Callable
from typing import Generic, TypeVar

import structlog

from apps.collector.backoff import Backoff
from apps.collector.cluster import ClusterApi, ClusterError, Document, check_count

# A list that was asked for too late is asked for anew, but not in a loop.
_ANEW_SECONDS = 0.2
_log = structlog.get_logger(__name__)
T = TypeVar("T")


class NamespaceWatch(Generic[T]):
    """`objects` by name, once `is_known`; `error` while it cannot be kept up to date, "" otherwise.

    `changed` is called after each change; `hear` with each object that came or changed, those of the first list too.
    What `read` raises an error for is not there.
    """

    def __init__(
        self,
        api: ClusterApi,
        kind: str,
        namespace: str,
        *,
        read: Callable[[Document], T],
        changed: Callable[[], None],
        hear: Callable[[T], None] = lambda _: None,
    ) -> None:
        self._api = api
        self._kind = kind
        self._namespace = namespace
        self._read = read
        self._changed = changed
        self._hear = hear
        self.objects: dict[str, T] = {}
        self.is_known = False
        self.error = ""
        self._task = asyncio.create_task(self._keep())

    async def close(self) -> None:
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _keep(self) -> None:
        backoff = Backoff()
        while True:
            try:
                version = await self._list()
                backoff.reset()
                await self._watch_from(version)
            except ClusterError as error:
                if error.is_gone:  # a new list tells everything
                    await asyncio.sleep(_ANEW_SECONDS)
                    continue
                self._fail(error)
                await asyncio.sleep(max(backoff.next(), error.retry_after))
            except Exception as error:  # noqa: BLE001 (no answer of a cluster may end the watch)
                self._fail(ClusterError(f"the cluster's answer cannot be understood: {error!r}"[:300]))
                await asyncio.sleep(backoff.next())

    def _fail(self, error: ClusterError) -> None:
        what = "watching" if self.is_known else "reading"
        said = f"{what} {self._kind}: {error}"
        if said != self.error:
            _log.warning("a cluster cannot be watched", kind=self._kind, namespace=self._namespace, error=str(error))
            self.error = said
            self._changed()

    async def _list(self) -> str:
        found, version = await self._api.list_all(self._kind, self._namespace)
        self.objects = {}
        self.is_known, self.error = True, ""
        for one in found:
            self._take("ADDED", one)
        self._changed()
        return version

    async def _watch_from(self, version: str) -> None:
        """For ever, one watch after the other. Raises ClusterError."""
        while True:
            # The end of a watch is no error; but a cluster that ends them at once is not asked in a loop.
            not_before = asyncio.get_running_loop().time() + random.uniform(0.5, 1.5)
            async for type_, one in self._api.watch(self._kind, self._namespace, version):
                version = one["metadata"].get("resourceVersion") or version
                if type_ != "BOOKMARK":
                    self._take(type_, one)
                    self._changed()
            await asyncio.sleep(max(0.0, not_before - asyncio.get_running_loop().time()))

    def _take(self, type_: str, one: Document) -> None:
        """Raises ClusterError where there are too many."""
        name = str(one["metadata"]["name"])
        try:
            read = self._read(one)
        except Exception as error:  # noqa: BLE001 (one bad object is no reason to see none)
            _log.warning("an object of a cluster cannot be understood", kind=self._kind, name=name, error=repr(error))
            type_ = "DELETED"
        if type_ == "DELETED":
            self.objects.pop(name, None)
        else:
            check_count(len(self.objects) + (name not in self.objects), self._kind, self._namespace)
            self.objects[name] = read
            self._hear(read)
