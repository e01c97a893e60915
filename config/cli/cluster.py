"""`tailsvc cluster add`, `list` and `remove`."""

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from config.cli.connect import connect
from config.cli.options import HomeOption
from config.cli.terminal import USAGE, fail, printable, show, tell
from config.runtime.home import Home

if TYPE_CHECKING:
    from apps.accounts.models import Team
    from apps.clusters.kubeconfigs import Kubeconfig
    from apps.clusters.models import Cluster

app = typer.Typer(no_args_is_help=True, help="Kubernetes clusters that pods' logs are collected from.")

NameArgument = Annotated[str, typer.Argument(help="What PodLogStreams call it (spec.cluster).", metavar="NAME")]
TeamOption = Annotated[str, typer.Option("--team", help="The team that it belongs to.", metavar="SLUG")]
_DEFAULT_CLUSTER = "default"


@app.callback()
def clusters() -> None:
    """Kubernetes clusters that pods' logs are collected from."""


@app.command()
def add(
    name: NameArgument,
    team: TeamOption,
    kubeconfig: Annotated[Path, typer.Option(help="How the cluster is reached; - is standard input.", metavar="FILE")],
    namespace: Annotated[
        list[str], typer.Option(help="Pods of it may be collected. Repeat it for several.", metavar="NAMESPACE")
    ],
    context: Annotated[str | None, typer.Option(help="Of the kubeconfig; without it, its current one.")] = None,
    home: HomeOption = None,
) -> None:
    """Register a cluster, so that logs of its pods can be collected. Its kubeconfig is kept encrypted.

    Files that the kubeconfig names are read and kept as well; what runs a program for its credentials is refused.
    """
    from apps.accounts.errors import RuleBroken

    try:
        read = _read(kubeconfig, context)
        connect(Home.at(home))
        added = _add(_team(team), name, read, namespace)
    except RuleBroken as error:
        fail(printable(str(error)), code=USAGE)
    _tell_next(added, team)


@app.command(name="list")
def list_(
    team: Annotated[str | None, typer.Option("--team", help="Only this team's.", metavar="SLUG")] = None,
    home: HomeOption = None,
) -> None:
    """Show the registered clusters; nothing shows their kubeconfigs again."""
    connect(Home.at(home))

    from apps.clusters import lookups

    slug = _team(team).slug if team else None
    found = [one for one in lookups.registered() if slug in {None, one.team}]
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for heading in ("team/cluster", "server", "namespaces", "credentials end"):
        table.add_column(heading, overflow="fold")
    for one in found:
        table.add_row(
            f"{one.team}/{one.name}", Text(one.server), ", ".join(one.namespaces), _day(one.expires_at) or "-"
        )
    show(table)
    for one in found:
        if one.fault:
            tell(f"{one.team}/{one.name}: {one.fault}", style="yellow")


@app.command()
def remove(name: NameArgument, team: TeamOption, home: HomeOption = None) -> None:
    """Forget a cluster: its pods are collected no more, what was collected stays."""
    connect(Home.at(home))

    from apps.accounts.audit import OPERATOR
    from apps.accounts.errors import NotThere
    from apps.accounts.scope import team_scope
    from apps.clusters import services

    owner = _team(team)
    try:
        with team_scope(owner.pk):
            services.remove_cluster(name, team_id=owner.pk, actor=OPERATOR, now=datetime.now(UTC))
    except NotThere:
        fail(f"Team {team} has no cluster {name!r}.", code=USAGE)
    tell(f"Removed the cluster {name} of team {team}.")


def _read(path: Path, context: str | None) -> "Kubeconfig":
    """Raises RuleBroken."""
    from apps.clusters.kubeconfigs import read_kubeconfig
    from apps.clusters.limits import KUBECONFIG_BYTES

    is_input = str(path) == "-"
    try:
        with path.open("rb") if not is_input else sys.stdin.buffer as file:
            text = file.read(KUBECONFIG_BYTES + 1).decode(errors="replace")
    except OSError as error:
        fail(f"{path} cannot be read: {error.strerror}.", code=USAGE)
    beside = _beside(Path() if is_input else path.parent, KUBECONFIG_BYTES + 1)
    return read_kubeconfig(text, context=context, read_file=beside, anywhere=True)


def _beside(folder: Path, most: int) -> Callable[[str], bytes]:
    """Files as kubectl finds them: relative to the kubeconfig."""

    def read(name: str) -> bytes:
        with (folder / name).open("rb") as file:
            return file.read(most)

    return read


def _add(team: "Team", name: str, kubeconfig: "Kubeconfig", namespaces: list[str]) -> "Cluster":
    from apps.accounts.audit import OPERATOR
    from apps.accounts.scope import team_scope
    from apps.clusters import services

    with team_scope(team.pk):
        return services.add_cluster(
            team_id=team.pk,
            name=name,
            kubeconfig=kubeconfig,
            namespaces=namespaces,
            actor=OPERATOR,
            now=datetime.now(UTC),
            anywhere=True,
        )


def _team(slug: str) -> "Team":
    from apps.accounts import lookups

    found = lookups.team_by_slug(slug)
    if found is None:
        fail(f"There is no team {slug!r}.", code=USAGE)
    return found


def _tell_next(added: "Cluster", team: str) -> None:
    named = "" if added.name == _DEFAULT_CLUSTER else f"\n  cluster: {added.name}"
    ends = f" Its credentials end at {_day(added.expires_at)}: add it again by then." if added.expires_at else ""
    tell(
        f"Added the cluster {added.name} of team {team}, at {added.server}, "
        f"for pods of {', '.join(added.namespaces)}.{ends}\n"
        "Now say which pods to collect, for example (the service must run with `up --tls`):\n"
    )
    tell(
        f"""\
(umask 077; tailsvc kubeconfig --team {team} > tailsvc.kubeconfig)
kubectl --kubeconfig tailsvc.kubeconfig apply -f - <<END
apiVersion: tilt.dev/v1alpha1
kind: PodLogStream
metadata:
  name: web
  annotations: {{tilt.dev/resource: web}}  # the stream that its lines go to
spec:
  pod: NAME_OF_A_POD
  namespace: {added.namespaces[0]}{named}
END
kubectl --kubeconfig tailsvc.kubeconfig get podlogstreams --watch"""
    )


def _day(moment: datetime | None) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if moment else ""
