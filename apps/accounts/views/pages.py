"""The pages for people: the first one, log-in, log-out, and the confirmation of a device."""

from typing import Any, cast

from django.contrib.auth import views as auth_views
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.mixins import LoginRequiredMixin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.generic import TemplateView

from apps.accounts import device_flow, grants, lookups, provisioning, throttling
from apps.accounts.errors import RuleBroken
from apps.accounts.forms import DecisionForm, UserCodeForm
from apps.accounts.models import DeviceGrant, User

_UNKNOWN_CODE = "There is no such code, or it has expired."


class HomePage(TemplateView):
    """Where one lands; the console will take its place."""

    template_name = "accounts/home.html"


class LogInView(auth_views.LoginView):
    template_name = "accounts/log_in.html"

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        wait = throttling.log_in_wait(request, request.POST.get("username", ""))
        if wait:
            return self._come_again(wait)
        return super().post(request, *args, **kwargs)

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        provisioning.open_session(self.request, form.get_user())
        return HttpResponseRedirect(self.get_success_url())

    def _come_again(self, wait: int) -> HttpResponse:
        # An unbound form: the password must not even be looked at.
        context = self.get_context_data(form=AuthenticationForm(self.request), wait=wait)
        response = self.render_to_response(context, status=429)
        response["Retry-After"] = str(wait)
        return response


@method_decorator(never_cache, name="dispatch")
class DevicePage(LoginRequiredMixin, View):
    """Ask for the code; show who asks for what; take the decision."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.user.is_authenticated and (request.method == "POST" or "user_code" in request.GET):
            wait = throttling.seconds_to_wait(
                request, group="user code", who=str(request.user.pk), rate=throttling.USER_CODES_BY_USER
            )
            if wait:
                return self._come_again(request, wait)
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest) -> HttpResponse:
        if "user_code" not in request.GET:
            return _ask_code(request, UserCodeForm())
        form = UserCodeForm(request.GET)
        if not form.is_valid():
            return _ask_code(request, form)
        grant = grants.find_undecided(form.cleaned_data["user_code"], now=timezone.now())
        if grant is None:
            form.add_error("user_code", _UNKNOWN_CODE)
            return _ask_code(request, form)
        return _ask_decision(request, grant)

    def post(self, request: HttpRequest) -> HttpResponse:
        user = cast("User", request.user)
        form = DecisionForm(request.POST, teams=lookups.teams_of(user.pk))
        if not form.is_valid():
            return _ask_again(request, form)
        approve = form.cleaned_data["decision"] == "approve"
        try:
            grants.decide(
                user=user,
                user_code=form.cleaned_data["user_code"],
                team_id=form.cleaned_data["team"],
                approve=approve,
                now=timezone.now(),
            )
        except RuleBroken as error:
            form.add_error(error.field, str(error))
            return _ask_again(request, form)
        return render(request, "accounts/device_done.html", {"approved": approve})

    def _come_again(self, request: HttpRequest, wait: int) -> HttpResponse:
        response = render(request, "accounts/device_code.html", {"form": UserCodeForm(), "wait": wait}, status=429)
        response["Retry-After"] = str(wait)
        return response


def _ask_code(request: HttpRequest, form: UserCodeForm) -> HttpResponse:
    return render(request, "accounts/device_code.html", {"form": form}, status=422 if form.errors else 200)


def _ask_decision(request: HttpRequest, grant: DeviceGrant, form: DecisionForm | None = None) -> HttpResponse:
    teams = lookups.teams_of(cast("User", request.user).pk)
    context = {
        "form": form or DecisionForm(initial={"user_code": grant.user_code}, teams=teams),
        "client": device_flow.CLIENTS[grant.client_id],
        "grant": grant,
        "abilities": sorted(device_flow.abilities_of(grant.scopes)),
        "has_team": bool(teams),
    }
    return render(request, "accounts/device_decision.html", context, status=422 if form else 200)


def _ask_again(request: HttpRequest, form: DecisionForm) -> HttpResponse:
    code = form.cleaned_data.get("user_code", "")
    grant = grants.find_undecided(code, now=timezone.now()) if code else None
    if grant is not None:
        return _ask_decision(request, grant, form)
    asked = UserCodeForm({"user_code": code})
    asked.is_valid()
    asked.add_error("user_code", _UNKNOWN_CODE)
    return _ask_code(request, asked)
