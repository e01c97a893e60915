"""All kinds that are served. A new one is added here."""

from tailsvc.objects.kinds import Kind
from tailsvc.objects.podlogstream import PODLOGSTREAM
from tailsvc.objects.session import SESSION

KINDS: dict[str, Kind] = {kind.plural: kind for kind in (PODLOGSTREAM, SESSION)}
