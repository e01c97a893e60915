"""Personal access tokens: one's own, or, for owners, all of the team's."""

from datetime import datetime, timedelta

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from apps.accounts import lookups, services
from apps.accounts.abilities import Ability
from apps.accounts.callers import Caller
from apps.accounts.errors import RuleBroken
from apps.console.pages import TeamPage

_MOST_SHOWN = 200
_LIVES = [("30", "30 days"), ("90", "90 days"), ("365", "a year"), ("", "no end")]
# What each ability is good for, in the order in which people want them.
MEANINGS = {
    Ability.STREAMS_READ: "search, follow and export logs",
    Ability.STREAMS_ISSUE_TOKEN: "get the tokens that agents send with",
    Ability.STREAMS_CREATE: "create streams",
    Ability.STREAMS_UPDATE: "rename streams, change retention",
    Ability.STREAMS_DELETE: "delete and restore streams",
    Ability.LOGS_DELETE: "delete log lines",
    Ability.LIFECYCLE_WRITE: "report replicas, events and builds",
    Ability.OBJECTS_READ: "see live objects",
    Ability.OBJECTS_WRITE: "change live objects",
    Ability.TOKENS_MANAGE: "make and revoke personal tokens",
    Ability.TEAM_MANAGE: "manage the team and its members",
}


class NewTokenForm(forms.Form):
    name = forms.CharField(max_length=150)
    abilities = forms.MultipleChoiceField(error_messages={"required": "Choose at least one."})
    days = forms.ChoiceField(label="Expires after", choices=_LIVES, required=False)

    def __init__(self, *args: object, caller: Caller, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        # Nobody hands on what they have not got.
        offered = [(ability, meaning) for ability, meaning in MEANINGS.items() if ability in caller.abilities]
        self.fields["abilities"].choices = offered  # type: ignore[attr-defined]

    @property
    def chosen(self) -> list[str]:
        return list(self["abilities"].value() or [])

    def expires_at(self, now: datetime) -> datetime | None:
        days = self.cleaned_data["days"]
        return now + timedelta(days=int(days)) if days else None


class TokensPage(TeamPage):
    """A POST makes one; the answer is the page with its text, which is to be had this once."""

    ability = Ability.TOKENS_MANAGE
    section = "settings"

    def get(self, request: HttpRequest) -> HttpResponse:  # noqa: ARG002 (Django's signature)
        return self._show(NewTokenForm(caller=self.caller, initial={"abilities": [Ability.STREAMS_READ], "days": "90"}))

    def post(self, request: HttpRequest) -> HttpResponse:
        form, now = NewTokenForm(request.POST, caller=self.caller), timezone.now()
        if not form.is_valid():
            return self._show(form, status=422)
        try:
            _, text = services.create_token(
                team_id=self.caller.team_id,
                user=self.caller.user_id,
                name=form.cleaned_data["name"],
                abilities=form.cleaned_data["abilities"],
                expires_at=form.expires_at(now),
                actor=self.caller.email,
                now=now,
            )
        except RuleBroken as error:
            form.add_error(error.field if error.field in form.fields else None, str(error))
            return self._show(form, status=422)
        fresh = NewTokenForm(caller=self.caller, initial={"abilities": form.chosen, "days": "90"})
        return self._show(fresh, made=text, made_name=form.cleaned_data["name"])

    def _show(self, form: NewTokenForm, *, status: int = 200, made: str = "", made_name: str = "") -> HttpResponse:
        found = list(services.live_tokens(team_id=self.caller.team_id, user_id=_bound(self.caller)).order_by("-pk"))
        shown = found[:_MOST_SHOWN]
        emails = lookups.emails_of(token.user_id for token in shown)
        return self.render(
            "console/tokens.html",
            page="tokens",
            form=form,
            tokens=[(token, emails[token.user_id]) for token in shown],
            now=timezone.now(),
            made=made,
            made_name=made_name,
            status=status,
        )


class RevokePage(TeamPage):
    ability = Ability.TOKENS_MANAGE

    def post(self, request: HttpRequest, token_id: int) -> HttpResponse:
        services.revoke_token(
            team_id=self.caller.team_id,
            token_id=token_id,
            user_id=_bound(self.caller),
            actor=self.caller.email,
            now=timezone.now(),
        )
        messages.success(request, "Revoked. Whoever uses this token is refused within seconds.")
        return redirect("console-tokens", team=self.caller.team_slug)


def _bound(caller: Caller) -> int | None:
    return None if caller.is_owner else caller.user_id
