"""May they? A view states the ability that each of its methods needs; one that states nothing is refused."""

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from apps.accounts.abilities import Ability
from apps.accounts.callers import Caller
from apps.http.problems import Problem


class _Unstated:
    pass


_UNSTATED = _Unstated()


class HasAbility(BasePermission):
    """Reads `abilities: {method: ability}` of the view, then `ability`. None means: any authenticated caller."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if not _offered(view, (request.method or "").lower()):
            return True  # so that the answer is 405
        needed = ability_needed(view, request.method or "")
        if isinstance(needed, _Unstated):
            return False
        if needed is not None and needed not in _caller(request).abilities:
            raise lacks(needed)
        return True


def ability_needed(view: Any, method: str) -> Ability | _Unstated | None:
    by_method = getattr(view, "abilities", {})
    method = "GET" if method == "HEAD" and "HEAD" not in by_method else method
    if method in by_method:
        return by_method[method]  # type: ignore[no-any-return]
    return getattr(view, "ability", _UNSTATED)


def lacks(ability: Ability) -> Problem:
    """403 that names the ability, in words and as RFC 6750 has it."""
    challenge = f'Bearer realm="tailsvc", error="insufficient_scope", scope="{ability}"'
    return Problem(403, f"This needs the ability {ability}.", headers={"WWW-Authenticate": challenge})


def _offered(view: Any, method: str) -> bool:
    return method in view.http_method_names and hasattr(view, method)


def _caller(request: Request) -> Caller:
    caller = request.user
    if not isinstance(caller, Caller):
        raise Problem(401, "Send a token.", headers={"WWW-Authenticate": 'Bearer realm="tailsvc"'})
    return caller
