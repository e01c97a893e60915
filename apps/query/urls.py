from django.urls import path

from apps.query import views

urlpatterns = [
    path("api/streams/<str:stream>/logs", views.LogList.as_view(), name="logs"),
    path("api/streams/<str:stream>/logs/<int:event>", views.LogDetail.as_view(), name="log"),
    path("api/streams/<str:stream>/logs/<int:event>/context", views.LogContext.as_view(), name="log-context"),
    path("api/streams/<str:stream>/histogram", views.LogHistogram.as_view(), name="log-histogram"),
    path("api/streams/<str:stream>/facets", views.LogFacets.as_view(), name="log-facets"),
    path("api/streams/<str:stream>/export", views.LogExport.as_view(), name="log-export"),
]
