"""Ingest tokens of a stream, and people's own tokens."""

import re

import pytest

from apps.accounts.abilities import Ability, Role
from apps.streams.models import Stream
from tests.asgi import Asgi
from tests.console.conftest import Person
from tests.factories.streams import make_stream


@pytest.fixture
def stream(person: Person) -> Stream:
    return make_stream(person.team)[0]


def texts(page: str) -> list[str]:
    """The ingest tokens that a page shows."""
    return re.findall(r">(ey[\w-]+\.[\w-]+\.[\w-]+)<", page)


def send(asgi: Asgi, stream: Stream, token: str) -> int:
    return asgi.post(f"/api/ingest/{stream.uuid}", b'"a line"', token=token).status


def test_a_token_is_replaced_without_a_gap(person: Person, stream: Stream, asgi: Asgi) -> None:
    page = f"streams/{stream.slug}/tokens/"
    [old] = texts(person.text(page))
    assert person.send(page, {"days": "90"}).status_code == 302
    new, still = texts(person.text(page))
    assert still == old
    assert new != old
    assert send(asgi, stream, new) == 200  # what is said of the old one would be believed for some seconds
    assert person.send(page, {"days": "90"}).status_code == 422
    revocations = re.findall(rf"{page}([0-9a-f-]+/revoke)", person.text(page))
    assert person.send(page + revocations[-1]).status_code == 302
    assert [send(asgi, stream, token) for token in (old, new)] == [403, 200]
    assert person.send(page + revocations[-1]).status_code == 404


@pytest.mark.parametrize("days", ["", "0", "-1", "nan", "31", "9" * 30])
def test_a_token_lives_as_long_as_the_list_offers(person: Person, stream: Stream, days: str) -> None:
    page = f"streams/{stream.slug}/tokens/"
    assert person.send(page, {"days": days}).status_code == 422
    assert len(texts(person.text(page))) == 1


def test_who_sends_logs_without_a_live_token_is_offered_one(person: Person, stream: Stream) -> None:
    page = f"streams/{stream.slug}/tokens/"
    [revocation] = re.findall(rf"{page}([0-9a-f-]+/revoke)", person.text(page))
    person.send(page + revocation)
    assert "no live token" in person.text(f"streams/{stream.slug}/start/")
    assert person.send(page, {"days": "180", "next": "start"})["Location"].endswith("/start/")
    assert "Authorization: Bearer ey" in person.text(f"streams/{stream.slug}/start/")


def test_a_viewer_sees_neither_tokens_nor_what_leads_to_them(person: Person, stream: Stream) -> None:
    viewer = Person(person.team, Role.VIEWER)
    assert viewer.get(f"streams/{stream.slug}/tokens/").status_code == 403
    assert viewer.get(f"streams/{stream.slug}/start/").status_code == 403
    for page in ("streams/", f"streams/{stream.slug}/rejected/", "settings/usage/"):
        text = viewer.text(page)
        assert texts(text) == []
        assert not re.search(r'/tokens/"|/start/"|/settings/members/|streams/new', text), page


def test_a_personal_token_is_shown_once_and_works(person: Person) -> None:
    made = person.send("settings/tokens/", {"name": "laptop", "abilities": "streams:read", "days": "30"})
    [text] = re.findall(r"tsp_\w{49}", made.content.decode())
    assert made.status_code == 200
    assert text not in person.text("settings/tokens/")
    assert text[:12] in person.text("settings/tokens/")
    asked = person.get("/api/streams", Authorization=f"Bearer {text}")
    assert asked.status_code == 200
    assert made["Cache-Control"] == "max-age=0, no-cache, no-store, must-revalidate, private"
    [revocation] = re.findall(r"settings/tokens/\d+/revoke", person.text("settings/tokens/"))
    assert person.send(revocation).status_code == 302
    assert person.get("/api/streams", Authorization=f"Bearer {text}").status_code == 401


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "", "abilities": "streams:read"},
        {"name": "x" * 151, "abilities": "streams:read"},
        {"name": "without"},
        {"name": "unknown", "abilities": "streams:everything"},
        {"name": "forever", "abilities": "streams:read", "days": "99999999999"},
        {"name": "with \x00", "abilities": "streams:read"},
    ],
)
def test_an_unusable_wish_for_a_token_is_refused_with_its_reason(person: Person, fields: dict[str, object]) -> None:
    answer = person.send("settings/tokens/", fields)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.content.decode()
    assert "tsp_" not in answer.content.decode()


def test_nobody_hands_on_an_ability_that_their_role_lacks(person: Person) -> None:
    member = Person(person.team, Role.MEMBER)
    assert Ability.TEAM_MANAGE not in member.text("settings/tokens/")
    asked = {"name": "more", "abilities": Ability.TEAM_MANAGE.value, "days": "30"}
    assert member.send("settings/tokens/", asked).status_code == 422


def test_a_member_sees_and_revokes_their_own_tokens_only(person: Person) -> None:
    person.send("settings/tokens/", {"name": "the owner's", "abilities": "streams:read", "days": "30"})
    [revocation] = re.findall(r"settings/tokens/\d+/revoke", person.text("settings/tokens/"))
    member = Person(person.team, Role.MEMBER)
    assert "the owner" not in member.text("settings/tokens/")
    assert member.send(revocation).status_code == 404
    member.send("settings/tokens/", {"name": "the member", "abilities": "streams:read", "days": "30"})
    assert "the member" in person.text("settings/tokens/")
