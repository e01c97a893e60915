"""How the source is cut and named."""

import ast

from tests.architecture.sources import sources

LONGEST_FILE = 400
# Names that say nothing, and so gather everything.
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "managers", "shared", "tools"}
SHORTEST_CHARTER = 30  # characters
# Packages that Django wants, and that hold nothing but what it looks for there.
DJANGOS = ("migrations", "management", "commands")


def test_no_file_is_longer_than_400_lines() -> None:
    lengths = {source.module: len(source.text.splitlines()) for source in sources("tailsvc", "apps", "config", "tests")}
    assert {module: lines for module, lines in lengths.items() if lines > LONGEST_FILE} == {}


def test_no_module_has_a_name_that_says_nothing() -> None:
    modules = [source.module for source in sources("tailsvc", "apps", "config", "tests")]
    assert [module for module in modules if EMPTY_NAMES & set(module.split("."))] == []


def test_every_package_says_what_it_is_for() -> None:
    without = [
        source.module
        for source in sources()
        if source.is_package and source.module.rpartition(".")[2] not in DJANGOS
        if len(ast.get_docstring(source.tree) or "") < SHORTEST_CHARTER
    ]
    assert without == []
