"""The two kinds of view that an API is made of: for a team's caller, and for anybody."""

from collections.abc import Callable
from typing import Any, cast

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.abilities import Ability
from apps.accounts.authentication import BearerAuthentication
from apps.accounts.callers import Caller
from apps.accounts.errors import NotThere, RuleBroken
from apps.accounts.permissions import HasAbility, lacks
from apps.accounts.scope import team_scope
from apps.http.problems import not_found, unprocessable

_METHODS = ["get", "post", "put", "patch", "delete", "head"]


def in_http(error: Exception) -> Exception:
    """What a service refused, as a 422 or a 404; any other error as it is."""
    if isinstance(error, RuleBroken):
        return unprocessable(**{error.field: str(error)})
    return not_found(str(error)) if isinstance(error, NotThere) else error


class _View(APIView):
    http_method_names = _METHODS

    def handle_exception(self, exc: Exception) -> Response:
        return super().handle_exception(in_http(exc))


class PublicView(_View):
    """For who has no token yet."""

    authentication_classes = ()
    permission_classes = ()


class TeamView(_View):
    """Authenticates, checks `ability` (or `abilities` by method), and runs the handler in the caller's team scope.

    The handler must render what it answers: the scope, and with it the transaction, ends when it returns.
    """

    authentication_classes = (BearerAuthentication,)
    permission_classes = (HasAbility,)

    @property
    def caller(self) -> Caller:
        return cast("Caller", self.request.user)

    def require(self, ability: Ability) -> None:
        """For what only some requests of a method need."""
        if ability not in self.caller.abilities:
            raise lacks(ability)

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """DRF's own, with a scope around the handler: an error leaves the scope, rolls back, then is answered."""
        self.args, self.kwargs = args, kwargs
        asked = self.request = self.initialize_request(request, *args, **kwargs)
        self.headers = self.default_response_headers
        try:
            self.initial(asked, *args, **kwargs)
            with team_scope(self.caller.team_id):
                response = self._handler(asked)(asked, *args, **kwargs)
        except Exception as error:  # noqa: BLE001 (handle_exception raises again what nobody foresaw)
            response = self.handle_exception(error)
        self.response = self.finalize_response(asked, response, *args, **kwargs)
        return self.response

    def _handler(self, request: Request) -> Callable[..., Response]:
        method = (request.method or "").lower()
        if method not in self.http_method_names:
            return self.http_method_not_allowed
        return getattr(self, method, self.http_method_not_allowed)
