"""The base of every page of a team: who looks at which team, may they, and how refusals look."""

import sys
from functools import cached_property
from typing import Any, ClassVar, cast

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import resolve
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.cache import never_cache

from apps.accounts import lookups
from apps.accounts.abilities import ALLOWED, Ability
from apps.accounts.callers import Caller
from apps.accounts.errors import NotThere, RuleBroken
from apps.accounts.lookups import TeamOfUser
from apps.accounts.models import User
from apps.accounts.scope import team_scope
from apps.http import problems
from apps.http.problems import Problem, problem_of, unprocessable

_TITLES = {
    400: "That was not understood",
    403: "Not allowed",
    404: "Nothing here",
    409: "That has changed meanwhile",
    410: "That is gone",
    413: "Too much at once",
    422: "That does not work",
    429: "Too many requests",
    500: "Something went wrong",
    503: "Out of reach",
}


@method_decorator(never_cache, name="dispatch")
class PersonPage(View):
    """For whoever has logged in."""

    @property
    def user(self) -> User:
        return cast("User", self.request.user)

    @cached_property
    def teams(self) -> list[TeamOfUser]:
        return lookups.teams_of(self.user.pk)

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            if not request.user.is_authenticated:
                return _to_log_in(request)
            return self.answer(request, *args, **kwargs)
        except Exception as error:
            problem = _problem(error)
            if problem is None:
                raise
            return self.refuse(problem)

    def answer(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return super().dispatch(request, *args, **kwargs)

    def render(self, template: str, *, status: int = 200, **context: Any) -> HttpResponse:
        return render(self.request, template, {**self.frame(), **context}, status=status)

    def frame(self) -> dict[str, Any]:
        """What the base template needs: the way back to the team where one was last."""
        last = self.request.session.get("team")
        team = next((one for one in self.teams if one.slug == last), next(iter(self.teams), None))
        return {"teams": self.teams, "team": team, "caller": caller_of(self.user, team) if team else None}

    def refuse(self, problem: Problem) -> HttpResponse:
        is_ours = problem.status_code >= 500
        return _out_of_order(self.request, problem) if is_ours else refusal(self.request, problem, **self.frame())


class TeamPage(PersonPage):
    """A page of the team that the path names, in whose scope the handler runs. To strangers the team is not there.

    `ability` (or `abilities` by method) is what it takes; None: to be a member.
    """

    ability: ClassVar[Ability | None] = None
    abilities: ClassVar[dict[str, Ability | None]] = {}
    section: ClassVar[str] = ""  # of the navigation
    caller: Caller

    @classmethod
    def ability_for(cls, method: str) -> Ability | None:
        asked = "GET" if method == "HEAD" else method
        return cls.abilities.get(asked, cls.ability)

    def answer(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        team = next((one for one in self.teams if one.slug == kwargs["team"]), None)
        if team is None:
            raise NotThere("team")
        self.caller = caller_of(self.user, team)
        needed = self.ability_for(request.method or "")
        if needed is not None and needed not in self.caller.abilities:
            raise Problem(403, f"Your role here, {self.caller.role}, lacks the ability {needed}.")
        del kwargs["team"]
        if request.session.get("team") != team.slug:
            request.session["team"] = team.slug  # where `/` leads the next time
        with team_scope(team.team_id):
            return super().answer(request, *args, **kwargs)

    def frame(self) -> dict[str, Any]:
        """Until the team is found, as for anybody."""
        caller = getattr(self, "caller", None)
        if caller is None:
            return super().frame()
        team = next(one for one in self.teams if one.team_id == caller.team_id)
        return {"teams": self.teams, "team": team, "caller": caller, "section": self.section}


def caller_of(user: User, team: TeamOfUser) -> Caller:
    """Who has logged in may do all that their role allows."""
    return Caller(
        kind="session",
        user_id=user.pk,
        email=user.email,
        team_id=team.team_id,
        team_slug=team.slug,
        role=team.role,
        abilities=ALLOWED[team.role],
        token_id=None,
        plan=team.plan,
    )


def refusal(request: HttpRequest | None, problem: Problem, **frame: Any) -> HttpResponse:
    context = {**frame, "title": _TITLES.get(problem.status_code, "That did not work"), "problem": problem}
    response = render(request, "console/refused.html", context, status=problem.status_code)
    for name, value in problem.headers.items():
        if name != "WWW-Authenticate":  # a browser would ask for a password of its own
            response[name] = value
    return response


def _out_of_order(request: HttpRequest, problem: Problem) -> HttpResponse:
    """Without a frame: whatever that needs may be what is broken. Who looks on comes back by themselves."""
    can_wait = problem.status_code == 503 and request.method == "GET"
    return refusal(None, problem, again=request.get_full_path() if can_wait else "")


class NowherePage(PersonPage):
    """What is below /console/ and no page. Who shortened a page's address is led on."""

    def get(self, request: HttpRequest, path: str) -> HttpResponse:
        team, _, rest = path.partition("/")
        if team and not rest:
            return redirect("console-streams", team=team)
        whole = f"{request.path_info}/"
        if not path.endswith("/") and resolve(whole).url_name is not None:
            return redirect(whole)
        return self.refuse(Problem(404, "No such page."))


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _is_person(request):
        return refusal(None, Problem(404, "No such page."))
    return problems.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """Of what no page foresaw; mostly a part that is away, which whoever comes before the pages needs too."""
    if not _is_person(request):
        return problems.server_error(request)
    error = sys.exc_info()[1]
    found = problem_of(error) if isinstance(error, Exception) else None
    return _out_of_order(request, found or problems.unforeseen())


def form_refused(request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001 (Django's signature)
    """A form without a good CSRF token: mostly a page that was left open over a log-in in another tab."""
    return refusal(request, Problem(403, "This form is out of date. Go back, reload the page and send it again."))


def _problem(error: Exception) -> Problem | None:
    if isinstance(error, RuleBroken):
        return unprocessable(**{error.field: str(error)})
    if isinstance(error, NotThere):
        return Problem(404, f"There is no such {error}, or you have no part in it.")
    return problem_of(error)


def _is_person(request: HttpRequest) -> bool:
    """Programs that take anything get what programs read."""
    return "text/html" in request.headers.get("Accept", "") and not request.path_info.startswith("/api/")


def _to_log_in(request: HttpRequest) -> HttpResponse:
    if "HX-Request" in request.headers:  # a part of a page: the whole page has to go there
        return HttpResponse(status=401, headers={"HX-Redirect": "/login"})
    # What only takes forms could not be shown afterwards.
    return redirect_to_login(request.get_full_path() if request.method in {"GET", "HEAD"} else "/")
