"""Streams: the list, a new one, its settings, refused lines, its end and its return."""

import re
from datetime import timedelta

import pytest

from apps.accounts.abilities import Role
from tests.asgi import Asgi
from tests.console.conftest import Person
from tests.factories.accounts import make_team
from tests.factories.streams import World, delete_stream, lines, make_stream, now_micros


def test_the_list_tells_how_a_stream_grows(person: Person) -> None:
    stream, token = make_stream(person.team, "busy <b>")
    World(person.team, "", stream, token).append(lines(50, start=now_micros() - 1_000_000, step=1000))
    text = person.text("streams/")
    assert "busy &lt;b&gt;" in text
    row = text[text.index("busy &lt;b&gt;") :]
    assert '<td data-label="Rate" class="number">10<small' in row  # of five minutes
    assert '<td data-label="Events" class="number">50</td>' in row
    assert "<rect" in row
    part = person.get("streams/", **{"HX-Request": "true"}).content.decode()
    assert part.lstrip().startswith("<table")


def test_an_empty_list_says_what_to_do(person: Person) -> None:
    assert "No streams yet" in person.text("streams/")
    viewer = Person(person.team, Role.VIEWER)
    assert "ask an owner" in viewer.text("streams/")


def test_a_new_stream_leads_to_its_first_event(person: Person) -> None:
    made = person.send("streams/new", {"name": "shop", "description": "of shoes", "retention_hours": "168"})
    assert re.fullmatch(rf"{person.root}/streams/shop-\w+/start/", made["Location"])
    text = person.text(made["Location"].replace("/start/", "/settings/"))
    assert "of shoes" in text
    assert '<option value="168" selected>7 days</option>' in text


@pytest.mark.parametrize(
    "fields",
    [
        {"name": ""},
        {"name": "x" * 256},
        {"name": "nul \x00"},
        {"name": "y", "retention_hours": "-1"},
        {"name": "y", "retention_hours": "many"},
    ],
)
def test_an_unusable_stream_is_refused_with_its_reason(person: Person, fields: dict[str, object]) -> None:
    answer = person.send("streams/new", fields)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.content.decode()


def test_a_name_that_is_taken_is_told_at_the_field(person: Person) -> None:
    stream, _ = make_stream(person.team, "taken")
    other, _ = make_stream(person.team, "other")
    for page in ("streams/new", f"streams/{other.slug}/settings/"):
        answer = person.send(page, {"name": stream.name})
        assert answer.status_code == 422
        assert "has a stream of this name" in answer.content.decode()


def test_the_plan_bounds_how_many_and_how_long(database: None) -> None:
    person = Person(make_team("free"))
    assert 'value="2160"' not in person.text("streams/new")
    answers = [person.send("streams/new", {"name": f"stream {nth}"}).status_code for nth in range(30)]
    assert answers[0] == 302
    assert answers[-1] == 422


def test_settings_keep_a_retention_that_the_list_does_not_offer(person: Person) -> None:
    stream, _ = make_stream(person.team, retention_hours=77)
    page = f"streams/{stream.slug}/settings/"
    assert '<option value="77" selected>77 hours</option>' in person.text(page)
    assert person.send(page, {"name": "renamed", "retention_hours": "77"}).status_code == 302
    assert "renamed" in person.text(page)


def test_refused_lines_are_shown_with_their_reason_and_never_interpreted(person: Person, asgi: Asgi) -> None:
    stream, token = make_stream(person.team)
    page = f"streams/{stream.slug}/rejected/"
    assert "Nothing was refused" in person.text(page)
    hostile = b'12\n"fine"\n[<script>alert(1)</script>\n'
    for _ in range(30):
        asgi.post(f"/api/ingest/{stream.uuid}", hostile, token=token, headers={"Content-Type": "application/x-ndjson"})
    text = person.text(page)
    assert "<script>alert" not in text
    assert text.count('data-label="Reason"') == 50 or "&lt;script&gt;" in text
    older = re.search(r'href="(\?before=\d+)"', text)
    if older:
        assert 'data-label="Reason"' in person.text(page + older[1])


@pytest.mark.parametrize("before", ["x", "-1", "9" * 40])
def test_an_unusable_page_is_refused(person: Person, before: str) -> None:
    stream, _ = make_stream(person.team)
    assert person.get(f"streams/{stream.slug}/rejected/?before={before}").status_code == 422
    assert person.get(f"settings/audit/?before={before}").status_code == 422


def test_a_deleted_stream_comes_back_within_a_day(person: Person) -> None:
    stream, _ = make_stream(person.team, "lost")
    assert person.send(f"streams/{stream.slug}/settings/delete").status_code == 302
    assert person.get(f"streams/{stream.slug}/").status_code == 404
    listed = person.text("streams/")
    assert f"streams/{stream.uuid}/restore" in listed
    make_stream(person.team, "lost")  # its name is taken meanwhile
    assert person.send(f"streams/{stream.uuid}/restore").status_code == 302
    assert f"lost (restored {stream.pk})" in person.text("streams/")


def test_after_a_day_it_stays_away(person: Person) -> None:
    stream, _ = make_stream(person.team)
    delete_stream(stream, ago=timedelta(hours=24, minutes=1))
    assert str(stream.uuid) not in person.text("streams/")
    assert person.send(f"streams/{stream.uuid}/restore").status_code == 404


def test_who_waits_for_the_first_event_is_told_each_change_once(person: Person, asgi: Asgi) -> None:
    stream, token = make_stream(person.team)
    part, headers = f"streams/{stream.slug}/start/arrived", {"Content-Type": "application/x-ndjson"}
    assert person.get(f"{part}?refused=").status_code == 204
    asgi.post(f"/api/ingest/{stream.uuid}", b"12", token=token, headers=headers)
    told = person.text(f"{part}?refused=")
    assert "A line was refused" in told
    shown = re.search(r"\?refused=(\d+)", told)
    assert shown
    assert person.get(f"{part}?refused={shown[1]}").status_code == 204
    asgi.post(f"/api/ingest/{stream.uuid}", b'"<b>here</b>"', token=token, headers=headers)
    told = person.text(f"{part}?refused={shown[1]}")
    assert "Here is your first event" in told
    assert "&lt;b&gt;here" in told
    assert "hx-get" not in told
