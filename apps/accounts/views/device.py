"""The two endpoints of the OAuth device flow that programs call. Errors are OAuth's, not ours: their clients read them.

The clients poll with a fixed interval and give up at any `error` but authorization_pending: `slow_down` is never sent.
"""

from typing import cast

from django.conf import settings
from django.http import QueryDict
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.parsers import FormParser
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts import device_flow, grants, throttling
from apps.accounts.addresses import client_address
from apps.accounts.api import PublicView
from apps.accounts.schema import problems
from apps.accounts.serializers import (
    AccessTokenSerializer,
    DeviceCodeRequestSerializer,
    DeviceCodeSerializer,
    DeviceTokenRequestSerializer,
    OAuthErrorSerializer,
)

_NEVER_STORED = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_DESCRIPTIONS = {
    "authorization_pending": "Nobody has confirmed the code yet.",
    "access_denied": "The request was denied.",
    "expired_token": "The device code has expired; begin again.",
    "invalid_grant": "The device code is unknown, of another client, or used up.",
    "invalid_client": "This client is not known here.",
    "invalid_scope": f"Scopes are: {', '.join(device_flow.SCOPES)}.",
    "unsupported_grant_type": f"The only grant type is {device_flow.GRANT_TYPE}.",
}


class DeviceCodeView(PublicView):
    parser_classes = (FormParser,)

    @extend_schema(
        operation_id="begin_device_flow",
        request={"application/x-www-form-urlencoded": DeviceCodeRequestSerializer},
        responses={200: DeviceCodeSerializer, 400: OAuthErrorSerializer, **problems(415, 429)},
        auth=[],
    )
    def post(self, request: Request) -> Response:
        """Codes for a program that has no browser; a person enters the user code at /device."""
        throttling.check_rate(
            request._request,
            group="device code",
            who=client_address(request._request),
            rate=throttling.DEVICE_CODES_BY_ADDRESS,
        )
        form = cast("QueryDict", request.data)
        client_id = form.get("client_id", "")
        scopes = list(dict.fromkeys(form.get("scope", "").split())) or [device_flow.DEFAULT_SCOPE]
        if client_id not in device_flow.CLIENTS:
            return _refuse("invalid_client")
        if not set(scopes) <= device_flow.SCOPES.keys():
            return _refuse("invalid_scope")
        codes = grants.begin(client_id=client_id, scopes=scopes, now=timezone.now())
        return Response(_codes(codes), headers=_NEVER_STORED)


class DeviceTokenView(PublicView):
    parser_classes = (FormParser,)

    @extend_schema(
        operation_id="poll_device_flow",
        request={"application/x-www-form-urlencoded": DeviceTokenRequestSerializer},
        responses={200: AccessTokenSerializer, 400: OAuthErrorSerializer, **problems(415)},
        auth=[],
    )
    def post(self, request: Request) -> Response:
        """The access token, once, after a person has confirmed. There is no refresh token."""
        form = cast("QueryDict", request.data)
        if form.get("grant_type") != device_flow.GRANT_TYPE:
            return _refuse("unsupported_grant_type")
        outcome = grants.redeem(
            device_code=form.get("device_code", ""),
            client_id=form.get("client_id", ""),
            now=timezone.now(),
        )
        if not isinstance(outcome, grants.AccessToken):
            return _refuse(outcome)
        told = {
            "access_token": outcome.text,
            "token_type": "Bearer",
            "expires_in": int(device_flow.TOKEN_LIFE.total_seconds()),
            "scope": " ".join(outcome.scopes),
        }
        return Response(told, headers=_NEVER_STORED)


def _codes(codes: grants.Codes) -> dict[str, str | int]:
    page = f"{settings.PUBLIC_URL}/device"
    return {
        "device_code": codes.device_code,
        "user_code": codes.user_code,
        "verification_uri": page,
        "verification_uri_complete": f"{page}?user_code={codes.user_code}",
        "expires_in": int(device_flow.CODE_LIFE.total_seconds()),
        "interval": device_flow.POLL_SECONDS,
    }


def _refuse(error: str) -> Response:
    told = {"error": error, "error_description": _DESCRIPTIONS[error]}
    return Response(told, status=400, headers=_NEVER_STORED)
