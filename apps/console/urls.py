"""Every page: at the root for who is not in a team yet, else below /console/<team>/."""

from django.contrib.auth.views import LogoutView
from django.urls import include, path

from apps.console import device, onboarding, pages, people, streams

_STREAM = "console/<str:team>/streams/<str:stream>"

urlpatterns = [
    path("", people.HomePage.as_view(), name="home"),
    path("sign-up", people.SignUpPage.as_view(), name="sign-up"),
    path("login", people.LogInView.as_view(), name="login"),
    path("logout", LogoutView.as_view(template_name="console/logged_out.html"), name="logout"),
    path("device", device.DevicePage.as_view(), name="device"),
    path("teams/new", people.NewTeamPage.as_view(), name="new-team"),
    path("console/<str:team>/streams/", streams.StreamsPage.as_view(), name="console-streams"),
    path("console/<str:team>/streams/new", streams.NewStreamPage.as_view(), name="console-new-stream"),
    path(f"{_STREAM}/", include("apps.console.explore.urls")),
    path(f"{_STREAM}/start/", onboarding.OnboardingPage.as_view(), name="console-onboarding"),
    path("console/<path:path>", pages.NowherePage.as_view()),
]
