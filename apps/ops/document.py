"""The API's document (OpenAPI), rendered once in a process: anybody may ask for it, and it never changes."""

from functools import cache
from typing import Any

from django.http import HttpResponse
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request


class DocumentView(SpectacularAPIView):
    @extend_schema(exclude=True)
    def get(self, request: Request) -> HttpResponse:
        renderer = request.accepted_renderer
        name = f'inline; filename="tailsvc.{renderer.format}"'
        text = _rendered(type(renderer))  # type: ignore[arg-type]  # a class is hashable
        return HttpResponse(text, content_type=renderer.media_type, headers={"Content-Disposition": name})


@cache
def _rendered(renderer: type[BaseRenderer]) -> Any:
    document = SchemaGenerator().get_schema(public=True)  # type: ignore[no-untyped-call]
    return renderer().render(document, renderer_context={})
