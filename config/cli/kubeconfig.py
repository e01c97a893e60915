"""`tailsvc kubeconfig`."""

import base64
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import urlsplit

import typer

from config.cli.connect import connect
from config.cli.servers import OwnHomeOption, ServerOption, choose
from config.cli.terminal import USAGE, fail
from config.runtime.home import Home
from config.runtime.tree import AUTHORITY

_NAME = "tailsvc"
_ABILITIES = ("objects:read", "objects:write", "streams:read")


@dataclass(frozen=True, slots=True)
class Place:
    """`authority` is a PEM; None where the certificate is of one that the system trusts."""

    address: str
    authority: str | None = None


def kubeconfig(
    server: ServerOption = None,
    home: OwnHomeOption = None,
    team: Annotated[
        str | None,
        typer.Option(help="Make a token for this team of the service on this machine.", metavar="SLUG"),
    ] = None,
    address: Annotated[
        str | None, typer.Option(help="How kubectl is to reach the service; without it: its TLS port.", metavar="URL")
    ] = None,
) -> None:
    """Print a kubeconfig: the service as a cluster, for kubectl and other clients of Kubernetes' API.

    It holds a token: keep it to yourself (`umask 077; tailsvc kubeconfig > tailsvc.kubeconfig`).
    """
    if team is not None and server is not None:
        fail("--team makes a token on this machine, where no server's is needed; leave --server out.", code=USAGE)
    if team is None:
        chosen = choose(server, home)
        place = _place(chosen.home, address) if chosen.home else _checked(Place(address or chosen.url))
        token = chosen.token
    else:
        connect(Home.at(home))
        place = _place(Home.at(home), address)
        token = _made_for(team)
    print(text_of(place, token), end="")


def text_of(place: Place, token: str) -> str:
    """As YAML; what is not ours is quoted as JSON, which YAML understands."""
    trust = f"certificate-authority-data: {_data(place.authority)}\n    " if place.authority else ""
    return f"""\
apiVersion: v1
kind: Config
clusters:
- name: {_NAME}
  cluster:
    {trust}server: {json.dumps(place.address)}
users:
- name: {_NAME}
  user:
    token: {json.dumps(token)}
contexts:
- name: {_NAME}
  context:
    cluster: {_NAME}
    user: {_NAME}
current-context: {_NAME}
"""


def _place(home: Home, address: str | None) -> Place:
    """Where the home's service is reached, and whom to trust there."""
    state = home.running()
    found = address or (state and (state.tls_address or state.address)) or ""
    # A service without a TLS port may have something before it that has a certificate of its own.
    is_ours = address is not None if state is None else bool(state.tls_address)
    authority = home.path / AUTHORITY
    return _checked(Place(found, authority.read_text() if is_ours and authority.exists() else None))


def _checked(place: Place) -> Place:
    if urlsplit(place.address).scheme != "https":
        fail("kubectl sends no token without TLS: start the service with `tailsvc up --tls`, or give --address.")
    return place


def _made_for(slug: str) -> str:
    from apps.accounts import lookups, provisioning
    from apps.accounts.errors import RuleBroken

    team = lookups.team_by_slug(slug)
    if team is None:
        fail(f"There is no team {slug!r}.", code=USAGE)
    try:
        _, token = provisioning.create_token(
            team=team, name="kubeconfig", abilities=_ABILITIES, expires_at=None, now=datetime.now(UTC)
        )
    except RuleBroken as error:
        fail(str(error), code=USAGE)
    return token


def _data(pem: str) -> str:
    return base64.b64encode(pem.encode()).decode()
