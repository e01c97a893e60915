"""The JSON of teams, members and tokens. These validate and render; they never save."""

from typing import Any

from rest_framework import serializers

from apps.accounts.abilities import Ability, Role

_ROLES = [(role.value, role.value) for role in Role]
_ABILITIES = [(ability.value, ability.value) for ability in Ability]
_Plain = serializers.Serializer[Any]


class _OnlyText:
    """DRF takes a number for a text; our schema says that it is none."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str):
            self.fail("invalid")  # type: ignore[attr-defined]
        return super().to_internal_value(data)  # type: ignore[misc]


class Text(_OnlyText, serializers.CharField):
    pass


class Pattern(_OnlyText, serializers.RegexField):
    pass


class Email(_OnlyText, serializers.EmailField):
    pass


class PlanSerializer(_Plain):
    """Limits; null is "no limit"."""

    name = serializers.CharField()
    retention_hours = serializers.IntegerField()
    max_streams = serializers.IntegerField(allow_null=True)
    ingest_bytes_per_day = serializers.IntegerField(allow_null=True)
    ingest_requests_per_minute = serializers.IntegerField(allow_null=True)
    query_requests_per_minute = serializers.IntegerField(allow_null=True)
    max_followers = serializers.IntegerField(allow_null=True)
    lifecycle_event_hours = serializers.IntegerField()
    build_log_hours = serializers.IntegerField()


class TeamSerializer(_Plain):
    id = serializers.IntegerField(source="team_id")
    slug = serializers.CharField()
    name = serializers.CharField()
    role = serializers.ChoiceField(_ROLES, help_text="Your role in this team.")
    plan = PlanSerializer()
    created_at = serializers.DateTimeField()


class TeamsSerializer(_Plain):
    data = TeamSerializer(many=True)  # type: ignore[assignment]


class NewTeamSerializer(_Plain):
    name = Text(max_length=150)
    slug = Pattern(
        r"^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z",
        required=False,
        max_length=63,
        error_messages={"invalid": "A slug has 1 to 63 characters of a-z, 0-9 and -, and no - at its ends."},
        help_text="Unique. Without it, one is made from the name.",
    )


class RenameTeamSerializer(_Plain):
    name = Text(max_length=150)


class MemberSerializer(_Plain):
    id = serializers.IntegerField()
    user_id = serializers.IntegerField()
    email = serializers.CharField()
    role = serializers.ChoiceField(_ROLES)
    created_at = serializers.DateTimeField()


class MembersSerializer(_Plain):
    data = MemberSerializer(many=True)  # type: ignore[assignment]


class NewMemberSerializer(_Plain):
    email = Email(max_length=254, help_text="The address of an existing user.")
    role = serializers.ChoiceField(_ROLES)


class ChangeMemberSerializer(_Plain):
    role = serializers.ChoiceField(_ROLES)


class TokenSerializer(_Plain):
    id = serializers.IntegerField()
    name = serializers.CharField()
    prefix = serializers.CharField(help_text="The start of the token's text, to tell tokens apart.")
    user_id = serializers.IntegerField()
    abilities = serializers.ListField(child=serializers.CharField())
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True)


class IssuedTokenSerializer(TokenSerializer):
    token = serializers.CharField(help_text="The token itself. It is shown this once.")


class _Page(_Plain):
    next_cursor = serializers.CharField(allow_null=True)


class TokensSerializer(_Plain):
    data = TokenSerializer(many=True)  # type: ignore[assignment]
    meta = _Page()


class TokensQuerySerializer(_Plain):
    limit = serializers.IntegerField(min_value=1, max_value=500, default=100)
    cursor = serializers.IntegerField(
        min_value=1, max_value=2**63 - 1, required=False, help_text="`meta.next_cursor` of the page before."
    )


class NewTokenSerializer(_Plain):
    name = Text(max_length=150)
    abilities = serializers.ListField(child=serializers.ChoiceField(_ABILITIES), allow_empty=False, max_length=50)
    expires_at = serializers.DateTimeField(required=False, allow_null=True, default=None)


class UserTeamSerializer(_Plain):
    id = serializers.IntegerField()
    slug = serializers.CharField()
    role = serializers.ChoiceField(_ROLES)


class UserSerializer(_Plain):
    """Who the token's user is, and what the token may do."""

    id = serializers.IntegerField()
    email = serializers.CharField()
    team = UserTeamSerializer()
    abilities = serializers.ListField(child=serializers.CharField())
    plan = PlanSerializer()


class DeviceCodeRequestSerializer(_Plain):
    client_id = serializers.CharField()
    scope = serializers.CharField(required=False, help_text="Separated by blanks. Default: stream:read")


class DeviceCodeSerializer(_Plain):
    device_code = serializers.CharField()
    user_code = serializers.CharField()
    verification_uri = serializers.CharField()
    verification_uri_complete = serializers.CharField()
    expires_in = serializers.IntegerField(help_text="Seconds.")
    interval = serializers.IntegerField(help_text="Seconds between two polls.")


class DeviceTokenRequestSerializer(_Plain):
    grant_type = serializers.CharField()
    device_code = serializers.CharField()
    client_id = serializers.CharField()


class AccessTokenSerializer(_Plain):
    access_token = serializers.CharField()
    token_type = serializers.CharField()
    expires_in = serializers.IntegerField(help_text="Seconds.")
    scope = serializers.CharField()


class OAuthErrorSerializer(_Plain):
    """RFC 6749, 5.2"""

    error = serializers.CharField()
    error_description = serializers.CharField()
