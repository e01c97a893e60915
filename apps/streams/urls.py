from django.urls import path

from apps.streams import views

urlpatterns = [
    path("api/streams", views.StreamList.as_view(), name="streams"),
    path("api/streams/<str:stream>", views.StreamDetail.as_view(), name="stream"),
    path("api/streams/<str:stream>/restore", views.StreamRestore.as_view(), name="stream-restore"),
    path("api/streams/<str:stream>/ingest-token", views.StreamIngestToken.as_view(), name="stream-ingest-token"),
    path("api/streams/<str:stream>/ingest-tokens", views.StreamIngestTokenList.as_view(), name="stream-ingest-tokens"),
    path(
        "api/streams/<str:stream>/ingest-tokens/<uuid:jti>",
        views.StreamIngestTokenDetail.as_view(),
        name="stream-ingest-token-revoke",
    ),
    path("api/user/streams", views.UserStreams.as_view(), name="user-streams"),
    path("api/user/plan", views.UserPlan.as_view(), name="user-plan"),
]
