from django.urls import path

from apps.clusters import views

urlpatterns = [
    path("api/clusters", views.ClusterList.as_view(), name="clusters"),
    path("api/clusters/<str:cluster>", views.OneCluster.as_view(), name="cluster"),
]
