"""The map of the product: each app's urls, mounted. The log paths in front of Django are in config/asgi.py."""

from django.urls import URLPattern, URLResolver, include, path

handler400 = "apps.http.problems.bad_request"
handler403 = "apps.http.problems.permission_denied"
handler404 = "apps.console.pages.page_not_found"
handler500 = "apps.console.pages.server_error"

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("apps.accounts.urls")),
    path("", include("apps.streams.urls")),
    path("", include("apps.clusters.urls")),
    path("", include("apps.ingest.urls")),
    path("", include("apps.query.urls")),
    path("", include("apps.lifecycle.urls")),
    path("", include("apps.feldera.urls")),
    path("", include("apps.ops.urls")),
    path("", include("apps.console.urls")),
]
