"""Operators look across teams: requests of Django's admin run as maintenance."""

from collections.abc import Callable

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode

from apps.accounts.scope import maintenance


class AdminScopeMiddleware:
    """Place it last. The admin's own log-in form leads to ours, which is throttled."""

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        root = reverse("admin:index")
        if not request.path_info.startswith(root):
            return self.get_response(request)
        if "%00" in request.META["QUERY_STRING"]:
            raise BadRequest("No value in the database has a NUL.")  # the admin's lists would ask for it
        if request.path_info == reverse("admin:login"):
            query = urlencode({"next": request.GET.get("next", root)})
            return HttpResponseRedirect(f"{reverse('login')}?{query}")
        with maintenance():
            return self.get_response(request)
