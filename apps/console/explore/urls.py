"""Mounted below a stream's address in the console."""

from django.urls import path

from apps.console.explore import pages

urlpatterns = [
    path("", pages.ExplorePage.as_view(), name="explore"),
    path("rows", pages.RowsPart.as_view(), name="explore-rows"),
    path("histogram", pages.HistogramPart.as_view(), name="explore-histogram"),
    path("facets", pages.FacetsPart.as_view(), name="explore-facets"),
    path("lines/<int:event>", pages.LinePart.as_view(), name="explore-line"),
    path("lines/<int:event>/surroundings", pages.SurroundingsPart.as_view(), name="explore-surroundings"),
    path("completion", pages.CompletionPart.as_view(), name="explore-completion"),
    path("export", pages.ExportPart.as_view(), name="explore-export"),
]
