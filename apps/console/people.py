"""Coming in and going out: the first page, the first user's sign-up, log-in, log-out, teams."""

from typing import Any

from django import forms
from django.contrib.auth import password_validation
from django.contrib.auth import views as auth_views
from django.contrib.auth.forms import AuthenticationForm
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.cache import never_cache

from apps.accounts import lookups, provisioning, throttling
from apps.accounts.errors import RuleBroken
from apps.accounts.models import User
from apps.console.forms import TeamForm
from apps.console.pages import PersonPage

_ADDRESS_CHARS = 254  # as many as the form takes: more of what a program sent need not come back


@method_decorator(never_cache, name="dispatch")
class HomePage(View):
    """To the team where one was last; who is nobody yet logs in, or is the first to sign up."""

    def get(self, request: HttpRequest) -> HttpResponse:
        if not request.user.is_authenticated:
            return redirect("login" if lookups.has_users() else "sign-up")
        slugs = [team.slug for team in lookups.teams_of(request.user.pk)]
        if not slugs:
            return redirect("new-team")
        last = request.session.get("team")
        return redirect("console-streams", team=last if last in slugs else slugs[0])


class SignUpForm(forms.Form):
    email = forms.EmailField(label="E-mail address", max_length=254)
    password = forms.CharField(strip=False, max_length=200, widget=forms.PasswordInput)
    team = forms.CharField(max_length=150, initial="My team")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        try:
            password_validation.validate_password(cleaned.get("password", ""), User(email=cleaned.get("email", "")))
        except ValidationError as error:
            self.add_error("password", error)
        return cleaned


@method_decorator(never_cache, name="dispatch")
class SignUpPage(View):
    """Once: who comes first to a fresh installation becomes its operator."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return redirect("login") if lookups.has_users() else super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest) -> HttpResponse:
        return render(request, "console/sign_up.html", {"form": SignUpForm()})

    def post(self, request: HttpRequest) -> HttpResponse:
        form = SignUpForm(request.POST)
        if form.is_valid():
            given = form.cleaned_data
            try:
                user, team = provisioning.sign_up_first(
                    email=given["email"], password=given["password"], team=given["team"], now=timezone.now()
                )
            except RuleBroken as error:
                form.add_error(error.field if error.field in form.fields else None, str(error))
            else:
                user.backend = "apps.accounts.lookups.LogInBackend"
                provisioning.open_session(request, user)
                return redirect("console-new-stream", team=team.slug)
        return render(request, "console/sign_up.html", {"form": form}, status=422)


class LogInView(auth_views.LoginView):
    template_name = "console/log_in.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.user.is_authenticated:
            return HttpResponseRedirect(self.get_success_url())
        return super().get(request, *args, **kwargs)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        wait = throttling.log_in_wait(request, request.POST.get("username", ""))
        if wait:
            return self._come_again(wait)
        return super().post(request, *args, **kwargs)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        typed = self.request.POST.get("username", "")[:_ADDRESS_CHARS]
        found = super().get_context_data(**kwargs)
        return {**found, "typed": typed, "nobody_was_here": lookups.nobody_has_logged_in()}

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        provisioning.open_session(self.request, form.get_user())
        return HttpResponseRedirect(self.get_success_url())

    def _come_again(self, wait: int) -> HttpResponse:
        # An unbound form: the password must not even be looked at.
        context = self.get_context_data(form=AuthenticationForm(self.request), wait=wait)
        response = self.render_to_response(context, status=429)
        response["Retry-After"] = str(wait)
        return response


class NewTeamPage(PersonPage):
    def get(self, request: HttpRequest) -> HttpResponse:  # noqa: ARG002 (Django's signature)
        return self.render("console/new_team.html", form=TeamForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        form = TeamForm(request.POST)
        if form.is_valid():
            try:
                team = provisioning.found_team(
                    name=form.cleaned_data["name"],
                    slug=None,
                    owner_id=self.user.pk,
                    actor=self.user.email,
                    now=timezone.now(),
                )
            except RuleBroken as error:
                form.add_error("name", str(error))
            else:
                return redirect("console-new-stream", team=team.slug)
        return self.render("console/new_team.html", form=form, status=422)
