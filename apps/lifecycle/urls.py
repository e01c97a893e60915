from django.urls import path

from apps.lifecycle import views

_STREAM = "api/streams/<str:stream>"

urlpatterns = [
    path(f"{_STREAM}/replicas", views.ReplicaList.as_view(), name="replicas"),
    path(f"{_STREAM}/replicas/<str:replica>", views.ReplicaDetail.as_view(), name="replica"),
    path(f"{_STREAM}/lifecycle-events", views.LifecycleEventList.as_view(), name="lifecycle-events"),
    path(f"{_STREAM}/builds", views.BuildList.as_view(), name="builds"),
    path(f"{_STREAM}/builds/<str:build>", views.BuildDetail.as_view(), name="build"),
    path(f"{_STREAM}/builds/<str:build>/chunks", views.BuildChunks.as_view(), name="build-chunks"),
    path(f"{_STREAM}/builds/<str:build>/finish", views.BuildFinish.as_view(), name="build-finish"),
    path(f"{_STREAM}/builds/<str:build>/log", views.BuildLogText.as_view(), name="build-log"),
]
