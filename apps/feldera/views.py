"""What Feldera's clients ask beside the logs."""

from typing import Any, ClassVar

from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.abilities import Ability
from apps.accounts.api import TeamView
from apps.accounts.models import PersonalAccessToken
from apps.feldera import errors, keys
from apps.feldera.keys import KeyRole
from apps.feldera.names import check_name
from apps.feldera.pipelines import find_pipeline, render_all, render_status
from apps.feldera.tenancy import HEADER, as_uuid, check_tenant
from apps.http.problems import Problem, unprocessable
from apps.streams.models import Stream
from tailsvc.version import __version__

# The version of Feldera whose API this is; its SDK warns where its own is another.
FELDERA_VERSION = "0.369.0"
_SELECTORS = {"all": render_all, "status": render_status}
_UNMINTABLE = {"admin", "owner"}


class FelderaView(TeamView):
    """Base of the views below /v0. They are no part of our own API's document."""

    schema = None
    ability: ClassVar[Ability] = Ability.STREAMS_READ

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        check_tenant(self.caller, request.headers.get(HEADER))


class ConfigView(FelderaView):
    def get(self, request: Request) -> Response:  # noqa: ARG002 (DRF's signature)
        """The SDK's first question: `edition` and `version` must be there."""
        return Response(
            {
                "edition": "Open source",
                "version": FELDERA_VERSION,
                "revision": f"tailsvc {__version__}",
                "runtime_revision": f"tailsvc {__version__}",
                "changelog_url": "",
                "posthog": "",
                "telemetry": "",
                "license_validity": None,
                "unstable_features": None,
                "update_info": None,
                "build_info": {},
                "build_source": "source",
            }
        )


class ClusterHealthView(FelderaView):
    def get(self, request: Request) -> Response:  # noqa: ARG002
        """Whoever gets here was found in the database: all that there is works."""
        now = timezone.now()
        healthy = {"healthy": True, "message": "", "unchanged_since": now, "checked_at": now}
        services = dict.fromkeys(("api", "compiler", "runner"), healthy)
        return Response({"all_healthy": True, "stale": False, "stale_after_seconds": 60, **services})


class PipelinesView(FelderaView):
    def get(self, request: Request) -> Response:
        render = _selected(request)
        streams = Stream.objects.filter(deleted_at__isnull=True).order_by("pk")
        return Response([render(stream) for stream in streams])


class PipelineView(FelderaView):
    def get(self, request: Request, pipeline_name: str) -> Response:
        return Response(_selected(request)(find_pipeline(pipeline_name)))


class ApiKeysView(FelderaView):
    ability = Ability.TOKENS_MANAGE

    def get(self, request: Request) -> Response:  # noqa: ARG002
        return Response([_render_key(key) for key in keys.visible_keys(self.caller)])

    def post(self, request: Request) -> Response:
        name, role = _read_key(request.data)
        key, text = keys.create_key(self.caller, name=name, role=role, now=timezone.now())
        return Response({"id": as_uuid(key.pk), "name": name, "api_key": text}, status=201)


class ApiKeyView(FelderaView):
    ability = Ability.TOKENS_MANAGE

    def get(self, request: Request, api_key_name: str) -> Response:  # noqa: ARG002
        """A list of one, as the real one answers."""
        return Response([_render_key(keys.find_key(self.caller, api_key_name))])

    def delete(self, request: Request, api_key_name: str) -> Response:  # noqa: ARG002
        keys.delete_key(self.caller, api_key_name, now=timezone.now())
        return Response(status=200)


def _selected(request: Request) -> Any:
    selector = request.query_params.get("selector", "all")
    if selector not in _SELECTORS:
        raise unprocessable(selector="selector must be one of all, status.")
    return _SELECTORS[selector]


def _render_key(key: PersonalAccessToken) -> dict[str, Any]:
    return {"id": as_uuid(key.pk), "name": key.name, "role": keys.role_of(key)}


def _read_key(told: Any) -> tuple[str, KeyRole]:
    if not isinstance(told, dict) or not isinstance(told.get("name"), str):
        raise Problem(400, "Send an object with a name, and a role if it is not 'read'.")
    check_name(told["name"])
    role = KeyRole.READ if told.get("role") is None else told["role"]
    if isinstance(role, str) and role in _UNMINTABLE:
        raise errors.owner_not_mintable()
    if role not in list(KeyRole):
        raise unprocessable(role="role must be 'read' or 'write'.")
    return told["name"], KeyRole(role)
