"""The project's source files, as text and as syntax trees."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGES = ("tailsvc", "apps", "config")


@dataclass(frozen=True)
class Source:
    module: str
    path: Path
    text: str
    tree: ast.Module

    @property
    def is_package(self) -> bool:
        return self.path.name == "__init__.py"

    @property
    def is_migration(self) -> bool:
        return ".migrations" in self.module

    def texts(self) -> Iterator[str]:
        """String constants but for docstrings; of a formatted one, its fixed parts."""
        docstrings = {id(node.value) for node in ast.walk(self.tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
                yield node.value


@cache
def sources(*packages: str) -> tuple[Source, ...]:
    """Of these packages, or of all three."""
    return tuple(_read(path) for name in packages or PACKAGES for path in sorted((ROOT / name).rglob("*.py")))


def _read(path: Path) -> Source:
    parts = path.relative_to(ROOT).with_suffix("").parts
    text = path.read_text(encoding="utf-8")
    module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    return Source(module, path, text, ast.parse(text, str(path)))
