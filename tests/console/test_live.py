"""What runs, as pages: the session's targets, replicas, lifecycle events, build logs."""

from datetime import UTC, datetime, timedelta

import pytest

from apps.accounts.scope import team_scope
from apps.objects.services import set_status
from tests.console.conftest import Person
from tests.factories.lifecycle import append_chunk, finish_build, make_build, record_event, report_replica
from tests.factories.objects import PODLOGSTREAMS, SESSIONS, podlogstream, session, settle_object
from tests.factories.streams import make_stream

HOSTILE = "<script>alert(1)</script>\x1b[31mred\x1b[0m\u202e"
PART = {"HX-Request": "true"}


def test_the_session_shows_what_runs_and_what_streams_report(person: Person) -> None:
    stream, _ = make_stream(person.team, "shop")
    report_replica(stream, "shop-1")
    make_build(stream, "build-1")
    text = person.text("live/")
    for target in ("web", "worker", "beat", "shop:runtime", "shop:update"):
        assert f"<bdi>{target}</bdi>" in text
    part = person.get("live/", **PART).content.decode()
    assert "<html" not in part
    assert "shop:runtime" in part


def test_whatever_a_client_says_of_its_own_session_is_shown(person: Person) -> None:
    """In the form that objects have; the page is the same for what they may have one day."""
    begin, end = "0001-01-01T00:00:00.000000Z", "9999-12-31T23:59:59.999999Z"
    states = [
        {"disabled": {}},
        {"terminated": {}},
        {"active": {"startTime": begin}},
        {"terminated": {"startTime": begin, "finishTime": end}},
        {"waiting": {}, "active": {}},
        {},
    ]
    targets = [{"name": f"mine-{nth}", "state": state} for nth, state in enumerate(states)]
    settle_object(person.team.pk, SESSIONS, session("mine"))
    with team_scope(person.team.pk):
        set_status(SESSIONS, "mine", lambda _: {"targets": targets}, manager="me", now=datetime.now(UTC))
    text = person.text("live/")
    assert all(f"<bdi>{one['name']}</bdi>" in text for one in targets)
    assert '<span class="badge ">disabled</span>' in text


def test_pod_log_streams_are_listed_with_what_they_collect_from(person: Person) -> None:
    assert "kubectl apply" in person.text("live/")
    settle_object(person.team.pk, PODLOGSTREAMS, podlogstream("web-logs", pod="web-1", namespace="shop"))
    text = person.text("live/")
    assert "web-logs" in text
    assert "shop/web-1" in text
    assert "not seen yet" in text


def test_replicas_and_events_are_shown_as_text(person: Person) -> None:
    stream, _ = make_stream(person.team)
    page = f"streams/{stream.slug}/live/"
    assert "Nobody reports" in person.text(page)
    report_replica(stream, "<b>one</b>", cpu_millicores=250, memory_mb=512, node="node-1", cluster="east")
    report_replica(stream, "silent", now=datetime.now(UTC) - timedelta(minutes=5))
    report_replica(stream, "failed", status="failed")
    for _ in range(3):
        record_event(stream, reason="BackOff", message=HOSTILE, replica="failed")
    text = person.text(page)
    assert "&lt;b&gt;one&lt;/b&gt;" in text
    assert "east/node-1" in text
    assert "250 m" in text
    assert '<span class="badge error">silent</span>' in text
    assert '<span class="badge error">failed</span>' in text
    assert "3 times" in text
    assert "<script>alert" not in text
    assert "\u202e" not in text


def test_a_builds_log_is_fetched_until_it_is_finished(person: Person) -> None:
    stream, _ = make_stream(person.team)
    build = make_build(stream, "b-1", ["step ä\n".encode(), HOSTILE.encode() + b"\nhal"])
    page = f"streams/{stream.slug}/live/builds/b-1/"
    assert 'href="' + person.root + "/" + page + '"' in person.text(f"streams/{stream.slug}/live/")
    text = person.text(page)
    assert "step ä" in text
    assert "&lt;script&gt;" in text
    assert "hal<" not in text  # the rest of the line is still to come
    size = len("step ä\n".encode()) + len(HOSTILE.encode()) + 1
    assert f'hx-get="?from={size}"' in text
    append_chunk(build, "f ✓".encode()[:-1])
    assert "<pre></pre>" in person.get(f"{page}?from={size}", **PART).content.decode()
    append_chunk(build, "✓".encode()[-1:])
    finish_build(build)
    end = person.get(f"{page}?from={size}", **PART).content.decode()
    assert "half ✓" in end
    assert "hx-get" not in end


def test_of_a_long_log_the_end_is_shown_and_the_beginning_is_a_link_away(person: Person) -> None:
    stream, _ = make_stream(person.team)
    finish_build(make_build(stream, "long", [b"first\n" + b"x" * 79 * 1024 + b"\n"] * 4 + [b"last\n"]))
    page = f"streams/{stream.slug}/live/builds/long/"
    text = person.text(page)
    assert "last" in text
    assert "first\n" not in text[: text.index("xxxx")]
    assert 'href="?from=0"' in text
    assert "first" in person.text(f"{page}?from=0")


@pytest.mark.parametrize("start", ["-1", "x", str(2**70)])
def test_an_unusable_place_in_a_log_is_refused(person: Person, start: str) -> None:
    stream, _ = make_stream(person.team)
    make_build(stream, "b")
    assert person.get(f"streams/{stream.slug}/live/builds/b/?from={start}").status_code == 422


def test_a_build_that_is_not_there_is_not_there(person: Person) -> None:
    stream, _ = make_stream(person.team)
    for name in ("nothing", "%00", "x" * 300):
        assert person.get(f"streams/{stream.slug}/live/builds/{name}/").status_code == 404
