"""/api/teams and /api/user"""

from typing import Any, ClassVar

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts import lookups, provisioning, services
from apps.accounts.abilities import Ability
from apps.accounts.api import TeamView
from apps.accounts.callers import Caller
from apps.accounts.schema import problems
from apps.accounts.serializers import (
    NewTeamSerializer,
    RenameTeamSerializer,
    TeamSerializer,
    TeamsSerializer,
    UserSerializer,
)
from apps.http.problems import not_found


class TeamsView(TeamView):
    abilities: ClassVar = {"GET": None, "POST": Ability.TEAM_MANAGE}

    @extend_schema(operation_id="list_teams", responses={200: TeamsSerializer, **problems(401)})
    def get(self, request: Request) -> Response:  # noqa: ARG002 (DRF's signature)
        """Your teams. A token without team:manage is told of its own team only."""
        found = lookups.teams_of(self.caller.user_id)
        if Ability.TEAM_MANAGE not in self.caller.abilities:
            found = [team for team in found if team.team_id == self.caller.team_id]
        return Response(TeamsSerializer({"data": found}).data)

    @extend_schema(
        operation_id="create_team",
        request=NewTeamSerializer,
        responses={201: TeamSerializer, **problems(400, 401, 403, 422)},
    )
    def post(self, request: Request) -> Response:
        """A new team on the free plan, owned by the token's user. The token itself stays with its own team."""
        asked = NewTeamSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        wanted = asked.validated_data
        team = provisioning.found_team(
            name=wanted["name"],
            slug=wanted.get("slug"),
            owner_id=self.caller.user_id,
            actor=self.caller.email,
            now=timezone.now(),
        )
        return Response(_team(self.caller, team.slug), status=201)


class OneTeamView(TeamView):
    abilities: ClassVar = {"GET": None, "PATCH": Ability.TEAM_MANAGE}

    @extend_schema(operation_id="get_team", responses={200: TeamSerializer, **problems(401, 404)})
    def get(self, request: Request, slug: str) -> Response:  # noqa: ARG002 (DRF's signature)
        check_own_team(self.caller, slug)
        return Response(_team(self.caller, slug))

    @extend_schema(
        operation_id="rename_team",
        request=RenameTeamSerializer,
        responses={200: TeamSerializer, **problems(400, 401, 403, 404, 422)},
    )
    def patch(self, request: Request, slug: str) -> Response:
        check_own_team(self.caller, slug)
        asked = RenameTeamSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        name = asked.validated_data["name"]
        services.rename_team(team_id=self.caller.team_id, name=name, actor=self.caller.email, now=timezone.now())
        return Response({**_team(self.caller, slug), "name": name})


class UserView(TeamView):
    ability = None

    @extend_schema(operation_id="get_user", responses={200: UserSerializer, **problems(401)})
    def get(self, request: Request) -> Response:  # noqa: ARG002 (DRF's signature)
        caller = self.caller
        told = {
            "id": caller.user_id,
            "email": caller.email,
            "team": {"id": caller.team_id, "slug": caller.team_slug, "role": caller.role},
            "abilities": sorted(caller.abilities),
            "plan": caller.plan,
        }
        return Response(UserSerializer(told).data)


def check_own_team(caller: Caller, slug: str) -> None:
    """A token is of one team; every other one is unknown to it, the user's own others too."""
    if slug != caller.team_slug:
        raise not_found("team")


def _team(caller: Caller, slug: str) -> dict[str, Any]:
    found = next((team for team in lookups.teams_of(caller.user_id) if team.slug == slug), None)
    if found is None:
        raise not_found("team")
    return dict(TeamSerializer(found).data)
