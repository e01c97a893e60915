"""/api/teams/{slug}/members: for owners."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts import lookups, services
from apps.accounts.abilities import Ability, Role
from apps.accounts.api import TeamView
from apps.accounts.errors import RuleBroken
from apps.accounts.models import Membership
from apps.accounts.schema import problems
from apps.accounts.serializers import (
    ChangeMemberSerializer,
    MemberSerializer,
    MembersSerializer,
    NewMemberSerializer,
)
from apps.accounts.views.teams import check_own_team


class MembersView(TeamView):
    ability = Ability.TEAM_MANAGE

    @extend_schema(operation_id="list_members", responses={200: MembersSerializer, **problems(401, 403, 404)})
    def get(self, request: Request, slug: str) -> Response:  # noqa: ARG002 (DRF's signature)
        check_own_team(self.caller, slug)
        found = list(services.members_of(self.caller.team_id))
        emails = lookups.emails_of(membership.user_id for membership in found)
        return Response({"data": [_member(one, emails[one.user_id]) for one in found]})

    @extend_schema(
        operation_id="add_member",
        request=NewMemberSerializer,
        responses={201: MemberSerializer, **problems(400, 401, 403, 404, 422)},
    )
    def post(self, request: Request, slug: str) -> Response:
        check_own_team(self.caller, slug)
        asked = NewMemberSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        user = lookups.user_by_email(asked.validated_data["email"])
        if user is None:
            raise RuleBroken("email", "No user has this address.")
        membership = services.add_member(
            team_id=self.caller.team_id,
            user=user,
            role=Role(asked.validated_data["role"]),
            actor=self.caller.email,
            now=timezone.now(),
        )
        return Response(_member(membership, user.email), status=201)


class OneMemberView(TeamView):
    ability = Ability.TEAM_MANAGE

    @extend_schema(
        operation_id="change_member",
        request=ChangeMemberSerializer,
        responses={200: MemberSerializer, **problems(400, 401, 403, 404, 422)},
    )
    def patch(self, request: Request, slug: str, member_id: int) -> Response:
        check_own_team(self.caller, slug)
        asked = ChangeMemberSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        email = self._email(member_id)
        membership = services.change_role(
            team_id=self.caller.team_id,
            membership_id=member_id,
            role=Role(asked.validated_data["role"]),
            subject=email,
            actor=self.caller.email,
            now=timezone.now(),
        )
        return Response(_member(membership, email))

    @extend_schema(operation_id="remove_member", responses={204: None, **problems(401, 403, 404, 422)})
    def delete(self, request: Request, slug: str, member_id: int) -> Response:  # noqa: ARG002 (DRF's signature)
        """Revokes the member's tokens for this team too. The last owner stays."""
        check_own_team(self.caller, slug)
        services.remove_member(
            team_id=self.caller.team_id,
            membership_id=member_id,
            subject=self._email(member_id),
            actor=self.caller.email,
            now=timezone.now(),
        )
        return Response(status=204)

    def _email(self, member_id: int) -> str:
        membership = services.member(self.caller.team_id, member_id)
        return lookups.emails_of([membership.user_id])[membership.user_id]


def _member(membership: Membership, email: str) -> dict[str, Any]:
    membership.email = email  # type: ignore[attr-defined]
    return dict(MemberSerializer(membership).data)
