"""Which service a command speaks to, and with which token: an option, the environment, a file, or this machine's own.

A token is never an argument (`ps` shows those) and is in no message; files that hold one are closed to others.
"""

import os
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from config import env
from config.cli.options import one_of
from config.cli.terminal import USAGE, fail
from config.runtime.home import Home
from config.runtime.tree import FIRST_TOKEN

URL, TOKEN, CONFIG = "TAILSVC_URL", "TAILSVC_TOKEN", "TAILSVC_CONFIG"
_KEYS = {"url", "token"}

ServerOption = Annotated[
    str | None, typer.Option("--server", help="One of the servers in the configuration file.", metavar="NAME")
]
# Without the variable, unlike the operators' commands: what is typed comes first, TAILSVC_HOME last.
OwnHomeOption = Annotated[
    Path | None,
    typer.Option("--home", help="The data folder of a service that runs on this machine.", file_okay=False),
]


@dataclass(frozen=True, slots=True)
class Server:
    url: str  # without a slash at its end
    token: str = field(repr=False)
    home: Home | None = None  # whose service it is, where it was found by its home


def choose(name: str | None, home: Path | None) -> Server:
    """What is said on the command line, else in the environment, else in the file, else what runs here.

    Exits with 2 for what is configured wrongly, with 1 where nothing is.
    """
    if name is not None and home is not None:
        fail("--server and --home both name a service; use one of them.", code=USAGE)
    if home is not None:
        return _of_home(Home.at(home)) or _nothing_runs(home)
    if name is None and (url := env.text(URL)):
        return _server(url, env.text(TOKEN), origin=URL, remedy=f"set {TOKEN}")
    path = config_path()
    found = _read(path)
    if found is not None and (name is not None or found.default is not None):
        return _of_file(found, path, name or found.default or "")
    if name is not None:
        fail(f"There is no configuration file {path}, so there is no server {name!r}.", code=USAGE)
    return _of_home(Home.at(None)) or _nowhere(path)


def config_path() -> Path:
    if named := os.environ.get(CONFIG):
        return Path(named).expanduser()
    folder = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(folder).expanduser() / "tailsvc" / "config.toml"


@dataclass(frozen=True, slots=True)
class _File:
    default: str | None
    servers: Mapping[str, Any] = field(repr=False)


def _read(path: Path) -> _File | None:
    """None where there is none. Exits with 2 for one that cannot be used."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            found = tomllib.load(file)
    except FileNotFoundError:
        return None
    except OSError as error:
        fail(f"{path} cannot be read: {error.strerror}.", code=USAGE)
    except ValueError as error:  # its text has the place, and nothing of the content
        fail(f"{path} is not TOML: {error}", code=USAGE)
    file_ = _checked(path, found)
    if mode & (stat.S_IRWXG | stat.S_IRWXO) and any("token" in one for one in file_.servers.values()):
        fail(f"{path} holds a token and others may read it: chmod 600 {path}", code=USAGE)
    return file_


def _checked(path: Path, found: Mapping[str, Any]) -> _File:
    servers, default = found.get("servers", {}), found.get("default")
    if odd := sorted(found.keys() - {"servers", "default"}):
        fail(f"{path} says {odd[0]!r}; it may say default and [servers.NAME].", code=USAGE)
    if not isinstance(servers, dict) or not all(isinstance(one, dict) for one in servers.values()):
        fail(f"{path}: servers are written as [servers.NAME].", code=USAGE)
    for name, one in servers.items():
        if odd := sorted(one.keys() - _KEYS):
            fail(f"{path}: server {name} says {odd[0]!r}; it may say url and token.", code=USAGE)
        if not isinstance(one.get("url"), str) or not isinstance(one.get("token", ""), str):
            fail(f"{path}: server {name} needs a url and may have a token, both texts.", code=USAGE)
    if default is not None and default not in servers:
        fail(f"{path}: default is {default!r}, and no server has that name.", code=USAGE)
    return _File(default, servers)


def _of_file(found: _File, path: Path, name: str) -> Server:
    chosen = found.servers[one_of(name, found.servers, kind="server")]
    token = chosen.get("token") or env.text(TOKEN)
    return _server(chosen["url"], token, origin=f"{path}, server {name}", remedy=f"add a token there, or set {TOKEN}")


def _of_home(home: Home) -> Server | None:
    state = home.running()
    if state is None:
        return None
    try:
        token = (home.path / FIRST_TOKEN).read_text().strip()
    except OSError:
        token = ""
    token = env.text(TOKEN) or token
    return replace(_server(state.address, token, origin=str(home.path), remedy=f"set {TOKEN}"), home=home)


def _server(url: str, token: str, *, origin: str, remedy: str) -> Server:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        fail(f"{origin}: the address must begin with http:// or https://.", code=USAGE)
    if parts.username or parts.password or parts.query or parts.fragment:
        fail(f"{origin}: the address must have neither a user nor parameters; the token has its own place.", code=USAGE)
    if not token:
        fail(f"{origin}: there is no token; {remedy}.", code=USAGE)
    # Whatever else it may be, it must fit into a header: libraries quote what they refuse.
    if not token.isascii() or not token.isprintable() or " " in token:
        fail(f"{origin}: the token has characters that no token has.", code=USAGE)
    return Server(url.rstrip("/"), token)


def _nothing_runs(home: Path) -> Server:
    fail(f"No tailsvc runs on {home} (or it has not finished starting). Start it with `tailsvc up`.")


def _nowhere(path: Path) -> Server:
    fail(
        f"Which service? None runs on {Home.at(None).path}. Name one with {URL} and {TOKEN}, in {path}, "
        "or with --home; or start one with `tailsvc up`."
    )
