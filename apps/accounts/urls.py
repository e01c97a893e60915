from django.urls import path

from apps.accounts.views import device, members, teams, tokens

urlpatterns = [
    path("api/user", teams.UserView.as_view(), name="user"),
    path("api/teams", teams.TeamsView.as_view(), name="teams"),
    path("api/teams/<str:slug>", teams.OneTeamView.as_view(), name="team"),
    path("api/teams/<str:slug>/members", members.MembersView.as_view(), name="members"),
    path("api/teams/<str:slug>/members/<int:member_id>", members.OneMemberView.as_view(), name="member"),
    path("api/tokens", tokens.TokensView.as_view(), name="tokens"),
    path("api/tokens/<int:token_id>", tokens.OneTokenView.as_view(), name="token"),
    path("api/oauth/device/code", device.DeviceCodeView.as_view(), name="device-code"),
    path("api/oauth/device/token", device.DeviceTokenView.as_view(), name="device-token"),
]
