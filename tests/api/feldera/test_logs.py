"""GET /v0/pipelines/{name}/logs: what is sent, in which order and form."""

import asyncio
from uuid import uuid4

import pytest

from apps.accounts.models import Plan
from apps.accounts.scope import maintenance
from apps.engine import store
from apps.feldera import logs
from apps.tail import following
from tailsvc.events import Event
from tailsvc.queries import Selection
from tailsvc.tail import Chunk
from tailsvc.tail.watch import Watch
from tests.api.feldera.reading import FRESH, append, append_soon, discarded, lines_of, path, run, snapshot
from tests.asgi import Asgi
from tests.factories.streams import World, delete_stream, make_world, now_micros
from tests.streaming import PATIENCE_SECONDS, opened


def test_the_headers_are_those_of_a_stream_of_text(world: World) -> None:
    async def story() -> None:
        # As a browser or a proxy asks; it is not compressed all the same.
        async with opened(path(world), token=world.token, headers={"accept-encoding": "gzip, br"}) as answer:
            assert answer.status == 200
            assert answer.headers["content-type"] == "text/plain; charset=utf-8"
            assert answer.headers["content-encoding"] == "identity"
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert "content-length" not in answer.headers
            assert not [name for name in answer.headers if name.startswith("feldera-logs")]

    run(story)


def test_all_lines_so_far_behind_the_fresh_start_then_live(world: World) -> None:
    append(world, b"one", b"", b"two\nthree", b" \ttabs and \xc3\x9c \r")

    async def story() -> None:
        async with opened(path(world), token=world.token) as answer:
            first = FRESH.fullmatch(await answer.line())
            assert first
            assert (first[1].decode(), first[2].decode()) == (str(world.stream.uuid), world.stream.name)
            expected = [b"one", b"", b"two", b"three", b" \ttabs and \xc3\x9c \r"]
            assert await answer.lines(5) == expected
            await append_soon(world, b"four", b"")
            await append_soon(world, b"five")
            assert await answer.lines(3) == [b"four", b"", b"five"]

    run(story)


def test_an_empty_stream_is_a_fresh_start(world: World) -> None:
    (only,) = lines_of(snapshot(world))
    assert FRESH.fullmatch(only)
    assert snapshot(world).body == snapshot(world).body  # its time is that of the stream


def test_what_is_no_utf_8_is_replaced(world: World) -> None:
    """The SDK decodes strictly: one such line would end it on every attempt."""
    append(world, b"bad \xff\xfe", b"cut \xe2\x82", b"\x00good \xe2\x82\xac")
    replaced = "\N{REPLACEMENT CHARACTER}".encode()
    assert lines_of(snapshot(world))[1:] == [
        b"bad " + replaced * 2,
        b"cut " + replaced,
        b"\x00good \xe2\x82\xac",
    ]


def test_the_discard_notice_and_the_lines_add_up_to_all_that_ever_were(world: World) -> None:
    world.append([Event(now_micros(), b"%d" % nth) for nth in range(50_003)])
    first, *shown = lines_of(snapshot(world))
    assert discarded(first) == 3
    assert (len(shown), shown[0], shown[-1]) == (50_000, b"3", b"50002")


def test_bytes_are_limited_without_line_ends(world: World) -> None:
    append(world, b"before", b"a" * 400_000, b"", b"b" * 600_000)
    first, *shown = lines_of(snapshot(world))
    assert discarded(first) == 1
    assert [len(line) for line in shown] == [400_000, 0, 600_000]
    append(world, b"c" * 1_000_001)
    assert [discarded(line) for line in lines_of(snapshot(world))] == [5]
    append(world, b"after")
    first, *shown = lines_of(snapshot(world))
    assert (discarded(first), shown) == (5, [b"after"])


def test_what_was_deleted_counts_as_discarded(world: World) -> None:
    append(world, b"a", b"b", b"c")
    store().delete(world.stream.ref, Selection(as_of=2), now=now_micros())
    first, *shown = lines_of(snapshot(world))
    assert (discarded(first), shown) == (2, [b"c"])


def test_what_retention_took_counts_as_discarded(database: None) -> None:
    world = make_world("free")
    with maintenance():
        hours = Plan.objects.get(name="free").retention_hours
    old = now_micros() - hours * 3_600_000_000 - 60_000_000
    world.append([Event(old, b"old"), Event(now_micros(), b"new")])
    first, *shown = lines_of(snapshot(world))
    assert (discarded(first), shown) == (1, [b"new"])


def test_a_gap_while_following_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lines are there and gone before the follower got to them."""
    taken = following.Following.hint
    monkeypatch.setattr(following.Following, "hint", lambda *_: None)
    monkeypatch.setattr(following, "POLL_SECONDS", 3600.0)
    monkeypatch.setattr(following, "POLL_WITHOUT_HINTS_SECONDS", 3600.0)

    async def story() -> None:
        async with opened(path(world), token=world.token) as answer:
            assert FRESH.fullmatch(await answer.line())
            await first_look(world)
            await append_soon(world, b"a", b"b", b"c")
            await asyncio.to_thread(store().delete, world.stream.ref, Selection(as_of=2), now=now_micros())
            taken(following.following(), [world.stream.pk])
            assert discarded(await answer.line()) == 2
            assert await answer.line() == b"c"

    run(story)


async def first_look(world: World) -> None:
    """Whoever begins to follow has the stream looked at; this returns when that is over."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not is_at_rest(following.following()._hub._watches.get(world.stream.pk)):
            await asyncio.sleep(0.01)


def is_at_rest(watch: Watch | None) -> bool:
    return watch is not None and watch._reading is None


def test_a_restored_stream_starts_fresh() -> None:
    pipeline = logs.Pipeline(uuid4(), "name")
    chunk: Chunk[bytes] = Chunk(5, 5, uuid4(), 0, None, restored=True)
    assert FRESH.fullmatch(logs._Text(pipeline).notice(chunk)[:-1])
    with pytest.raises(logs._Restored):  # who counts lines has to be told the new epoch
        logs._CountedText(pipeline).notice(chunk)


def test_tail_shows_the_newest_lines_and_counts_the_others(world: World) -> None:
    append(world, b"one", b"two\nthree\nfour", b"five")
    for tail, expected in ((0, []), (1, [b"five"]), (3, [b"three", b"four", b"five"])):
        first, *shown = lines_of(snapshot(world, f"&tail={tail}"))
        assert (discarded(first), shown) == (5 - tail, expected)
    first, *shown = lines_of(snapshot(world, "&tail=50000"))
    assert FRESH.fullmatch(first)
    assert len(shown) == 5


def test_tail_is_followed_by_what_comes(world: World) -> None:
    append(world, b"one", b"two")

    async def story() -> None:
        async with opened(path(world, "?tail=1"), token=world.token) as answer:
            assert discarded(await answer.line()) == 1
            await append_soon(world, b"three")
            assert await answer.lines(2) == [b"two", b"three"]

    run(story)


@pytest.mark.parametrize(
    "query", ["tail=-1", "tail=50001", "tail=x", "follow=maybe", "cursor=nonsense", "cursor=%00:1"]
)
def test_a_wrong_question_is_refused(world: World, query: str) -> None:
    answer = Asgi().get(path(world, f"?{query}"), token=world.token)
    assert answer.status == 400
    assert answer.json()["error_code"] in {"InvalidRequest", "InvalidLogsCursor"}
    assert answer.json()["details"]


# Going on where one was


def counted(world: World, cursor: str, query: str = "") -> tuple[int, int, list[bytes]]:
    answer = snapshot(world, f"&cursor={cursor}{query}")
    assert answer.status == 200
    assert answer.headers["feldera-logs-epoch"] == str(store().head(world.stream.ref).epoch)
    headers = answer.headers
    return int(headers["feldera-logs-seq"]), int(headers["feldera-logs-gap"]), answer.body.split(b"\n")[:-1]


def test_who_counts_lines_gets_lines_only_and_may_go_on_anywhere(world: World) -> None:
    append(world, b"one", b"two\nthree", b"", b"five")
    whole = [b"one", b"two", b"three", b"", b"five"]
    epoch = store().head(world.stream.ref).epoch
    assert counted(world, "") == (0, 0, whole)
    for seq in range(6):
        assert counted(world, f"{epoch}:{seq}") == (seq, 0, whole[seq:])
    assert counted(world, f"{epoch}:{2**64 - 1}") == (5, 0, [])
    assert counted(world, f"{uuid4()}:3") == (0, 0, whole)


def test_who_comes_back_late_is_told_how_many_lines_are_gone(world: World) -> None:
    append(world, b"one", b"two", b"x" * 1_000_000)
    epoch = store().head(world.stream.ref).epoch
    assert counted(world, f"{epoch}:1")[:2] == (2, 1)
    assert counted(world, "")[:2] == (2, 2)
    assert counted(world, f"{uuid4()}:9")[:2] == (2, 2)


def test_counting_goes_on_live_and_ends_without_a_word(world: World) -> None:
    append(world, b"one", b"two")
    epoch = store().head(world.stream.ref).epoch

    async def story() -> None:
        async with opened(path(world, f"?cursor={epoch}:1"), token=world.token) as answer:
            assert answer.headers["feldera-logs-seq"] == "1"
            await append_soon(world, b"three")
            assert await answer.lines(2) == [b"two", b"three"]
            await asyncio.to_thread(delete_stream, world.stream)
            assert await answer.all() == b""
            assert answer.is_whole

    run(story)
