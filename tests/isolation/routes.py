"""Every way into the service: what the resolver and the raw table know, and what each is expected to demand."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from django.urls import URLPattern, URLResolver, get_resolver

from apps.accounts.abilities import Ability
from apps.ignite.asgi import ROUTES as IGNITE_ROUTES
from apps.objects.http.about import ROUTES as ABOUT_OBJECTS
from config.asgi import LIVE_ROUTES, RAW_ROUTES
from tailsvc.objects.catalogue import KINDS
from tailsvc.objects.kinds import Kind

Method = str
Key = tuple[Method, str]
_NEVER_OFFERED = {"options", "head"}  # HEAD is GET without a body, and is asked wherever GET is


@dataclass(frozen=True, slots=True)
class Rule:
    """Who may.

    - `anybody`: no token is needed, and none changes the answer.
    - `session`: a page for people who have logged in; tokens mean nothing to it.
    - `caller`: a live personal access token, with `ability` if one is named.
    - `agent`: the stream's ingest token.
    - `member`: a page of a team for its members who have logged in, with what their role allows; `test_console`
      walks them.
    - `follower`: as `member`, but its answer has no end; `test_console_live` asks for it.
    - `organisation`: as `caller`, of a team that the path names; `test_ignite` walks them, over gRPC too.

    `query` is sent along where a request without it would be refused for another reason; `beside` is what is given
    with the ability: nobody may hand on what they have not got.
    """

    who: Literal["anybody", "session", "caller", "agent", "organisation", "member", "follower"]
    ability: Ability | None = None
    body: Any = None
    query: str = ""
    beside: tuple[Ability, ...] = ()


ANYBODY = Rule("anybody")
SESSION = Rule("session")
AGENT = Rule("agent")
ORGANISATION = Rule("organisation")
ANY_CALLER = Rule("caller")


def needs(ability: Ability, body: Any = None, query: str = "", beside: tuple[Ability, ...] = ()) -> Rule:
    return Rule("caller", ability, body, query, beside)


def page(ability: Ability | None, fields: dict[str, str] | None = None, query: str = "") -> Rule:
    """Of the console. `fields` are what a form sends."""
    return Rule("member", ability, fields, query)


CONSOLE = "console/"
_TEAMS_PAGES = "console/<str:team>"
_STREAMS_PAGES = f"{_TEAMS_PAGES}/streams/<str:stream>"
_STREAM = "api/streams/<str:stream>"
_TEAM = "api/teams/<str:slug>"
_PIPELINE = "v0/pipelines/<str:pipeline_name>"
_API_KEY = "v0/api_keys/<str:api_key_name>"
_OBJECTS = "apis/tilt.dev/v1alpha1"


def _rules_of_kind(kind: Kind) -> "dict[Key, Rule]":
    """Every kind of object is served alike. `{...}` in a body is one of the team's things."""
    collection = f"{_OBJECTS}/{kind.plural}"
    one = f"{collection}/<str:{kind.singular}>"
    read, write = needs(Ability.OBJECTS_READ), needs(Ability.OBJECTS_WRITE)
    spec = {"pod": "changed", "tiltfilePath": "changed", "exitCondition": "ci"}
    named = {"name": f"{{{kind.singular}}}", "resourceVersion": f"{{{kind.singular}_version}}"}
    replaced = needs(Ability.OBJECTS_WRITE, {"metadata": named, "spec": spec})
    applied = needs(Ability.OBJECTS_WRITE, {"metadata": {"labels": {"by": "me"}}}, "?fieldManager=matrix&dryRun=All")
    return {
        ("GET", collection): read,
        ("POST", collection): needs(Ability.OBJECTS_WRITE, {"metadata": {"generateName": "new-"}, "spec": spec}),
        ("DELETE", collection): write,
        ("GET", one): read,
        ("PUT", one): replaced,
        ("PATCH", one): applied,
        ("DELETE", one): write,
        ("GET", f"{one}/status"): read,
        ("PUT", f"{one}/status"): replaced,
        ("PATCH", f"{one}/status"): applied,
    }


# Whoever adds a route adds it here, and with it says who may.
RULES: dict[Key, Rule] = {
    ("POST", "/api/ingest/"): AGENT,
    ("GET", "api/streams"): needs(Ability.STREAMS_READ),
    ("POST", "api/streams"): needs(Ability.STREAMS_CREATE, {"name": "new"}),
    ("GET", _STREAM): needs(Ability.STREAMS_READ),
    ("PATCH", _STREAM): needs(Ability.STREAMS_UPDATE, {"description": "changed"}),
    ("DELETE", _STREAM): needs(Ability.STREAMS_DELETE),
    ("POST", f"{_STREAM}/restore"): needs(Ability.STREAMS_DELETE, {}),
    ("POST", f"{_STREAM}/ingest-token"): needs(Ability.STREAMS_ISSUE_TOKEN, {}),
    ("GET", f"{_STREAM}/ingest-tokens"): needs(Ability.STREAMS_ISSUE_TOKEN),
    ("DELETE", f"{_STREAM}/ingest-tokens/<uuid:jti>"): needs(Ability.STREAMS_ISSUE_TOKEN),
    ("GET", f"{_STREAM}/logs"): needs(Ability.STREAMS_READ),
    ("GET", f"{_STREAM}/logs/<int:event>"): needs(Ability.STREAMS_READ),
    ("GET", f"{_STREAM}/logs/<int:event>/context"): needs(Ability.STREAMS_READ),
    ("DELETE", f"{_STREAM}/logs"): needs(Ability.LOGS_DELETE, query="?all=true"),
    ("GET", f"{_STREAM}/histogram"): needs(Ability.STREAMS_READ, query="?interval=86400000"),
    ("GET", f"{_STREAM}/facets"): needs(Ability.STREAMS_READ, query="?fields=level"),
    ("GET", f"{_STREAM}/tail"): needs(Ability.STREAMS_READ, query="?since=0&follow=false"),
    ("GET", f"{_STREAM}/export"): needs(Ability.STREAMS_READ),
    ("GET", f"{_STREAM}/rejections"): needs(Ability.STREAMS_READ),
    ("GET", f"{_STREAM}/replicas"): needs(Ability.STREAMS_READ),
    ("PUT", f"{_STREAM}/replicas/<str:replica>"): needs(Ability.LIFECYCLE_WRITE, {"node": "another"}),
    ("DELETE", f"{_STREAM}/replicas/<str:replica>"): needs(Ability.LIFECYCLE_WRITE),
    ("GET", f"{_STREAM}/lifecycle-events"): needs(Ability.STREAMS_READ),
    ("POST", f"{_STREAM}/lifecycle-events"): needs(Ability.LIFECYCLE_WRITE, {"reason": "Started"}),
    ("GET", f"{_STREAM}/builds"): needs(Ability.STREAMS_READ),
    ("POST", f"{_STREAM}/builds"): needs(Ability.LIFECYCLE_WRITE, {"build_id": "new", "deploy_id": "new"}),
    ("GET", f"{_STREAM}/builds/<str:build>"): needs(Ability.STREAMS_READ),
    ("POST", f"{_STREAM}/builds/<str:build>/chunks"): needs(Ability.LIFECYCLE_WRITE, {"offset": 5, "data": "IDE="}),
    ("POST", f"{_STREAM}/builds/<str:build>/finish"): needs(Ability.LIFECYCLE_WRITE, {"status": "failed"}),
    ("GET", f"{_STREAM}/builds/<str:build>/log"): needs(Ability.STREAMS_READ),
    ("GET", f"{_STREAM}/builds/<str:build>/follow"): needs(Ability.STREAMS_READ),
    ("GET", "api/clusters"): needs(Ability.TEAM_MANAGE),
    ("POST", "api/clusters"): needs(
        Ability.TEAM_MANAGE, {"name": "new", "kubeconfig": "{kubeconfig}", "namespaces": ["default"]}
    ),
    ("DELETE", "api/clusters/<str:cluster>"): needs(Ability.TEAM_MANAGE),
    ("GET", "api/usage"): needs(Ability.STREAMS_READ),
    ("GET", "api/user/streams"): needs(Ability.STREAMS_READ),
    ("GET", "api/user/plan"): needs(Ability.STREAMS_READ),
    ("GET", "api/user"): ANY_CALLER,
    ("GET", "api/teams"): ANY_CALLER,
    ("POST", "api/teams"): needs(Ability.TEAM_MANAGE, {"name": "another"}),
    ("GET", _TEAM): ANY_CALLER,
    ("PATCH", _TEAM): needs(Ability.TEAM_MANAGE, {"name": "renamed"}),
    ("GET", f"{_TEAM}/members"): needs(Ability.TEAM_MANAGE),
    ("POST", f"{_TEAM}/members"): needs(Ability.TEAM_MANAGE, {"email": "{newcomer}", "role": "viewer"}),
    ("PATCH", f"{_TEAM}/members/<int:member_id>"): needs(Ability.TEAM_MANAGE, {"role": "viewer"}),
    ("DELETE", f"{_TEAM}/members/<int:member_id>"): needs(Ability.TEAM_MANAGE),
    ("GET", "api/tokens"): needs(Ability.TOKENS_MANAGE),
    ("POST", "api/tokens"): needs(Ability.TOKENS_MANAGE, {"name": "new", "abilities": ["tokens:manage"]}),
    ("DELETE", "api/tokens/<int:token_id>"): needs(Ability.TOKENS_MANAGE),
    ("GET", "v0/config"): needs(Ability.STREAMS_READ),
    ("GET", "v0/cluster_healthz"): needs(Ability.STREAMS_READ),
    ("GET", "v0/pipelines"): needs(Ability.STREAMS_READ),
    ("GET", _PIPELINE): needs(Ability.STREAMS_READ),
    ("GET", f"{_PIPELINE}/logs"): needs(Ability.STREAMS_READ, query="?follow=false"),
    ("GET", "v0/api_keys"): needs(Ability.TOKENS_MANAGE),
    ("POST", "v0/api_keys"): needs(Ability.TOKENS_MANAGE, {"name": "new"}, beside=(Ability.STREAMS_READ,)),
    ("GET", _API_KEY): needs(Ability.TOKENS_MANAGE),
    ("DELETE", _API_KEY): needs(Ability.TOKENS_MANAGE),
    **{("GET", route): ORGANISATION for route in IGNITE_ROUTES.values()},
    **{key: rule for kind in KINDS.values() for key, rule in _rules_of_kind(kind).items()},
    **{("GET", route): ANY_CALLER for route in ABOUT_OBJECTS},
    ("GET", "version"): ANYBODY,
    ("POST", "api/oauth/device/code"): ANYBODY,
    ("POST", "api/oauth/device/token"): ANYBODY,
    ("GET", "api/schema"): ANYBODY,
    ("GET", "api/docs"): ANYBODY,
    ("*", "livez"): ANYBODY,
    ("*", "healthz"): ANYBODY,
    ("*", "readyz"): ANYBODY,
    ("*", "metrics"): ANYBODY,
    ("GET", ""): ANYBODY,
    ("GET", "console"): ANYBODY,
    ("GET", "console/"): ANYBODY,
    ("GET", "sign-up"): ANYBODY,
    ("POST", "sign-up"): ANYBODY,
    ("GET", "login"): ANYBODY,
    ("POST", "login"): ANYBODY,
    ("PUT", "login"): ANYBODY,  # Django's form view takes it for a POST
    ("POST", "logout"): ANYBODY,
    ("GET", "device"): SESSION,
    ("POST", "device"): SESSION,
    ("GET", "password"): SESSION,
    ("POST", "password"): SESSION,
    ("GET", "teams/new"): SESSION,
    ("POST", "teams/new"): SESSION,
    ("GET", f"{_TEAMS_PAGES}/streams/"): page(Ability.STREAMS_READ),
    ("GET", f"{_TEAMS_PAGES}/streams/new"): page(Ability.STREAMS_CREATE),
    ("POST", f"{_TEAMS_PAGES}/streams/new"): page(Ability.STREAMS_CREATE, {"name": "new"}),
    ("GET", f"{_STREAMS_PAGES}/"): page(Ability.STREAMS_READ),
    ("GET", f"{_STREAMS_PAGES}/rows"): page(Ability.STREAMS_READ, query="?older=9000000000000000-1"),
    ("GET", f"{_STREAMS_PAGES}/histogram"): page(Ability.STREAMS_READ),
    ("GET", f"{_STREAMS_PAGES}/facets"): page(Ability.STREAMS_READ, query="?facet=level"),
    ("GET", f"{_STREAMS_PAGES}/lines/<int:event>"): page(Ability.STREAMS_READ),
    ("GET", f"{_STREAMS_PAGES}/lines/<int:event>/surroundings"): page(Ability.STREAMS_READ),
    ("GET", f"{_STREAMS_PAGES}/completion"): page(Ability.STREAMS_READ, query="?before=level:"),
    ("GET", f"{_STREAMS_PAGES}/export"): page(Ability.STREAMS_READ),
    ("GET", f"{_STREAMS_PAGES}/live"): Rule("follower", Ability.STREAMS_READ),
    ("GET", f"{_STREAMS_PAGES}/start/"): page(Ability.STREAMS_ISSUE_TOKEN),
    ("POST", f"{_STREAMS_PAGES}/start/"): page(Ability.STREAMS_ISSUE_TOKEN, query="?with=ship"),
    ("GET", f"{_STREAMS_PAGES}/start/arrived"): page(Ability.STREAMS_ISSUE_TOKEN),
    ("GET", f"{_STREAMS_PAGES}/settings/"): page(Ability.STREAMS_UPDATE),
    ("POST", f"{_STREAMS_PAGES}/settings/"): page(Ability.STREAMS_UPDATE, {"name": "renamed"}),
    ("POST", f"{_STREAMS_PAGES}/settings/delete"): page(Ability.STREAMS_DELETE),
    ("GET", f"{_STREAMS_PAGES}/tokens/"): page(Ability.STREAMS_ISSUE_TOKEN),
    ("POST", f"{_STREAMS_PAGES}/tokens/"): page(Ability.STREAMS_ISSUE_TOKEN, {"days": "30"}),
    ("POST", f"{_STREAMS_PAGES}/tokens/<uuid:jti>/revoke"): page(Ability.STREAMS_ISSUE_TOKEN),
    ("GET", f"{_STREAMS_PAGES}/live/"): page(Ability.STREAMS_READ),
    ("GET", f"{_STREAMS_PAGES}/live/builds/<str:build>/"): page(Ability.STREAMS_READ),
    ("GET", f"{_TEAMS_PAGES}/live/"): page(Ability.OBJECTS_READ),
    ("GET", f"{_STREAMS_PAGES}/rejected/"): page(Ability.STREAMS_READ),
    ("POST", f"{_TEAMS_PAGES}/streams/<str:deleted>/restore"): page(Ability.STREAMS_DELETE),
    ("GET", f"{_TEAMS_PAGES}/settings/usage/"): page(Ability.STREAMS_READ),
    ("GET", f"{_TEAMS_PAGES}/settings/members/"): page(Ability.TEAM_MANAGE),
    ("POST", f"{_TEAMS_PAGES}/settings/members/"): page(Ability.TEAM_MANAGE, {"email": "{newcomer}", "role": "viewer"}),
    ("POST", f"{_TEAMS_PAGES}/settings/members/<int:member_id>/role"): page(Ability.TEAM_MANAGE, {"role": "viewer"}),
    ("POST", f"{_TEAMS_PAGES}/settings/members/<int:member_id>/remove"): page(Ability.TEAM_MANAGE),
    ("POST", f"{_TEAMS_PAGES}/settings/name"): page(Ability.TEAM_MANAGE, {"name": "renamed"}),
    ("GET", f"{_TEAMS_PAGES}/settings/audit/"): page(Ability.TEAM_MANAGE),
    ("GET", f"{_TEAMS_PAGES}/settings/tokens/"): page(Ability.TOKENS_MANAGE),
    ("POST", f"{_TEAMS_PAGES}/settings/tokens/"): page(
        Ability.TOKENS_MANAGE, {"name": "new", "abilities": "streams:read", "days": "30"}
    ),
    ("POST", f"{_TEAMS_PAGES}/settings/tokens/<int:token_id>/revoke"): page(Ability.TOKENS_MANAGE),
    ("GET", "console/<path:path>"): SESSION,
}
# Dialects whose errors have forms of their own, which they get in front of Django.
DIALECTS = ("v0/", "v1/ignite/", "apis", "openapi/", "version")
ADMIN = "admin/"  # Django's own, as one: a test walks all of its routes


def found_routes() -> set[Key]:
    """Every (method, route) that is served; "*" where a view takes any method."""
    django = {
        (method, route)
        for route, view in django_routes(get_resolver())
        for method in _methods(view)
        if not route.startswith(ADMIN)
    }
    return (
        django
        | {("POST", prefix) for prefix, _ in RAW_ROUTES}
        | {(method, live.route) for live in LIVE_ROUTES for method in live.methods}
    )


def django_routes(resolver: URLResolver, before: str = "") -> Iterator[tuple[str, Any]]:
    for entry in resolver.url_patterns:
        route = before + str(entry.pattern)
        if isinstance(entry, URLPattern):
            yield route, entry.callback
        else:
            yield from django_routes(entry, route)


def _methods(view: Any) -> list[Method]:
    shown = getattr(view, "view_class", None) or getattr(view, "cls", None)
    if shown is None:
        return ["*"]
    offered = [name for name in shown.http_method_names if hasattr(shown, name) and name not in _NEVER_OFFERED]
    return [name.upper() for name in offered]
