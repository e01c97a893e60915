"""The team's name and its people: for owners."""

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from apps.accounts import lookups, services
from apps.accounts.abilities import Ability, Role
from apps.accounts.errors import RuleBroken
from apps.console.forms import TeamForm
from apps.console.pages import TeamPage

ROLES = [
    (Role.VIEWER, "viewer: searches and follows"),
    (Role.MEMBER, "member: also streams, tokens, objects"),
    (Role.OWNER, "owner: also members and the team"),
]


class MemberForm(forms.Form):
    email = forms.EmailField(label="E-mail address", max_length=254)
    role = forms.ChoiceField(choices=ROLES, initial=Role.MEMBER)


class RoleForm(forms.Form):
    role = forms.ChoiceField(choices=ROLES)


class MembersPage(TeamPage):
    ability = Ability.TEAM_MANAGE
    section = "settings"

    def get(self, request: HttpRequest) -> HttpResponse:  # noqa: ARG002 (Django's signature)
        return self._show(MemberForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        form = MemberForm(request.POST)
        if not form.is_valid():
            return self._show(form, status=422)
        try:
            self._add(form.cleaned_data["email"], Role(form.cleaned_data["role"]))
        except RuleBroken as error:
            form.add_error("email", str(error))
            return self._show(form, status=422)
        messages.success(request, f"{form.cleaned_data['email']} is a member now.")
        return redirect("console-members", team=self.caller.team_slug)

    def _add(self, email: str, role: Role) -> None:
        user = lookups.user_by_email(email)
        if user is None:
            raise RuleBroken("email", "No user has this address. An operator can make one.")
        now = timezone.now()
        services.add_member(team_id=self.caller.team_id, user=user, role=role, actor=self.caller.email, now=now)

    def _show(self, form: MemberForm, *, status: int = 200) -> HttpResponse:
        found = list(services.members_of(self.caller.team_id))
        emails = lookups.emails_of(one.user_id for one in found)
        return self.render(
            "console/members.html",
            page="members",
            form=form,
            members=[(one, emails[one.user_id]) for one in found],
            roles=ROLES,
            status=status,
        )


class RolePage(TeamPage):
    ability = Ability.TEAM_MANAGE

    def post(self, request: HttpRequest, member_id: int) -> HttpResponse:
        form = RoleForm(request.POST)
        membership = services.member(self.caller.team_id, member_id)
        if not form.is_valid():
            raise RuleBroken("role", "There is no such role.")
        email = lookups.emails_of([membership.user_id])[membership.user_id]
        role = Role(form.cleaned_data["role"])
        services.change_role(
            team_id=self.caller.team_id,
            membership_id=member_id,
            role=role,
            subject=email,
            actor=self.caller.email,
            now=timezone.now(),
        )
        messages.success(request, f"{email} is {role} now.")
        return self._back(membership.user_id, is_owner=role is Role.OWNER)

    def _back(self, user_id: int, *, is_owner: bool) -> HttpResponse:
        """Who gave up being an owner may not see the members any more."""
        if is_owner or user_id != self.caller.user_id:
            return redirect("console-members", team=self.caller.team_slug)
        return redirect("home")


class RemovePage(RolePage):
    def post(self, request: HttpRequest, member_id: int) -> HttpResponse:
        membership = services.member(self.caller.team_id, member_id)
        email = lookups.emails_of([membership.user_id])[membership.user_id]
        services.remove_member(
            team_id=self.caller.team_id,
            membership_id=member_id,
            subject=email,
            actor=self.caller.email,
            now=timezone.now(),
        )
        messages.success(request, f"{email} is no member any more; their tokens for this team are revoked.")
        return self._back(membership.user_id, is_owner=False)


class RenamePage(TeamPage):
    ability = Ability.TEAM_MANAGE

    def post(self, request: HttpRequest) -> HttpResponse:
        form = TeamForm(request.POST)
        if not form.is_valid():
            raise RuleBroken("name", "A team has a name of 1 to 150 characters.")
        name = form.cleaned_data["name"]
        services.rename_team(team_id=self.caller.team_id, name=name, actor=self.caller.email, now=timezone.now())
        messages.success(request, "Renamed.")
        return redirect("console-members", team=self.caller.team_slug)
