"""Kubeconfigs: from the text that a person has to the least that the collector needs, and nothing else.

One cluster, one user, one context, and everything inside the document: no files, no programs to run. Whatever cannot be
brought into that form is refused with a RuleBroken that says what to do instead; it never repeats a secret.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import jwt

from apps.accounts.errors import RuleBroken
from apps.clusters import pem
from apps.clusters.addresses import is_off_limits
from apps.clusters.limits import KUBECONFIG_BYTES, SERVER_CHARS
from tailsvc.objects.bodies import Unreadable, read_yaml

_MOST_LISTED = 10
_ADVICE = (
    "let the context name a user with the token of a service account (`kubectl create token NAME --duration 8760h`)."
)
_FLATTEN = "`kubectl config view --raw --minify --flatten` prints what one context needs, with files' contents inside."
_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.%A-Za-z0-9]{2,60}\]")
_PATH = re.compile(r"[A-Za-z0-9._~/:@!$&'()*+,;=%-]*")
_VISIBLE = re.compile(r"[\x21-\x7e]+")
# Programs and other ways that the service has not got, by the field that asks for them.
_USER_REFUSED = {
    "exec": f"runs a program for its credentials (exec), which the service cannot do; {_ADVICE}",
    "auth-provider": f"takes its credentials from an auth-provider, which the service cannot do; {_ADVICE}",
} | {
    name: f"acts as somebody else ({name}); give it the credentials of one who may read the logs."
    for name in ("as", "as-uid", "as-groups", "as-user-extra")
}

ReadFile = Callable[[str], bytes]
Section = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Kubeconfig:
    """`document` is a whole kubeconfig, its one context named "collect"; PEMs are base64, as `...-data`."""

    document: Section = field(repr=False)
    server: str
    expires_at: datetime | None  # of the token or the client's certificate, whichever ends first


def read_kubeconfig(
    text: str, *, context: str | None = None, read_file: ReadFile | None = None, anywhere: bool = False
) -> Kubeconfig:
    """Cut to its context (or its current one). Raises RuleBroken.

    Files that it names are refused unless `read_file` gives their content (it raises OSError). `anywhere`: the server
    may be this machine, and without TLS.
    """
    config = _mapping(_parsed(text), "The kubeconfig")
    cluster, user = _chosen(config, context)
    kept_cluster = _cluster(cluster, read_file, anywhere=anywhere)
    kept_user, ends = _user(user, read_file)
    return Kubeconfig(_document(kept_cluster, kept_user), kept_cluster["server"], min(ends, default=None))


def _refused(sentence: str, at: str = "kubeconfig") -> RuleBroken:
    return RuleBroken(at, sentence)


def _parsed(text: str) -> Any:
    body = text.encode(errors="replace")
    if len(body) > KUBECONFIG_BYTES:
        raise _refused(f"The kubeconfig is larger than {KUBECONFIG_BYTES // 1024} KiB. {_FLATTEN}")
    try:
        return read_yaml(body)
    except Unreadable as error:
        # Without the reader's own words: they could repeat what is there.
        where = f" (line {error.line})" if error.line else ""
        raise _refused(
            f"The kubeconfig is not plain YAML{where}: it may hold texts, numbers, lists and mappings, and no aliases "
            "or tags, and nest no deeper than 64. `kubectl config view --raw` prints it so."
        ) from None


def _chosen(config: Section, context: str | None) -> tuple[Section, Section]:
    """The cluster and the user that the context names."""
    name = context or _text(config, "current-context")
    if not name:
        raise _refused(f"The kubeconfig has no current-context; say which one to use. {_known(config)}", "context")
    at = "context" if context else "kubeconfig"
    chosen = _named(config, "context", name, at)
    parts = []
    for kind in ("cluster", "user"):
        wanted = _text(chosen, kind)
        if not wanted:
            raise _refused(f"The context {_shown(name)} of the kubeconfig names no {kind}.")
        parts.append(_named(config, kind, wanted, "kubeconfig"))
    return parts[0], parts[1]


def _named(config: Section, kind: str, name: str, at: str) -> Section:
    """`contexts: [{name: ..., context: {...}}]`, and clusters and users alike."""
    found = [entry for entry in _entries(config, kind) if entry.get("name") == name]
    if not found:
        more = f" {_known(config)}" if kind == "context" else ""
        raise _refused(f"The kubeconfig has no {kind} {_shown(name)}.{more}", at)
    if len(found) > 1:
        raise _refused(f"The kubeconfig has the {kind} {_shown(name)} more than once.")
    return _mapping(found[0].get(kind) or {}, f"The kubeconfig's {kind} {_shown(name)}")


def _entries(config: Section, kind: str) -> list[Section]:
    listed = config.get(f"{kind}s") or []
    if not isinstance(listed, list):
        raise _refused(f"The kubeconfig's {kind}s must be a list.")
    return [_mapping(entry, f"Each of the kubeconfig's {kind}s") for entry in listed]


def _known(config: Section) -> str:
    names = [str(entry.get("name")) for entry in _entries(config, "context")]
    if not names:
        return "It has no contexts."
    more = ", ..." if len(names) > _MOST_LISTED else ""
    return f"It has: {', '.join(map(_shown, names[:_MOST_LISTED]))}{more}."


def _cluster(cluster: Section, read_file: ReadFile | None, *, anywhere: bool) -> Section:
    kept: Section = {"server": _server(_text(cluster, "server"), anywhere=anywhere)}
    if _text(cluster, "proxy-url"):
        raise _refused("The kubeconfig's cluster is reached by a proxy (proxy-url), which is not supported; remove it.")
    authority = _content(cluster, "certificate-authority", read_file)
    if authority:
        pem.check_certificates(authority, "certificate-authority-data")
        kept["certificate-authority-data"] = pem.encoded(authority)
    if _flag(cluster, "insecure-skip-tls-verify"):
        if authority:
            raise _refused(
                "The kubeconfig's cluster has both certificate-authority-data and insecure-skip-tls-verify; "
                "remove the second."
            )
        kept["insecure-skip-tls-verify"] = True
    name = _text(cluster, "tls-server-name")
    if name:
        if not _HOST.fullmatch(name):
            raise _refused("The kubeconfig's tls-server-name is not the name of a host.")
        kept["tls-server-name"] = name
    return kept


def _server(server: str, *, anywhere: bool) -> str:
    """Without the slash at its end, as it is shown."""
    if not server:
        raise _refused("The kubeconfig's cluster has no server.")
    if len(server) > SERVER_CHARS:
        raise _refused(f"The kubeconfig's server is longer than {SERVER_CHARS} characters.")
    if not server.isascii() or not server.isprintable():  # of which urlsplit drops some
        raise _not_an_address()
    try:
        parts = urlsplit(server)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise _not_an_address() from None
    named = f"[{host}]" if ":" in host else host
    whole = named if port is None else f"{named}:{port}"
    if "@" in parts.netloc or parts.query or parts.fragment or not _HOST.fullmatch(named) or port == 0:
        raise _not_an_address()
    if not _PATH.fullmatch(parts.path) or parts.scheme not in {"https", "http"}:
        raise _not_an_address()
    if parts.scheme != "https" and not anywhere:
        raise _refused("The kubeconfig's server must be https: its credentials would be read on the way.")
    if not anywhere and is_off_limits(host):
        raise _refused(
            f"The kubeconfig's server is at {_shown(host)}, which is not a place that others can reach; "
            "give the address of the cluster's API as this service reaches it."
        )
    return f"{parts.scheme}://{whole}{parts.path.rstrip('/')}"


def _not_an_address() -> RuleBroken:
    return _refused(
        "The kubeconfig's server must be an address such as https://cluster.example:6443, with the host in ASCII, and "
        "without user, query or fragment."
    )


def _user(user: Section, read_file: ReadFile | None) -> tuple[Section, list[datetime]]:
    """What is kept, and when it ends."""
    for name, sentence in _USER_REFUSED.items():
        if user.get(name):
            raise _refused(f"The kubeconfig's user {sentence}")
    kept: Section = {}
    ends = []
    certificate, key = (_content(user, name, read_file) for name in ("client-certificate", "client-key"))
    if certificate or key:
        ends.append(pem.check_pair(certificate, key))
        kept |= {"client-certificate-data": pem.encoded(certificate), "client-key-data": pem.encoded(key)}
    token = _token(user, read_file)
    if token:
        ends += _end_of_token(token)
        kept["token"] = token
    kept |= _password(user)
    if not kept:
        raise _refused(f"The kubeconfig's user has no credentials; {_ADVICE}")
    if {"token", "username"} <= kept.keys():
        raise _refused("The kubeconfig's user has both a token and a password; remove one.")
    return kept, ends


def _token(user: Section, read_file: ReadFile | None) -> str:
    """The file's rather than the text, as Kubernetes' clients have it."""
    token = _text(user, "token")
    if _text(user, "tokenFile"):
        if read_file is None:
            raise _refused(
                "The kubeconfig's tokenFile names a file, which the service has not got; send its content as token."
            )
        token = _of_file(_text(user, "tokenFile"), "tokenFile", read_file).decode("ascii", "replace")
    token = token.strip()
    if token and not _VISIBLE.fullmatch(token):
        raise _refused("The kubeconfig's token is not the text of a token.")
    return token


def _password(user: Section) -> Section:
    name, password = _text(user, "username"), _text(user, "password")
    if not name and not password:
        return {}
    if not name or not password or ":" in name or not (name + password).isprintable():
        raise _refused("The kubeconfig's user needs both a username without a colon and a password.")
    return {"username": name, "password": password}


def _end_of_token(token: str) -> list[datetime]:
    """Where it is a JWT that says so, as service accounts' are."""
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
        return [datetime.fromtimestamp(int(claims["exp"]), UTC)]
    except (jwt.InvalidTokenError, KeyError, TypeError, ValueError, OverflowError, OSError):
        return []


def _content(section: Section, name: str, read_file: ReadFile | None) -> bytes:
    """A PEM, from `name-data` or else from the file `name`; empty if there is neither."""
    data = _text(section, f"{name}-data")
    if data:
        return pem.decoded(data, f"{name}-data")
    path = _text(section, name)
    if path and read_file is None:
        raise _refused(f"The kubeconfig's {name} names a file, which the service has not got. {_FLATTEN}")
    return _of_file(path, name, read_file) if path and read_file else b""


def _of_file(path: str, name: str, read_file: ReadFile) -> bytes:
    try:
        content = read_file(path)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise _refused(f"The kubeconfig's {name} names {_shown(path)}, which cannot be read: {why}.") from None
    if not content or len(content) > KUBECONFIG_BYTES:
        raise _refused(f"The kubeconfig's {name} names {_shown(path)}, which is empty or far too large.")
    return content


def _document(cluster: Section, user: Section) -> Section:
    name = "collect"
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": cluster}],
        "users": [{"name": name, "user": user}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }


def _mapping(value: Any, what: str) -> Section:
    if not isinstance(value, dict):
        raise _refused(f"{what} must be a mapping.")
    return value


def _text(section: Section, name: str) -> str:
    """Empty if it is not there."""
    value = section.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _refused(f"The kubeconfig's {name} must be a text; put it between quotes.")
    return value


def _flag(section: Section, name: str) -> bool:
    value = section.get(name) or False
    if not isinstance(value, bool):
        raise _refused(f"The kubeconfig's {name} must be true or false.")
    return value


def _shown(name: str) -> str:
    return repr(name[:100])
