"""Members and roles, plan and usage, the audit list."""

import json
import re
from datetime import UTC, datetime
from html import unescape
from uuid import uuid4

import pytest

from apps.accounts.abilities import Role
from apps.accounts.scope import team_scope
from apps.streams.models import Usage
from tests.console.conftest import Person
from tests.factories.accounts import make_user, membership_of
from tests.factories.streams import make_stream


def test_a_member_is_added_promoted_and_removed(person: Person) -> None:
    user = make_user()
    assert person.send("settings/members/", {"email": user.email.upper(), "role": "viewer"}).status_code == 302
    member = membership_of(person.team, user)
    assert member.role == Role.VIEWER
    assert person.send(f"settings/members/{member.pk}/role", {"role": "owner"}).status_code == 302
    assert membership_of(person.team, user).role == Role.OWNER
    assert person.send(f"settings/members/{member.pk}/remove").status_code == 302
    assert user.email not in re.sub(r'class="told.*?</p>', "", person.text("settings/members/"), flags=re.DOTALL)
    said = person.text("settings/audit/")
    assert [word in said for word in ("member.add", "member.role", "member.remove", user.email)] == [True] * 4


def test_the_last_owner_stays(person: Person) -> None:
    mine = membership_of(person.team, person.user).pk
    answer = person.send(f"settings/members/{mine}/role", {"role": "viewer"})
    assert answer.status_code == 422
    assert "at least one owner" in answer.content.decode()
    assert person.send(f"settings/members/{mine}/remove").status_code == 422


def test_who_gives_up_being_an_owner_is_led_away(person: Person) -> None:
    Person(person.team)  # another owner
    mine = membership_of(person.team, person.user).pk
    assert person.send(f"settings/members/{mine}/role", {"role": "member"})["Location"] == "/"
    assert person.get("settings/members/").status_code == 403


@pytest.mark.parametrize("fields", [{"email": "nobody@example.com", "role": "member"}, {"email": "x"}, {}])
def test_an_unusable_member_is_refused_with_its_reason(person: Person, fields: dict[str, object]) -> None:
    answer = person.send("settings/members/", fields)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.content.decode()


def test_a_team_is_renamed_as_text(person: Person) -> None:
    assert person.send("settings/name", {"name": "<i>Shoes</i>"}).status_code == 302
    assert "&lt;i&gt;Shoes&lt;/i&gt;" in person.text("streams/")
    assert person.send("settings/name", {"name": " "}).status_code == 422


def test_usage_is_added_up_by_the_day_and_by_stream(person: Person) -> None:
    stream, _ = make_stream(person.team, "counted")
    assert "Nothing came in the last 30 days" in person.text("settings/usage/")
    with team_scope(person.team.pk):
        for events in (1000, 234):
            Usage.objects.create(
                team=person.team,
                stream=stream,
                jti=uuid4(),
                day=datetime.now(UTC).date(),
                requests=1,
                events=events,
                rejected=3,
                bytes=2048,
            )
    text = person.text("settings/usage/")
    assert "1,234" in text
    assert "4.0 KB" in text
    [events, received] = [json.loads(unescape(one)) for one in re.findall(r'data-plot="([^"]+)"', text)]
    assert len(events["days"]) == len(events["counts"]) == len(events["told"]) == 30
    assert events["counts"][-2:] == [0, 1234]
    assert received["told"][-1].endswith(": 4.0 KB")


def test_the_audit_list_pages_and_filters(person: Person) -> None:
    for nth in range(101):
        person.send("settings/name", {"name": f"name {nth}"})
    text = person.text("settings/audit/?action=team.")
    assert "name 100" in text
    assert "name 0<" not in text
    older = re.search(r'href="(\?before=\d+[^"]*)"', text)
    assert older
    assert "name 0<" in person.text("settings/audit/" + older[1].replace("&amp;", "&"))
    assert "Nothing of this kind" in person.text("settings/audit/?action=member.")
