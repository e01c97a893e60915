"""/api/tokens: members see and revoke their own, owners all of the team's."""

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts import services
from apps.accounts.abilities import Ability
from apps.accounts.api import TeamView
from apps.accounts.callers import Caller
from apps.accounts.errors import RuleBroken
from apps.accounts.schema import problems
from apps.accounts.serializers import (
    IssuedTokenSerializer,
    NewTokenSerializer,
    TokenSerializer,
    TokensQuerySerializer,
    TokensSerializer,
)


class TokensView(TeamView):
    ability = Ability.TOKENS_MANAGE

    @extend_schema(
        operation_id="list_tokens",
        parameters=[TokensQuerySerializer],
        responses={200: TokensSerializer, **problems(401, 403, 422)},
    )
    def get(self, request: Request) -> Response:
        """Newest first; revoked ones are gone."""
        asked = TokensQuerySerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        limit, cursor = asked.validated_data["limit"], asked.validated_data.get("cursor")
        rows = services.live_tokens(team_id=self.caller.team_id, user_id=_bound(self.caller)).order_by("-pk")
        found = list((rows.filter(pk__lt=cursor) if cursor else rows)[: limit + 1])
        more = len(found) > limit
        page = {"next_cursor": str(found[limit - 1].pk) if more else None}
        return Response({"data": TokenSerializer(found[:limit], many=True).data, "meta": page})

    @extend_schema(
        operation_id="create_token",
        request=NewTokenSerializer,
        responses={201: IssuedTokenSerializer, **problems(400, 401, 403, 422)},
    )
    def post(self, request: Request) -> Response:
        """A token for yourself, with no ability that the token you ask with has not."""
        asked = NewTokenSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        wanted = asked.validated_data
        _check_within(self.caller, wanted["abilities"])
        token, text = services.create_token(
            team_id=self.caller.team_id,
            user=self.caller.user_id,
            name=wanted["name"],
            abilities=wanted["abilities"],
            expires_at=wanted["expires_at"],
            actor=self.caller.email,
            now=timezone.now(),
        )
        return Response({**TokenSerializer(token).data, "token": text}, status=201)


class OneTokenView(TeamView):
    ability = Ability.TOKENS_MANAGE

    @extend_schema(operation_id="revoke_token", responses={204: None, **problems(401, 403, 404)})
    def delete(self, request: Request, token_id: int) -> Response:  # noqa: ARG002 (DRF's signature)
        """Takes effect within 5 seconds everywhere."""
        services.revoke_token(
            team_id=self.caller.team_id,
            token_id=token_id,
            user_id=_bound(self.caller),
            actor=self.caller.email,
            now=timezone.now(),
        )
        return Response(status=204)


def _bound(caller: Caller) -> int | None:
    return None if caller.is_owner else caller.user_id


def _check_within(caller: Caller, abilities: list[str]) -> None:
    beyond = sorted(set(abilities) - caller.abilities)
    if beyond:
        raise RuleBroken("abilities", f"You cannot give the ability {beyond[0]}: your own token has not got it.")
