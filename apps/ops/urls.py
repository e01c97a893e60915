from django.contrib import admin
from django.urls import path
from drf_spectacular.views import SpectacularSwaggerSplitView

from apps.ops import views
from apps.ops.document import DocumentView

urlpatterns = [
    path("livez", views.livez, name="livez"),
    path("healthz", views.livez, name="healthz"),  # the elder name, by which Kubernetes' clients ask
    path("readyz", views.readyz, name="readyz"),
    path("metrics", views.metrics, name="metrics"),
    path("admin/", admin.site.urls),
    path("api/schema", DocumentView.as_view(), name="schema"),
    path("api/docs", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="docs"),
]
