"""Changing one's own password."""

import pytest

from apps.accounts.models import User
from apps.accounts.scope import maintenance
from tests.api.conftest import log_in
from tests.console.conftest import Person

OLD, NEW = "correct horse battery staple", "another horse, another battery"


@pytest.fixture
def person(person: Person) -> Person:
    with maintenance():
        user = User.objects.get(pk=person.user.pk)
        user.set_password(OLD)
        user.save()
    log_in(person._client, user)
    return person


def holds(person: Person, password: str) -> bool:
    with maintenance():
        return User.objects.get(pk=person.user.pk).check_password(password)


def test_a_password_is_changed_and_this_session_stays(person: Person) -> None:
    other = Person(person.team, user=None)
    with maintenance():
        log_in(other._client, User.objects.get(pk=person.user.pk))
    assert other.get("/password").status_code == 200
    assert person.send("/password", {"old": OLD, "new": NEW}).status_code == 302
    assert holds(person, NEW)
    assert person.get("/password").status_code == 200
    assert other.get("/password").status_code == 302


@pytest.mark.parametrize(
    ("old", "new"), [("wrong", NEW), (OLD, "short"), (OLD, "password"), ("", NEW), (OLD, ""), (OLD, "x\x00" * 8)]
)
def test_an_unusable_change_is_refused_with_its_reason(person: Person, old: str, new: str) -> None:
    answer = person.send("/password", {"old": old, "new": new})
    assert answer.status_code == 422
    assert 'role="alert"' in answer.content.decode()
    assert holds(person, OLD)


def test_nobody_guesses_the_old_one_for_long(person: Person) -> None:
    answers = [person.send("/password", {"old": "", "new": ""}) for _ in range(21)]  # two windows hold twenty
    limited = [answer for answer in answers if answer.status_code == 429]
    assert limited
    assert int(limited[0]["Retry-After"]) >= 1
