"""Who calls, and for which app. An organisation is a team's slug, an app one of its streams."""

from dataclasses import dataclass
from datetime import timedelta

from google.protobuf.message import Message

from apps.accounts.abilities import Ability
from apps.accounts.callers import Caller
from apps.accounts.permissions import lacks
from apps.http.problems import Problem
from apps.streams.lookups import recent_named_stream
from apps.streams.models import Stream


@dataclass(frozen=True, slots=True)
class Visitor:
    """A caller, and the app that the request names, if it names one."""

    caller: Caller
    app: Stream | None

    @property
    def stream(self) -> Stream:
        if self.app is None:
            raise TypeError("the call names no app")
        return self.app

    @property
    def retention(self) -> timedelta:
        return self.stream.retention(self.caller.plan.retention_hours)


def visit(caller: Caller, request: Message) -> Visitor:
    """Raises Problem 403, and NotThere. Blocking: it may ask the database.

    Whether another organisation exists is nobody's business: any but the token's own is 403.
    """
    named = "organization_name" in request.DESCRIPTOR.fields_by_name
    if named and request.organization_name != caller.team_slug:  # type: ignore[attr-defined]
        raise Problem(403, "The token is not for this organisation.")
    if Ability.STREAMS_READ not in caller.abilities:
        raise lacks(Ability.STREAMS_READ)
    app = recent_named_stream(caller.team_id, request.app_name) if named else None  # type: ignore[attr-defined]
    return Visitor(caller, app)
