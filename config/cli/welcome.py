"""What a new home begins with: a team, a user, a stream, and their tokens in files. Run as a child of `tailsvc up`.

Safe to repeat: an interrupted first start is taken up where it ended. The last file written is the one that tells
`up` that there has been a first start.
"""

import json
import secrets
from datetime import UTC, datetime

import django

from config.runtime.home import Home
from config.runtime.tree import FIRST_STREAM, FIRST_TOKEN

_TEAM = "default"
_STREAM = "first"
_EMAIL = "admin@localhost"


def welcome(home: Home, now: datetime) -> None:
    from apps.accounts import audit, provisioning
    from apps.accounts.abilities import Ability
    from apps.accounts.callers import PlanLimits
    from apps.accounts.scope import team_scope
    from apps.streams import ingest_tokens, services
    from apps.streams.models import Stream

    team = provisioning.ensure_team(slug=_TEAM, plan=None, now=now)
    _make_admin(home, team.pk, now)
    with team_scope(team.pk):
        stream = Stream.objects.filter(name=_STREAM, deleted_at__isnull=True).first()
        if stream is None:
            limits = PlanLimits.of(team.plan)
            stream = services.create_stream(team=team, name=_STREAM, plan=limits, actor=audit.OPERATOR, now=now)
        token = ingest_tokens.live(stream, now).first()
        issued = (
            ingest_tokens.text_of(token, stream)
            if token
            else ingest_tokens.issue(stream=stream, ttl=None, actor=audit.OPERATOR, now=now)
        )
    home.keep("ingest-token", issued.token)
    home.keep(FIRST_STREAM, json.dumps({"stream": stream.slug}))
    _, text = provisioning.create_token(
        team=team, name="first start", abilities=list(Ability), expires_at=None, now=now
    )
    home.keep(FIRST_TOKEN, text)


def _make_admin(home: Home, team_id: int, now: datetime) -> None:
    """The password is written down first: a user whose password nobody knows would be worse than a stale file."""
    from apps.accounts import audit, provisioning, services
    from apps.accounts.abilities import Role
    from apps.accounts.errors import RuleBroken
    from apps.accounts.scope import team_scope

    password = home.secret("admin-password", lambda: secrets.token_urlsafe(12))
    try:
        user = provisioning.create_user(email=_EMAIL, password=password, is_superuser=True)
    except RuleBroken:  # made by an interrupted start, or by another home on the same database
        return
    with team_scope(team_id):
        services.add_member(team_id=team_id, user=user, role=Role.OWNER, actor=audit.OPERATOR, now=now)


if __name__ == "__main__":
    django.setup()
    welcome(Home.at(None), datetime.now(UTC))
