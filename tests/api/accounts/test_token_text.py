"""The text of a token, and what is remembered about one. Needs no database."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.accounts import tokens
from apps.accounts.abilities import Ability, Role, effective
from apps.accounts.callers import Caller, PlanLimits
from apps.accounts.verdicts import Verdicts

CALLER = Caller(
    kind="token",
    user_id=1,
    email="a@example.com",
    team_id=2,
    team_slug="team",
    role=Role.MEMBER,
    abilities=frozenset({Ability.STREAMS_READ}),
    token_id=3,
    plan=PlanLimits("free", 72, 3, None, None, 60, None),
)


def test_a_new_token_is_well_formed_and_unlike_any_other() -> None:
    made = {tokens.new_token() for _ in range(200)}
    assert len(made) == 200
    assert all(tokens.is_well_formed(text) for text in made)
    assert {len(text) for text in made} == {4 + 43 + 6}


def test_a_token_is_spelled_the_same_for_ever() -> None:
    assert tokens.is_well_formed("tsp_" + "0" * 43 + tokens._checksum("tsp_" + "0" * 43))
    assert tokens._checksum("tsp_" + "0" * 43) == "2uR6jc"


@given(position=st.integers(0, 52), letter=st.characters())
def test_changing_any_one_character_breaks_the_form(position: int, letter: str) -> None:
    text = tokens.new_token()
    changed = text[:position] + letter + text[position + 1 :]
    assert tokens.is_well_formed(changed) == (changed == text)


@pytest.mark.parametrize("text", ["", "tsp_", "a" * 10_240, "eyJhbGciOiJIUzI1NiJ9.e30.x", "tsp_" + "é" * 49])
def test_other_texts_are_not_tokens(text: str) -> None:
    assert not tokens.is_well_formed(text)


@given(st.text())
def test_no_text_breaks_the_check(text: str) -> None:
    assert not tokens.is_well_formed(text)


def test_a_final_line_end_is_not_overlooked() -> None:
    assert not tokens.is_well_formed(tokens.new_token() + "\n")


def test_what_is_stored_does_not_hold_the_text() -> None:
    text = tokens.new_token()
    assert len(tokens.digest(text)) == 32
    assert tokens.displayed(text) == text[:12]


@pytest.mark.parametrize(
    ("role", "left"),
    [
        ("viewer", {"streams:read", "objects:read"}),
        ("member", set(Ability) - {"team:manage"}),
        ("owner", set(Ability)),
    ],
)
def test_a_role_cuts_what_a_token_may_do(role: str, left: set[str]) -> None:
    assert effective([*Ability, "no:such"], role) == left


@dataclass
class World:
    """A database of one token, and a clock."""

    now: float = 0.0
    answer: Caller | None = CALLER
    asked: int = 0
    verdicts: Verdicts = field(init=False)

    def __post_init__(self) -> None:
        self.verdicts = Verdicts(seconds=5, size=3, clock=lambda: self.now)

    def look_up(self) -> Caller | None:
        self.asked += 1
        return self.answer

    def ask(self, digest: bytes = b"d") -> Caller | None:
        return self.verdicts.of(digest, self.look_up)


def test_a_verdict_holds_for_five_seconds_and_no_longer() -> None:
    world = World()
    world.ask()
    world.answer, world.now = None, 4.99
    assert world.ask() is CALLER
    world.now = 5.0
    assert world.ask() is None
    assert world.asked == 2


def test_a_refusal_is_remembered_too() -> None:
    world = World(answer=None)
    assert [world.ask(), world.ask()] == [None, None]
    assert world.asked == 1


def test_what_is_forgotten_is_asked_again() -> None:
    world = World()
    world.ask()
    world.verdicts.forget(b"d")
    world.ask()
    world.verdicts.forget_all()
    world.ask()
    assert world.asked == 3


def test_a_look_up_that_a_revocation_overtakes_is_not_kept() -> None:
    world = World()

    def overtaken() -> Caller:
        world.verdicts.forget(b"d")
        return CALLER

    assert world.verdicts.of(b"d", overtaken) is CALLER
    world.answer = None
    assert world.ask() is None


def test_the_time_of_the_look_up_counts() -> None:
    world = World()

    def slow() -> Caller:
        world.now = 4.0
        return CALLER

    world.verdicts.of(b"d", slow)
    world.now = 5.0
    world.ask()
    assert world.asked == 1


def test_the_least_recently_used_verdict_goes_first() -> None:
    world = World()
    for digest in (b"a", b"b", b"c", b"a", b"d"):
        world.ask(digest)
    assert world.asked == 4
    world.ask(b"a")
    assert world.asked == 4
    world.ask(b"b")
    assert world.asked == 5
