"""Programs of Debian for tests: the installed ones, else unpacked from apt's packages, as a plain user, without root.

tree = debian_tree("nginx", provide=["usr/sbin/nginx"])
subprocess.run([tree.program("usr/sbin/nginx"), "-v"])
"""

import fcntl
import os
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

# Its own loader would have to be unpacked and used with it; within one release the installed one always does.
_NEVER_UNPACKED = {"libc6"}
_INSTALLS = re.compile(r"^Inst (\S+) ", re.MULTILINE)
# Messages are read; and as root, apt would otherwise try to download as a user who cannot enter our folder.
_ENVIRONMENT = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
_OPTIONS = ("-q", "-o", "APT::Sandbox::User=root", "-o", "APT::Install-Recommends=false", "-o", "Acquire::Retries=5")


class Unavailable(Exception):
    """The packages are neither installed nor to be had here; the text says why."""


@dataclass(frozen=True, slots=True)
class DebianTree:
    """Where the packages' files lie: `/`, or a folder of ours into which they are unpacked."""

    root: Path

    @property
    def is_installed(self) -> bool:
        return self.root == Path("/")

    def find(self, pattern: str) -> Path:
        """The one file of that name, for example `usr/lib/syslog-ng/*/libhttp.so`."""
        return max(self.root.glob(pattern))

    def program(self, name: str) -> Path:
        """What to execute in order to run it: itself, or a script that first says where its libraries are."""
        if self.is_installed:
            return self.root / name
        return self.root / "programs" / Path(name).name

    def environment(self) -> dict[str, str]:
        """For a program that is executed by its own path: where its libraries are."""
        return {} if self.is_installed else {"LD_LIBRARY_PATH": _libraries(self.root, self.root)}

    def provides(self, patterns: Sequence[str]) -> bool:
        return all(any(self.root.glob(pattern)) for pattern in patterns)


def required_tree(*packages: str, provide: Sequence[str]) -> DebianTree:
    """`debian_tree` for a test, which is skipped, by the packages' names, where they cannot be had.

    In CI it fails: nobody reads there why a test was skipped.
    """
    try:
        return debian_tree(*packages, provide=provide)
    except Unavailable as error:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(str(error))


def debian_tree(*packages: str, provide: Sequence[str]) -> DebianTree:
    """The tree in which all files of `provide` (patterns below the root) are. Raises Unavailable."""
    installed = DebianTree(Path("/"))
    if installed.provides(provide):
        return installed
    cache = _cache()
    unpacked = DebianTree(cache / "+".join(packages))
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another process of the tests may be at it
        if not unpacked.provides(provide):
            _require_tools(packages)
            _unpack(packages, unpacked.root)
    if not unpacked.provides(provide):
        raise Unavailable(f"Debian's {' and '.join(packages)} here lack one of {', '.join(provide)}")
    return unpacked


def _cache() -> Path:
    """Where every user can read it: a server that root starts runs as somebody else."""
    folder = Path(tempfile.gettempdir()) / f"tailsvc-debian-{os.getuid()}"
    folder.mkdir(mode=0o755, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise Unavailable(f"{folder} belongs to somebody else")
    folder.chmod(0o755)
    return folder


def _require_tools(packages: Sequence[str]) -> None:
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise Unavailable(f"{' and '.join(packages)}: not installed, and there is no {tool} to get it with")


def _unpack(packages: Sequence[str], target: Path) -> None:
    fresh = Path(tempfile.mkdtemp(prefix="fresh-", dir=target.parent))
    try:
        for archive in _download(packages, fresh):
            subprocess.run(["dpkg-deb", "-x", archive, fresh], check=True, capture_output=True)
            archive.unlink()
        _write_scripts(fresh, target)
        fresh.chmod(0o755)
        shutil.rmtree(target, ignore_errors=True)
        fresh.rename(target)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _download(packages: Sequence[str], folder: Path) -> list[Path]:
    """The packages and what they need that is not installed. First by the system's lists, then by fresh ones."""
    try:
        return _download_by(packages, folder, lists=())
    except Unavailable:
        return _download_by(packages, folder, lists=_fresh_lists(folder.parent / "apt"))


def _download_by(packages: Sequence[str], folder: Path, lists: Sequence[str]) -> list[Path]:
    plan = _apt(*lists, "install", "--simulate", "--reinstall", *packages)
    wanted = {*packages, *_INSTALLS.findall(plan)} - _NEVER_UNPACKED
    _apt(*lists, "download", *sorted(wanted), cwd=folder)
    return sorted(folder.glob("*.deb"))


def _fresh_lists(folder: Path) -> list[str]:
    """Options for lists of our own: the system's may be empty, out of date or closed to us."""
    (folder / "lists" / "partial").mkdir(parents=True, exist_ok=True)
    (folder / "cache" / "archives" / "partial").mkdir(parents=True, exist_ok=True)
    options = ["-o", f"Dir::State::Lists={folder / 'lists'}", "-o", f"Dir::Cache={folder / 'cache'}"]
    _apt(*options, "update")
    return options


def _apt(*arguments: str, cwd: Path | None = None) -> str:
    done = subprocess.run(
        ["apt-get", *_OPTIONS, *arguments], cwd=cwd, env=_ENVIRONMENT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = " ".join(line for line in done.stderr.splitlines() if line.startswith("E:"))
        raise Unavailable(f"apt-get {shlex.join(arguments)} failed: {said}")
    return done.stdout


def _write_scripts(fresh: Path, target: Path) -> None:
    """A script for each program. It executes the program by its true path, from which some find their own files."""
    search = shlex.quote(_libraries(fresh, target))
    scripts = fresh / "programs"
    scripts.mkdir()
    for program in _programs(fresh):
        script = scripts / program.name
        true_path = shlex.quote(str(target / program.relative_to(fresh)))
        script.write_text(
            f"#!/bin/sh\nLD_LIBRARY_PATH={search}${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}\n"
            f'export LD_LIBRARY_PATH\nexec {true_path} "$@"\n'
        )
        script.chmod(0o755)


def _libraries(tree: Path, target: Path) -> str:
    return ":".join(sorted({str(target / path.parent.relative_to(tree)) for path in tree.glob("**/*.so.*")}))


def _programs(tree: Path) -> list[Path]:
    folders = [path for path in tree.glob("**/*bin") if path.is_dir()]
    return [path for folder in folders for path in folder.iterdir() if path.is_file() and os.access(path, os.X_OK)]
