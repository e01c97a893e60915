"""The confirmation of a device: ask for the code, show who asks for what, take the decision."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone

from apps.accounts import device_flow, grants, throttling
from apps.accounts.errors import RuleBroken
from apps.accounts.models import DeviceGrant
from apps.console.device_forms import DecisionForm, UserCodeForm
from apps.console.pages import PersonPage

_UNKNOWN_CODE = "There is no such code, or it has expired."


class DevicePage(PersonPage):
    def answer(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method == "POST" or "user_code" in request.GET:
            wait = throttling.seconds_to_wait(
                request, group="user code", who=str(self.user.pk), rate=throttling.USER_CODES_BY_USER
            )
            if wait:
                return self._come_again(wait)
        return super().answer(request, *args, **kwargs)

    def get(self, request: HttpRequest) -> HttpResponse:
        if "user_code" not in request.GET:
            return self._ask_code(UserCodeForm())
        form = UserCodeForm(request.GET)
        if not form.is_valid():
            return self._ask_code(form)
        grant = grants.find_undecided(form.cleaned_data["user_code"], now=timezone.now())
        if grant is None:
            form.add_error("user_code", _UNKNOWN_CODE)
            return self._ask_code(form)
        return self._ask_decision(grant)

    def post(self, request: HttpRequest) -> HttpResponse:
        form = DecisionForm(request.POST, teams=self.teams)
        if not form.is_valid():
            return self._ask_again(form)
        approve = form.cleaned_data["decision"] == "approve"
        try:
            grants.decide(
                user=self.user,
                user_code=form.cleaned_data["user_code"],
                team_id=form.cleaned_data["team"],
                approve=approve,
                now=timezone.now(),
            )
        except RuleBroken as error:
            form.add_error(error.field, str(error))
            return self._ask_again(form)
        return self.render("console/device_done.html", approved=approve)

    def _come_again(self, wait: int) -> HttpResponse:
        response = self.render("console/device_code.html", form=UserCodeForm(), wait=wait, status=429)
        response["Retry-After"] = str(wait)
        return response

    def _ask_code(self, form: UserCodeForm) -> HttpResponse:
        return self.render("console/device_code.html", form=form, status=422 if form.errors else 200)

    def _ask_decision(self, grant: DeviceGrant, form: DecisionForm | None = None) -> HttpResponse:
        return self.render(
            "console/device_decision.html",
            form=form or DecisionForm(initial={"user_code": grant.user_code}, teams=self.teams),
            client=device_flow.CLIENTS[grant.client_id],
            grant=grant,
            abilities=sorted(device_flow.abilities_of(grant.scopes)),
            status=422 if form else 200,
        )

    def _ask_again(self, form: DecisionForm) -> HttpResponse:
        code = form.cleaned_data.get("user_code", "")
        grant = grants.find_undecided(code, now=timezone.now()) if code else None
        if grant is not None:
            return self._ask_decision(grant, form)
        asked = UserCodeForm({"user_code": code})
        asked.is_valid()
        asked.add_error("user_code", _UNKNOWN_CODE)
        return self._ask_code(asked)
