"""How our views tell OpenAPI about bearer tokens and errors. drf-spectacular knows it once a view is loaded."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from rest_framework import serializers

from apps.http.problems import CONTENT_TYPE


class ProblemSerializer(serializers.Serializer[dict[str, Any]]):
    """RFC 9457, and beside it `message` and `errors` as Laravel's clients read them."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    request_id = serializers.CharField()
    message = serializers.CharField()
    errors = serializers.DictField(  # type: ignore[assignment]
        child=serializers.ListField(child=serializers.CharField()),
        required=False,
        help_text="For 422: sentences by the name of the field.",
    )


def problems(*codes: int) -> dict[tuple[int, str], type[ProblemSerializer]]:
    """For `extend_schema(responses={200: ..., **problems(401, 403)})`."""
    return {(code, CONTENT_TYPE): ProblemSerializer for code in codes}


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "apps.accounts.authentication.BearerAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:  # noqa: ARG002 (the base's signature)
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "A personal access token (`tsp_...`) or an access token of the device flow.",
        }
