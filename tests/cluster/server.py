"""kube-apiserver's HTTP: who asks, what for, and how it is refused."""

import asyncio
import socket
import ssl
import time
from collections.abc import Awaitable, Callable

from aiohttp import web

from config.runtime.ports import free_port
from tests.cluster import logs, reading
from tests.cluster.discovery import DOCUMENTS
from tests.cluster.faults import Answer, Asked, Faults
from tests.cluster.model import Cluster
from tests.cluster.statuses import (
    Refusal,
    expired,
    forbidden,
    json_response,
    no_such_resource,
    not_found,
    too_many_requests,
    unauthorized,
)
from tests.cluster.streams import Stream, reset, serve

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_LOG_CHECK_SECONDS = 1.0  # how often the kubelet looks whether a silent container still runs


class ApiServer:
    """On 127.0.0.1. All of it runs in one loop; stopped, it can be started again on the same port."""

    def __init__(
        self, cluster: Cluster, faults: Faults, *, token: str, context: ssl.SSLContext | None, port: int = 0
    ) -> None:
        self.port = port or free_port()
        self.tokens: dict[str, set[str] | None] = {token: None}  # the namespaces that each may read; None: all
        self._cluster, self._faults, self._context = cluster, faults, context
        self._runner: web.AppRunner | None = None
        self._listening: socket.socket | None = None

    async def start(self) -> None:
        application = web.Application(middlewares=[self._guard])
        application.router.add_routes(
            [
                web.get("/api/v1/namespaces/{namespace}/pods/{name}/log", self._log),
                web.get("/api/v1/namespaces/{namespace}/{resource}/{name}", self._get),
                web.get("/api/v1/namespaces/{namespace}/{resource}", self._list),
                web.get("/api/v1/namespaces/{namespace}", self._namespace),
                web.get("/api/v1/{resource}", self._list),
                web.route("*", "/{rest:.*}", self._document),
            ]
        )
        self._runner = web.AppRunner(application, access_log=None, handler_cancellation=True, shutdown_timeout=0.01)
        await self._runner.setup()
        self._listening = listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", self.port))
        await web.SockSite(self._runner, listening, ssl_context=self._context).start()

    async def stop(self) -> None:
        """At once, as if it were killed: all connections are reset, and the next ones refused."""
        if self._runner is None or self._listening is None:
            return
        # What was accepted in this round of the loop would come to a server that has ended, which nobody could close.
        asyncio.get_running_loop().remove_reader(self._listening)
        await asyncio.sleep(0)
        for site in tuple(self._runner.sites):
            await site.stop()
        server = self._runner.server
        for connection in tuple(server.connections) if server is not None else ():
            if connection.transport is not None:
                reset(connection.transport)
        await self._runner.cleanup()
        self._runner = None
        await asyncio.sleep(0)

    @web.middleware
    async def _guard(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        self._faults.requests.append(Asked(time.monotonic(), f"{request.method} {request.path_qs}"))
        try:
            self._authenticate(request)
            planned = self._faults.refusal(request.path_qs)
            return await handler(request) if planned is None else await self._planned(planned)
        except Refusal as refusal:
            return refusal.response()

    def _authenticate(self, request: web.Request) -> None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or token.strip() not in self.tokens:
            raise unauthorized()
        allowed, namespace = self.tokens[token.strip()], request.match_info.get("namespace")
        resource = request.match_info.get("resource", "pods")
        if allowed is not None and "/api/v1/" in request.path and namespace not in allowed:
            verb = "watch" if "watch" in request.query else "get" if "name" in request.match_info else "list"
            raise forbidden("system:serviceaccount:default:reader", verb, resource, namespace)

    async def _planned(self, planned: Answer) -> web.StreamResponse:
        if planned.status == 429:
            return too_many_requests(planned.retry_after)
        if planned.status == 410:
            raise expired(1, self._cluster.history.oldest)
        reasons = {
            401: "Unauthorized",
            403: "Forbidden",
            404: "NotFound",
            500: "InternalError",
            503: "ServiceUnavailable",
        }
        message = planned.message or f"{reasons.get(planned.status, 'it')} on purpose"
        raise Refusal(planned.status, reasons.get(planned.status, ""), message)

    async def _document(self, request: web.Request) -> web.StreamResponse:
        content = DOCUMENTS.get(request.path.rstrip("/"))
        if content is None or request.method != "GET":
            raise no_such_resource()
        return web.Response(text=content) if isinstance(content, str) else json_response(content)

    async def _namespace(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["namespace"]
        if name not in self._cluster.namespaces:
            raise not_found("namespaces", name)
        return json_response({"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": name}})

    async def _list(self, request: web.Request) -> web.StreamResponse:
        resource = self._resource(request)
        namespace = request.match_info.get("namespace")
        return await reading.read(request, self._cluster.history, self._faults, resource, namespace)

    async def _get(self, request: web.Request) -> web.StreamResponse:
        key = (request.match_info["namespace"], request.match_info["name"])
        return reading.get(self._cluster.history, self._resource(request), key)

    def _resource(self, request: web.Request) -> str:
        resource = request.match_info["resource"]
        if resource not in {"pods", "events"}:
            raise no_such_resource()
        return resource

    async def _log(self, request: web.Request) -> web.StreamResponse:
        key = (request.match_info["namespace"], request.match_info["name"])
        pod = self._cluster.pods.get(key)
        if pod is None:
            raise not_found("pods", key[1])
        options = logs.LogOptions.of(request.query, time.time_ns())
        container = logs.choose(pod, options)
        if pod.node is None:
            return web.Response(status=204)
        instance = logs.instance_of(pod, container, previous=options.previous)
        if instance.is_removed:  # the answer has begun when the kubelet finds that out
            return web.Response(text=f"unable to retrieve container logs for {instance.id}")
        reader = logs.Reader(instance, options)

        async def say(stream: Stream) -> None:
            while True:
                stream.connection.event.clear()
                runs = instance.is_running  # before reading: what it wrote as its last is read then
                if data := reader.more():
                    await stream.send(data)
                elif not options.follow or not runs or reader.is_at_limit:
                    return
                else:
                    await stream.wait(_LOG_CHECK_SECONDS)

        return await serve(request, self._faults, "log", instance.bell, "text/plain", say)
