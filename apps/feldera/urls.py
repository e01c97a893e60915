"""The logs themselves are in front of Django (`logs.ROUTE`)."""

from django.urls import path

from apps.feldera import views

urlpatterns = [
    path("v0/config", views.ConfigView.as_view(), name="feldera-config"),
    path("v0/cluster_healthz", views.ClusterHealthView.as_view(), name="feldera-cluster-health"),
    path("v0/pipelines", views.PipelinesView.as_view(), name="feldera-pipelines"),
    path("v0/pipelines/<str:pipeline_name>", views.PipelineView.as_view(), name="feldera-pipeline"),
    path("v0/api_keys", views.ApiKeysView.as_view(), name="feldera-api-keys"),
    path("v0/api_keys/<str:api_key_name>", views.ApiKeyView.as_view(), name="feldera-api-key"),
]
