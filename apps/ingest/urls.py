from django.urls import path

from apps.ingest import views

# POST /api/ingest/{stream} is not here: it is plain ASGI, see config/asgi.py.
urlpatterns = [
    path("api/streams/<str:stream>/rejections", views.RejectionList.as_view(), name="stream-rejections"),
    path("api/usage", views.UsageList.as_view(), name="usage"),
]
