"""Every page: at the root for who is not in a team yet, else below /console/<team>/."""

from django.contrib.auth.views import LogoutView
from django.urls import include, path

from apps.console import (
    account,
    audit,
    builds,
    device,
    ingest_tokens,
    live,
    members,
    onboarding,
    pages,
    people,
    stream_settings,
    streams,
    tokens,
    usage,
)

_TEAM = "console/<str:team>"
_STREAM = f"{_TEAM}/streams/<str:stream>"

urlpatterns = [
    path("", people.HomePage.as_view(), name="home"),
    path("console", people.HomePage.as_view()),
    path("console/", people.HomePage.as_view()),
    path("sign-up", people.SignUpPage.as_view(), name="sign-up"),
    path("login", people.LogInView.as_view(), name="login"),
    path("logout", LogoutView.as_view(template_name="console/logged_out.html"), name="logout"),
    path("device", device.DevicePage.as_view(), name="device"),
    path("password", account.PasswordPage.as_view(), name="password"),
    path("teams/new", people.NewTeamPage.as_view(), name="new-team"),
    path("console/<str:team>/streams/", streams.StreamsPage.as_view(), name="console-streams"),
    path("console/<str:team>/streams/new", streams.NewStreamPage.as_view(), name="console-new-stream"),
    path(f"{_STREAM}/", include("apps.console.explore.urls")),
    path(f"{_STREAM}/start/", onboarding.OnboardingPage.as_view(), name="console-onboarding"),
    path(f"{_STREAM}/start/arrived", onboarding.ArrivedPart.as_view(), name="console-arrived"),
    path(f"{_STREAM}/settings/", stream_settings.SettingsPage.as_view(), name="console-stream-settings"),
    path(f"{_STREAM}/settings/delete", stream_settings.DeletePage.as_view(), name="console-delete-stream"),
    path(f"{_STREAM}/tokens/", ingest_tokens.TokensPage.as_view(), name="console-ingest-tokens"),
    path(f"{_STREAM}/tokens/<uuid:jti>/revoke", ingest_tokens.RevokePage.as_view(), name="console-revoke-ingest"),
    path(f"{_STREAM}/live/", live.StreamLivePage.as_view(), name="console-stream-live"),
    path(f"{_STREAM}/live/builds/<str:build>/", builds.BuildPage.as_view(), name="console-build"),
    path(f"{_STREAM}/rejected/", stream_settings.RejectedPage.as_view(), name="console-rejected"),
    path(f"{_TEAM}/streams/<str:deleted>/restore", stream_settings.RestorePage.as_view(), name="console-restore"),
    path(f"{_TEAM}/live/", live.LivePage.as_view(), name="console-live"),
    path(f"{_TEAM}/settings/usage/", usage.UsagePage.as_view(), name="console-usage"),
    path(f"{_TEAM}/settings/members/", members.MembersPage.as_view(), name="console-members"),
    path(f"{_TEAM}/settings/members/<int:member_id>/role", members.RolePage.as_view(), name="console-role"),
    path(f"{_TEAM}/settings/members/<int:member_id>/remove", members.RemovePage.as_view(), name="console-remove"),
    path(f"{_TEAM}/settings/name", members.RenamePage.as_view(), name="console-rename"),
    path(f"{_TEAM}/settings/audit/", audit.AuditPage.as_view(), name="console-audit"),
    path(f"{_TEAM}/settings/tokens/", tokens.TokensPage.as_view(), name="console-tokens"),
    path(f"{_TEAM}/settings/tokens/<int:token_id>/revoke", tokens.RevokePage.as_view(), name="console-revoke-token"),
    path("console/<path:path>", pages.NowherePage.as_view()),
]
