"""Under which address static files are served."""

import hashlib
from importlib.metadata import version
from pathlib import Path


def static_url(folder: Path) -> str:
    """`static/<what is in the files>/`: may be kept by browsers for ever, as it changes with any of them.

    By the whole and not file by file, so that scripts may name each other by their plain names.
    """
    state = hashlib.sha256()
    for package in ("django", "drf-spectacular-sidecar"):  # the other files come from these
        state.update(f"{package} {version(package)}\n".encode())
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        state.update(f"{file.relative_to(folder)} {content}\n".encode())
    return f"static/{state.hexdigest()[:16]}/"
