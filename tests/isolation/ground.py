"""Two strangers' teams, and every kind of token that may knock at the door of one of them."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from apps.accounts import services, verdicts
from apps.accounts.abilities import Ability, Role
from apps.accounts.models import AuditEntry, Membership, PersonalAccessToken, Team, User
from apps.accounts.scope import maintenance
from apps.accounts.tokens import digest, new_api_key
from apps.clusters.models import Cluster
from apps.engine import store
from apps.lifecycle.models import BuildChunk, BuildLog, LifecycleEvent, Replica
from apps.objects.models import ObjectChange, StoredObject
from apps.streams.models import IngestToken, Stream
from tailsvc.queries import Selection
from tailsvc.storage.base import Batch
from tests.factories.accounts import make_member, make_team, make_token, make_user
from tests.factories.clusters import settle_cluster
from tests.factories.kubeconfigs import kubeconfig
from tests.factories.lifecycle import finish_build, make_build, settle_lifecycle
from tests.factories.objects import podlogstream, session, settle_object
from tests.factories.streams import delete_stream, lines, make_stream, now_micros

LIFECYCLE = (Replica, LifecycleEvent, BuildLog, BuildChunk)
OBJECTS = (StoredObject, ObjectChange)
_PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")


@dataclass(frozen=True, slots=True)
class Ground:
    """A team with one of everything. `things` are the values of the routes' parameters."""

    team: Team
    owner: User
    token: str
    ingest_token: str
    stream: Stream
    deleted: Stream
    things: dict[str, str]

    def path(self, route: str, other: "Ground | None" = None, theirs: frozenset[str] = frozenset()) -> str:
        """The route with this team's things, but for `theirs`, which are the other's."""

        def value(match: re.Match[str]) -> str:
            special = {("stream", "restore"): "deleted", ("build", "follow"): "finished"}
            name = special.get((match[1], route.rpartition("/")[2]), match[1])
            return (other if other and match[1] in theirs else self).things[name]

        return "/" + _PARAMETER.sub(value, route)

    def body(self, body: Any) -> Any:
        """With the team's own things where it has `{thing}`."""
        if isinstance(body, dict):
            return {name: self.body(value) for name, value in body.items()}
        found = re.fullmatch(r"\{(\w+)\}", body) if isinstance(body, str) else None
        return self.things[found[1]] if found else body

    def snapshot(self) -> list[Any]:
        """What is there and what was done: equal before and after a request that did nothing."""
        with maintenance():
            return [
                list(Stream.objects.filter(team=self.team).order_by("pk").values()),
                *(list(model.objects.filter(team=self.team).order_by("pk").values()) for model in LIFECYCLE),
                *(_of_clients(model, self.team) for model in OBJECTS),
                list(IngestToken.objects.filter(team=self.team).order_by("pk").values()),
                list(Cluster.objects.filter(team=self.team).order_by("pk").values()),
                list(Membership.objects.filter(team=self.team).order_by("pk").values()),
                list(PersonalAccessToken.objects.filter(team=self.team).order_by("pk").values("pk", "revoked_at")),
                AuditEntry.objects.filter(team=self.team).count(),
                Team.objects.values().get(pk=self.team.pk),
                store().count(self.stream.ref, Selection()),
            ]


def parameters(route: str) -> frozenset[str]:
    return frozenset(_PARAMETER.findall(route))


def make_ground() -> Ground:
    team = make_team("unlimited")
    owner = make_member(team)
    token = make_token(team, owner)
    member = make_member(team, Role.MEMBER)
    stream, ingest_token = make_stream(team)
    _append(stream)
    settle_lifecycle(stream, f"{team.slug}-replica", f"{team.slug}-build")
    finish_build(make_build(stream, f"{team.slug}-finished"))
    deleted, _ = make_stream(team)
    delete_stream(deleted)
    with maintenance():
        things = {
            "stream": str(stream.uuid),
            "deleted": str(deleted.uuid),
            "slug": team.slug,
            "team": team.slug,
            "path": "nowhere",
            "event": "2",
            "replica": f"{team.slug}-replica",
            "build": f"{team.slug}-build",
            "finished": f"{team.slug}-finished",
            "jti": str(IngestToken.objects.get(stream=stream).jti),
            "member_id": str(Membership.objects.get(team=team, user=member).pk),
            "token_id": str(PersonalAccessToken.objects.get(digest=digest(token)).pk),
            "newcomer": make_user().email,
            "pipeline_name": stream.name,
            "api_key_name": _settle_api_key(team, owner),
            "cluster": settle_cluster(team, kubeconfig(), name=f"{team.slug}-cluster").name,
            "kubeconfig": kubeconfig(),
            **_settle_objects(team),
        }
    return Ground(team, owner, token, ingest_token, stream, deleted, things)


def _settle_api_key(team: Team, owner: User) -> str:
    key = PersonalAccessToken(
        team=team,
        user=owner,
        name=f"{team.slug}-key",
        abilities=[Ability.STREAMS_READ],
        created_at=datetime.now(UTC),
    )
    services.keep_token(key, new_api_key(), actor="test")
    return key.name


def _of_clients(model: type[StoredObject] | type[ObjectChange], team: Team) -> list[Any]:
    """Without the computed session, which any read may bring up to date."""
    return list(model.objects.filter(team=team).exclude(name="Tiltfile").order_by("pk").values())


def _settle_objects(team: Team) -> dict[str, str]:
    made = {
        "podlogstream": settle_object(team.pk, "podlogstreams", podlogstream(f"{team.slug}-podlogstream")),
        "session": settle_object(team.pk, "sessions", session(f"{team.slug}-session")),
    }
    names = {kind: document["metadata"]["name"] for kind, document in made.items()}
    return names | {f"{kind}_version": one["metadata"]["resourceVersion"] for kind, one in made.items()}


def _append(stream: Stream) -> None:
    store().append(stream.ref, [Batch(lines(3, start=now_micros()))], now=now_micros())


def expired_token(ground: Ground) -> str:
    now = datetime.now(UTC)
    return make_token(ground.team, ground.owner, expires_at=now - timedelta(seconds=1), now=now - timedelta(hours=1))


def revoked_token(ground: Ground) -> str:
    token = make_token(ground.team, ground.owner)
    with maintenance(atomic=True):
        kept = PersonalAccessToken.objects.get(digest=digest(token))
        services.revoke_token(
            team_id=ground.team.pk, token_id=kept.pk, user_id=None, actor="test", now=datetime.now(UTC)
        )
    return token


def former_members_token(ground: Ground) -> str:
    """The membership is gone; the token itself was forgotten."""
    user = make_member(ground.team)
    token = make_token(ground.team, user)
    with maintenance(atomic=True):
        Membership.objects.filter(team=ground.team, user=user).delete()
    verdicts.forget_all()
    return token


def inactive_users_token(ground: Ground) -> str:
    user = make_member(ground.team)
    token = make_token(ground.team, user)
    with maintenance(atomic=True):
        User.objects.filter(pk=user.pk).update(is_active=False)
    verdicts.forget_all()
    return token


def viewers_token(ground: Ground) -> str:
    """It names every ability; the role allows two of them."""
    return make_token(ground.team, make_member(ground.team, Role.VIEWER))


def token_without(ground: Ground, ability: Ability) -> str:
    return make_token(ground.team, ground.owner, set(Ability) - {ability})


def token_with(ground: Ground, ability: Ability | None, *beside: Ability) -> str:
    return make_token(ground.team, ground.owner, {ability or Ability.OBJECTS_READ, *beside})


def token_for_ones_other_team(ground: Ground) -> str:
    """The user is an owner here too, but the token is for another team."""
    other = make_team("unlimited")
    make_member(other, user=ground.owner)
    return make_token(other, ground.owner)
