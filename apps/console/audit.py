"""Who did what to the team's things: for owners, newest first."""

from typing import Any

from django.http import HttpRequest, HttpResponse

from apps.accounts.abilities import Ability
from apps.accounts.models import AuditEntry
from apps.console.pages import TeamPage
from apps.http.parameters import whole_number

_PAGE = 100


class AuditPage(TeamPage):
    """`?before=` pages on; `?action=` is the start of an action's name ("token")."""

    ability = Ability.TEAM_MANAGE
    section = "settings"

    def get(self, request: HttpRequest) -> HttpResponse:
        before = whole_number(request.GET, "before", default=2**63 - 1, low=0, high=2**63 - 1)
        action = request.GET.get("action", "")[:60]
        entries = AuditEntry.objects.filter(pk__lt=before).order_by("-pk")
        if action:
            entries = entries.filter(action__startswith=action.replace("\x00", ""))
        found = list(entries[: _PAGE + 1])
        return self.render(
            "console/audit.html",
            page="audit",
            entries=[(entry, _in_words(entry.details)) for entry in found[:_PAGE]],
            older=found[_PAGE - 1].pk if len(found) > _PAGE else None,
            action=action,
            kinds=("stream", "ingest_token", "token", "member", "team", "logs", "device", "cluster"),
        )


def _in_words(details: dict[str, Any]) -> str:
    """{"role": "viewer", "abilities": ["a", "b"]} -> role: viewer; abilities: a, b"""
    told = {name: ", ".join(map(str, value)) if isinstance(value, list) else value for name, value in details.items()}
    return "; ".join(f"{name}: {value}" for name, value in told.items() if value not in ("", None))
