"""`tailsvc cluster`: what it makes of a kubeconfig before any service is asked, and what it says of what is kept."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from apps.accounts.audit import OPERATOR
from apps.accounts.models import AuditEntry, Team
from apps.accounts.scope import maintenance
from apps.clusters import lookups
from config.cli import app, cluster
from tests.factories.accounts import make_team
from tests.factories.clusters import settle_cluster
from tests.factories.kubeconfigs import TOKEN, certificate_pem, kubeconfig, token_until


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the command is typed; no service runs there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("TAILSVC_HOME", raising=False)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    return tmp_path


def run(*arguments: str, stdin: str | bytes | None = None) -> Result:
    told = CliRunner().invoke(app, ["cluster", *arguments], input=stdin)
    assert TOKEN not in told.output
    return told


def add(*arguments: str, team: str = "shop", file: str = "-", stdin: str | bytes | None = None) -> Result:
    return run("add", "prod", "--team", team, "--namespace", "web", "--kubeconfig", file, *arguments, stdin=stdin)


def is_read(told: Result) -> bool:
    """It was good, and a service was looked for."""
    return told.exit_code == 1 and "tailsvc up" in told.stderr


def test_it_is_read_from_a_file_or_from_standard_input(folder: Path) -> None:
    (folder / "config").write_text(kubeconfig())
    assert is_read(add(file="config"))
    assert is_read(add(stdin=kubeconfig()))
    assert is_read(add(stdin=kubeconfig(server="http://localhost:8001")))


def test_files_are_found_beside_the_kubeconfig_and_beside_the_shell_for_standard_input(folder: Path) -> None:
    text = kubeconfig(cluster={"certificate-authority": "ca.crt"}, user={"tokenFile": "t/token"})
    (folder / "kube" / "t").mkdir(parents=True)
    (folder / "kube" / "ca.crt").write_bytes(certificate_pem())
    (folder / "kube" / "t" / "token").write_text(TOKEN)
    (folder / "kube" / "config").write_text(text)
    assert is_read(add(file="kube/config"))
    elsewhere = add(stdin=text)
    assert elsewhere.exit_code == 2
    assert "'ca.crt', which cannot be read: No such file or directory." in elsewhere.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (kubeconfig(user={"exec": {"command": "aws"}}), "kubectl create token"),
        (kubeconfig(user={"tokenFile": "/"}), "Is a directory"),
        (kubeconfig(user={"tokenFile": "a\0b"}), "cannot be read"),
        (kubeconfig(filler="x" * 300_000), "256 KiB"),
        (b"\xff\xfe", "must be a mapping"),
        ("", "must be a mapping"),
    ],
)
def test_what_cannot_be_used_exits_with_2(folder: Path, text: Any, said: str) -> None:
    told = add(stdin=text)
    assert (told.exit_code, told.stdout) == (2, "")
    assert said in told.stderr


def test_a_context_that_is_not_there_exits_with_2(folder: Path) -> None:
    told = add("--context", "y", stdin=kubeconfig())
    assert told.exit_code == 2
    assert "no context 'y'. It has: 'x'." in told.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["add", "prod", "--team", "a", "--namespace", "b"],
        ["add", "prod", "--team", "a", "--kubeconfig", "-"],
        ["add", "prod", "--team", "a", "--namespace", "b", "--kubeconfig", "no/such/file"],
        ["add", "prod", "--team", "a", "--namespace", "b", "--kubeconfig", "/"],
        ["add", "--team", "a", "--namespace", "b", "--kubeconfig", "-"],
        ["remove", "prod"],
    ],
)
def test_what_is_left_out_or_not_there_exits_with_2(folder: Path, arguments: list[str]) -> None:
    assert CliRunner().invoke(app, ["cluster", *arguments]).exit_code == 2


# With a service


@pytest.fixture
def team(database: None, monkeypatch: pytest.MonkeyPatch) -> Team:
    """Of the database that this process is connected with already."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(cluster, "connect", lambda _: None)
    return make_team()


def test_a_cluster_is_registered_wherever_it_is_and_what_comes_next_is_said(team: Team) -> None:
    end = datetime(2036, 5, 1, 9, tzinfo=UTC)
    text = kubeconfig(server="http://127.0.0.1:8001", user={"token": token_until(end)})
    added = add("--namespace", "api", team=team.slug, stdin=text)
    assert (added.exit_code, added.stdout) == (0, "")
    for said in ("http://127.0.0.1:8001", "api, web", "end at 2036-05-01 09:00 UTC", "cluster: prod", "namespace: api"):
        assert said in added.stderr
    assert f"tailsvc kubeconfig --team {team.slug}" in added.stderr
    (kept,) = [one for one in lookups.collected() if one.team_id == team.pk]
    assert (kept.name, kept.namespaces, kept.anywhere) == ("prod", {"api", "web"}, True)
    assert kept.kubeconfig
    with maintenance():
        assert AuditEntry.objects.get(team=team, action="cluster.add").actor == OPERATOR


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["--namespace", "A"], "A namespace has 1 to 63"), ([], "remove it first"), (["--team", "nobody"], "'nobody'")],
)
def test_what_the_service_refuses_exits_with_2(team: Team, arguments: list[str], said: str) -> None:
    settle_cluster(team, kubeconfig(), name="prod")
    told = add(*arguments, team=team.slug, stdin=kubeconfig())
    assert (told.exit_code, told.stdout) == (2, "")
    assert said in told.stderr


def test_clusters_are_listed_by_team_and_what_is_wrong_is_said(team: Team, settings: Any) -> None:
    settle_cluster(team, kubeconfig(), name="one", namespaces=["api", "web"])
    settle_cluster(make_team(), kubeconfig(), name="other")
    listed = run("list", "--team", team.slug)
    assert (listed.exit_code, listed.stderr) == (0, "")
    (line,) = [line for line in listed.stdout.splitlines() if "example" in line]
    assert line.split() == [f"{team.slug}/one", "https://cluster.example:6443", "api,", "web", "-"]
    everybody = run("list").stdout
    assert f"{team.slug}/one" in everybody
    assert "/other" in everybody
    settings.SECRET_KEY = "another one"
    warned = run("list", "--team", team.slug)
    assert f"{team.slug}/one: The kubeconfig cannot be decrypted: TAILSVC_SECRET_KEY" in warned.stderr
    assert warned.exit_code == 0
    assert run("list", "--team", "nobody").exit_code == 2


def test_a_cluster_is_forgotten_once(team: Team) -> None:
    settle_cluster(team, kubeconfig(), name="prod")
    assert run("remove", "prod", "--team", team.slug).exit_code == 0
    again = run("remove", "prod", "--team", team.slug)
    assert (again.exit_code, "no cluster 'prod'" in again.stderr) == (2, True)
    assert run("remove", "prod", "--team", "nobody").exit_code == 2
