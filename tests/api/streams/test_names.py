"""How the dialects address a stream: by its name where that is one of theirs, else by slug."""

import pytest

from apps.accounts.errors import NotThere
from apps.accounts.scope import team_scope
from apps.streams.lookups import recent_named_stream
from apps.streams.services import find_named
from tests.factories.streams import World, delete_stream, make_stream, make_world

pytestmark = pytest.mark.contract


@pytest.fixture
def world(database: None) -> World:
    return make_world()


def found(world: World, name: str) -> int | None:
    with team_scope(world.team.pk):
        try:
            return find_named(name).pk
        except NotThere:
            return None


def test_a_legal_name_and_any_slug_lead_to_it(world: World) -> None:
    plain, _ = make_stream(world.team, "my-app_1")
    odd, _ = make_stream(world.team, "My app, 2nd")
    assert (found(world, "my-app_1"), found(world, plain.slug)) == (plain.pk, plain.pk)
    assert (found(world, "My app, 2nd"), found(world, odd.slug)) == (None, odd.pk)


@pytest.mark.parametrize("name", ["-edge", "edge_", "x" * 64, "a b"])
def test_other_names_are_no_addresses(world: World, name: str) -> None:
    stream, _ = make_stream(world.team, name)
    assert found(world, name) is None
    assert found(world, stream.slug) == stream.pk


def test_a_name_wins_over_a_slug(world: World) -> None:
    first, _ = make_stream(world.team, "a")
    second, _ = make_stream(world.team, first.slug)
    assert found(world, first.slug) == second.pk


@pytest.mark.parametrize("name", ["", "a\x00b", "nobody", "ä", "x" * 5000])
def test_what_nothing_is_called_is_not_there(world: World, name: str) -> None:
    assert found(world, name) is None


def test_a_deleted_stream_and_another_team_s_are_not_there(world: World) -> None:
    stream, _ = make_stream(world.team, "gone")
    assert recent_named_stream(world.team.pk, "gone").pk == stream.pk
    assert found(make_world(), "gone") is None
    delete_stream(stream)
    assert found(world, "gone") is None
    with pytest.raises(NotThere):
        recent_named_stream(world.team.pk, "gone")
