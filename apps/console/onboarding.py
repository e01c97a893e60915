"""From an empty stream to its first event."""

from django.http import HttpRequest, HttpResponse

from apps.accounts.abilities import Ability
from apps.console.pages import TeamPage
from apps.streams.services import find_stream


class OnboardingPage(TeamPage):
    ability = Ability.STREAMS_READ
    section = "streams"

    def get(self, request: HttpRequest, stream: str) -> HttpResponse:  # noqa: ARG002 (Django's signature)
        return self.render("console/onboarding.html", stream=find_stream(stream), tab="start")
