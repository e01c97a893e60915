"""What may know what."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from django.apps import apps
from django.db.models import Field, Model

from tests.architecture.sources import ROOT, sources


def test_the_import_contracts_hold() -> None:
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([program, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert " 0 broken" in done.stdout


def test_the_engine_waits_on_threads_but_for_followers() -> None:
    """A thousand that wait need an event loop; everything else may be called from any thread."""
    kinds = (ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith)
    found = {
        source.module
        for source in sources("tailsvc")
        if not source.module.startswith("tailsvc.tail")
        for node in ast.walk(source.tree)
        if isinstance(node, kinds) or "asyncio" in _imported(node)
    }
    assert found == set()


def test_the_engine_asks_the_time_in_one_place() -> None:
    """Everywhere else it is handed in; how long something took is another question."""
    clocks = {"time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "datetime.today", "date.today"}
    found = {
        source.module
        for source in sources("tailsvc")
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in clocks
    }
    assert found == {"tailsvc.clock"}


def test_the_engine_reads_no_environment() -> None:
    found = {source.module for source in sources("tailsvc") if "os.environ" in source.text or "getenv" in source.text}
    assert found == set()


def _layers() -> list[set[str]]:
    """The product's layers, lowest first, as import-linter knows them."""
    configured = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    contract = next(each for each in configured["contracts"] if each.get("containers") == ["apps"])
    return [set(layer.split(" | ")) for layer in reversed(contract["layers"])]


OURS = [model for model in apps.get_models() if model.__module__.startswith("apps.")]


def _height(model: type[Model]) -> int:
    """Django's own and other packages' models lie below all of ours."""
    package, _, name = model.__module__.partition(".")
    if package != "apps":
        return -1
    return next(height for height, layer in enumerate(_layers()) if name.split(".")[0] in layer)


@pytest.mark.parametrize("model", OURS, ids=lambda model: model._meta.label)
def test_a_model_points_at_its_own_layer_or_below(model: type[Model]) -> None:
    for field in model._meta.get_fields():
        if isinstance(field, Field) and field.related_model:
            assert isinstance(field.related_model, type)
            assert _height(field.related_model) <= _height(model), field.name


@pytest.mark.parametrize("model", OURS, ids=lambda model: model._meta.label)
def test_a_model_of_a_team_says_so(model: type[Model]) -> None:
    """`team_isolated` is what makes the ORM refuse it outside a team's scope."""
    names = {field.name for field in model._meta.get_fields() if isinstance(field, Field)}
    is_teams = "team" in names or "stream" in names or model._meta.label == "accounts.Team"
    assert getattr(model, "team_isolated", False) == is_teams


def _imported(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Import):
        return {alias.name.split(".")[0] for alias in node.names}
    return {node.module.split(".")[0]} if isinstance(node, ast.ImportFrom) and node.module else set()
