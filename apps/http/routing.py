"""Which requests go to plain ASGI endpoints in front of Django: those whose answers have no end, and their kin.

Routes are written as Django writes them, so that tests and documents can treat them alike.
"""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from apps.http.asgi import Endpoint, Receive, Scope, Send, answer_problem
from apps.http.problems import Problem
from apps.http.request_id import new_request_id

Params = Mapping[str, str]
LiveEndpoint = Callable[[Scope, Receive, Send, Params], Awaitable[None]]
Refuse = Callable[[Send, Problem, str], Awaitable[None]]
_PARAMETER = re.compile(r"<str:(\w+)>")


async def _refuse(send: Send, problem: Problem, request_id: str) -> None:
    await answer_problem(send, problem, request_id=request_id)


@dataclass(frozen=True)
class LiveRoute:
    """`route` as in `api/streams/<str:stream>/tail`.

    `refuse` answers other methods in the dialect's form. HEAD is taken where GET is.
    """

    route: str
    endpoint: LiveEndpoint
    refuse: Refuse = _refuse
    methods: tuple[str, ...] = ("GET",)
    may_end_in_slash: bool = False

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        return re.compile("/" + _PARAMETER.sub(r"(?P<\1>[^/]+)", self.route) + ("/?" if self.may_end_in_slash else ""))

    @property
    def taken(self) -> tuple[str, ...]:
        return (*self.methods, "HEAD") if "GET" in self.methods else self.methods


def in_front_of(otherwise: Endpoint, routes: Sequence[LiveRoute]) -> Endpoint:
    async def dispatch(scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        for route in routes:
            found = route.pattern.fullmatch(path)
            if found is not None:
                await _call(route, scope, receive, send, found.groupdict())
                return
        await otherwise(scope, receive, send)

    return dispatch


async def _call(route: LiveRoute, scope: Scope, receive: Receive, send: Send, params: Params) -> None:
    if scope["method"] in route.taken:
        await route.endpoint(scope, receive, send, params)
    else:
        problem = Problem(405, f"Use {' or '.join(route.methods)}.", headers={"Allow": ", ".join(route.taken)})
        await route.refuse(send, problem, new_request_id(None))
