"""What is read of a kubeconfig, and what is refused with words that help."""

import asyncio
import base64
import json
import textwrap
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st
from kubernetes_asyncio.client import Configuration
from kubernetes_asyncio.config.kube_config import KubeConfigLoader

from apps.accounts.errors import RuleBroken
from apps.clusters.addresses import is_off_limits
from apps.clusters.kubeconfigs import read_kubeconfig
from apps.clusters.limits import KUBECONFIG_BYTES
from tests.factories.kubeconfigs import (
    CERTIFICATE_ENDS,
    TOKEN,
    certificate_pem,
    data,
    key_pem,
    kubeconfig,
    token_until,
)

CERTIFICATE = {"client-certificate-data": data(certificate_pem()), "client-key-data": data(key_pem())}
SECOND = {"contexts": [{"name": name, "context": {"cluster": "c", "user": "u"}} for name in ("x", "y")]}


def refusal(text: str, **options: Any) -> RuleBroken:
    with pytest.raises(RuleBroken) as refused:
        read_kubeconfig(text, **options)
    assert TOKEN not in str(refused.value)
    return refused.value


def kept(text: str, **options: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Its cluster and its user."""
    document = read_kubeconfig(text, **options).document
    return document["clusters"][0]["cluster"], document["users"][0]["user"]


# What is kept


def test_only_what_the_context_needs_is_kept() -> None:
    others = [{"name": "u", "user": {"token": TOKEN}}, {"name": "other", "user": {"token": "somebody else's"}}]
    cluster = {"certificate-authority-data": data(certificate_pem()), "extensions": [{"name": "minikube"}]}
    found = read_kubeconfig(kubeconfig(cluster=cluster, users=others, extensions=[]))
    assert found.document == {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": "collect",
                "cluster": {
                    "server": "https://cluster.example:6443",
                    "certificate-authority-data": data(certificate_pem()),
                },
            }
        ],
        "users": [{"name": "collect", "user": {"token": TOKEN}}],
        "contexts": [{"name": "collect", "context": {"cluster": "collect", "user": "collect"}}],
        "current-context": "collect",
    }
    assert (found.server, found.expires_at) == ("https://cluster.example:6443", None)
    assert TOKEN not in repr(found)


@pytest.mark.parametrize(
    "user",
    [{"token": TOKEN}, {"username": "reader", "password": "s e c r e t"}, CERTIFICATE, {**CERTIFICATE, "token": TOKEN}],
)
def test_each_kind_of_credentials_is_kept(user: dict[str, str]) -> None:
    assert kept(kubeconfig(user=user))[1] == user


def test_the_collectors_client_takes_what_is_kept() -> None:
    cluster = {"certificate-authority-data": data(certificate_pem()), "tls-server-name": "api.internal"}
    found = read_kubeconfig(kubeconfig(cluster=cluster, user={**CERTIFICATE, "token": TOKEN}))
    configuration = Configuration()
    asyncio.run(KubeConfigLoader(found.document).load_and_set(configuration))
    assert configuration.host == "https://cluster.example:6443"
    assert configuration.api_key == {"BearerToken": f"Bearer {TOKEN}"}
    assert configuration.tls_server_name == "api.internal"


def test_the_context_is_the_one_that_is_named_else_the_current_one() -> None:
    users = [{"name": name, "user": {"token": name}} for name in ("u", "v")]
    contexts = [{"name": f"for {name}", "context": {"cluster": "c", "user": name}} for name in ("u", "v")]
    text = kubeconfig(users=users, contexts=contexts, **{"current-context": "for v"})
    assert kept(text)[1] == {"token": "v"}
    assert kept(text, context="for u")[1] == {"token": "u"}


def test_yaml_as_people_write_it_is_read() -> None:
    authority = textwrap.indent(base64.encodebytes(certificate_pem()).decode(), "      ")
    text = f"""\
# of the shop
current-context: x
contexts: [{{name: x, context: {{cluster: c, user: u}}}}]
clusters:
- name: c
  cluster:
    server: https://cluster.example/k8s/clusters/c-1/
    certificate-authority-data: |
{authority}
users: [{{name: u, user: {{token: "{TOKEN}\\n", created: 2026-01-01}}}}]
"""
    cluster, user = kept(text)
    assert cluster["server"] == "https://cluster.example/k8s/clusters/c-1"
    assert cluster["certificate-authority-data"] == data(certificate_pem())
    assert user == {"token": TOKEN}


def test_when_credentials_end_is_known_where_they_say() -> None:
    early, late = datetime(2027, 1, 1, tzinfo=UTC), datetime(2037, 1, 1, tzinfo=UTC)
    assert read_kubeconfig(kubeconfig(user={"token": token_until(early)})).expires_at == early
    assert read_kubeconfig(kubeconfig(user=CERTIFICATE)).expires_at == CERTIFICATE_ENDS
    both = {**CERTIFICATE, "token": token_until(late)}
    assert read_kubeconfig(kubeconfig(user=both)).expires_at == CERTIFICATE_ENDS
    odd = base64.urlsafe_b64encode(json.dumps({"exp": 10**30}).encode()).decode().rstrip("=")
    assert read_kubeconfig(kubeconfig(user={"token": f"eyJhbGciOiJub25lIn0.{odd}.AA"})).expires_at is None


# Files


def test_files_are_read_where_somebody_can() -> None:
    files = {"ca.crt": certificate_pem(), "c.crt": certificate_pem(), "c.key": key_pem(), "token": b"from-a-file\n"}
    text = kubeconfig(
        cluster={"certificate-authority": "ca.crt"},
        user={"client-certificate": "c.crt", "client-key": "c.key", "tokenFile": "token", "token": "old"},
    )
    cluster, user = kept(text, read_file=files.__getitem__)
    assert cluster == {
        "server": "https://cluster.example:6443",
        "certificate-authority-data": data(certificate_pem()),
    }
    assert user == {**CERTIFICATE, "token": "from-a-file"}


def test_what_stands_in_the_document_wins_over_a_file() -> None:
    cluster = {"certificate-authority-data": data(certificate_pem()), "certificate-authority": "gone.crt"}
    assert "certificate-authority-data" in kept(kubeconfig(cluster=cluster))[0]


@pytest.mark.parametrize(
    ("cluster", "user", "advice"),
    [
        ({"certificate-authority": "/etc/ca.crt"}, None, "--flatten"),
        ({}, {"client-certificate": "c.crt", "client-key": "c.key"}, "--flatten"),
        ({}, {"tokenFile": "/var/run/token"}, "send its content as token"),
    ],
)
def test_files_are_refused_where_nobody_has_them(cluster: dict[str, str], user: Any, advice: str) -> None:
    assert advice in str(refusal(kubeconfig(cluster=cluster, user=user)))


@pytest.mark.parametrize(
    ("read", "said"),
    [(b"", "empty or far too large"), (b"x" * (KUBECONFIG_BYTES + 1), "empty"), (None, "No such file")],
)
def test_a_file_that_is_of_no_use_is_named(read: bytes | None, said: str) -> None:
    def read_file(_: str) -> bytes:
        if read is None:
            raise FileNotFoundError(2, "No such file or directory")
        return read

    told = str(refusal(kubeconfig(user={"tokenFile": "some-file"}), read_file=read_file))
    assert said in told
    assert "some-file" in told


# What is refused


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (kubeconfig(user={"exec": {"command": "aws"}}), "kubectl create token"),
        (kubeconfig(user={"exec": {"command": "aws"}, "token": TOKEN}), "exec"),
        (kubeconfig(user={"auth-provider": {"name": "oidc"}}), "kubectl create token"),
        (kubeconfig(user={"token": TOKEN, "as": "root"}), "somebody else"),
        (kubeconfig(user={"token": TOKEN, "as-groups": ["system:masters"]}), "somebody else"),
        (kubeconfig(user={}), "no credentials"),
        (kubeconfig(user={"token": ""}), "no credentials"),
        (kubeconfig(user={"token": 12345}), "quotes"),
        (kubeconfig(user={"token": f"{TOKEN}\r\nX-Admin: yes"}), "not the text of a token"),
        (kubeconfig(user={"token": "ä"}), "not the text of a token"),
        (kubeconfig(user={"token": TOKEN, "username": "a", "password": "b"}), "remove one"),
        (kubeconfig(user={"username": "a"}), "a password"),
        (kubeconfig(user={"username": "a:b", "password": "c"}), "colon"),
        (kubeconfig(user={"username": "a", "password": "b\n"}), "password"),
        (kubeconfig(user={"client-certificate-data": data(certificate_pem())}), "needs both"),
        (kubeconfig(user={**CERTIFICATE, "client-key-data": "%%%"}), "client-key-data is not base64"),
        (kubeconfig(user={**CERTIFICATE, "client-key-data": data(b"no key")}), "no private key"),
        (kubeconfig(user={**CERTIFICATE, "client-key-data": data(key_pem(password=b"x"))}), "has a password"),
        (
            kubeconfig(user={**CERTIFICATE, "client-key-data": data(key_pem(ec.generate_private_key(ec.SECP256R1())))}),
            "do not belong together",
        ),
        (kubeconfig(cluster={"certificate-authority-data": data(b"no certificate")}), "no certificate"),
        (kubeconfig(cluster={"certificate-authority-data": "é"}), "not base64"),
        (
            kubeconfig(
                cluster={"certificate-authority-data": data(certificate_pem()), "insecure-skip-tls-verify": True}
            ),
            "remove the second",
        ),
        (kubeconfig(cluster={"insecure-skip-tls-verify": "yes"}), "true or false"),
        (kubeconfig(cluster={"tls-server-name": "a b"}), "not the name of a host"),
        (kubeconfig(cluster={"proxy-url": "http://proxy:3128"}), "proxy"),
        (kubeconfig(clusters=[]), "no cluster 'c'"),
        (kubeconfig(users=[]), "no user 'u'"),
        (kubeconfig(users=[{"name": "u", "user": {"token": TOKEN}}] * 2), "more than once"),
        (kubeconfig(contexts=[{"name": "x", "context": {"cluster": "c"}}]), "names no user"),
        (kubeconfig(contexts="x"), "must be a list"),
        (kubeconfig(contexts=["x"]), "must be a mapping"),
        (kubeconfig(clusters=[{"name": "c", "cluster": ["https://a"]}]), "must be a mapping"),
        ("[]", "must be a mapping"),
        ("", "must be a mapping"),
    ],
)
def test_what_cannot_be_used_is_refused_with_a_reason(text: str, said: str) -> None:
    refused = refusal(text)
    assert said in str(refused)
    assert refused.field == "kubeconfig"


def test_a_context_that_is_not_there_is_told_with_those_that_are() -> None:
    refused = refusal(kubeconfig(**SECOND), context="z")
    assert (refused.field, "It has: 'x', 'y'." in str(refused)) == ("context", True)
    unsaid = refusal(kubeconfig(**SECOND, **{"current-context": ""}))
    assert (unsaid.field, "It has: 'x', 'y'." in str(unsaid)) == ("context", True)
    many = [{"name": f"c{number}", "context": {}} for number in range(5000)]
    assert len(str(refusal(kubeconfig(contexts=many), context="z"))) < 300


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a: 1\nb: [", "line 3"),
        ("a: &a [x]\nb: [*a, *a]\n", "line 2"),
        ("[" * 100_000, "line 1"),
        ("- " * 100_000, "line 1"),
        ("{a: " * 60_000, "line 1"),
        (f"a: !!int {TOKEN}", "not plain YAML"),
        (f"a: !!python/name:{TOKEN}", "line 1"),
        (f"? [{TOKEN}]\n: 1", "not plain YAML"),
        ("\x00", "not plain YAML"),
    ],
)
def test_yaml_that_is_broken_or_a_trap_is_refused_at_once(text: str, place: str) -> None:
    assert place in str(refusal(text))


def test_what_is_too_large_is_not_looked_at() -> None:
    assert "256 KiB" in str(refusal(kubeconfig(filler="ä" * (KUBECONFIG_BYTES // 2))))


# Where the server is


@pytest.mark.parametrize(
    "server",
    [
        "https://localhost:6443",
        "https://LOCALHOST.",
        "https://kubernetes.docker.localhost",
        "https://127.0.0.1:6443",
        "https://127.1",
        "https://2130706433",
        "https://0x7f.1",
        "https://0177.0.0.1",
        "https://0.0.0.0:6443",
        "https://169.254.169.254",
        "https://224.0.0.1",
        "https://[::1]:6443",
        "https://[::]",
        "https://[fe80::1%25eth0]",
        "https://[ff02::1]",
        "https://[::ffff:127.0.0.1]",
        "https://[64:ff9b::7f00:1]",
    ],
)
def test_a_server_may_not_be_where_only_the_service_itself_reaches(server: str) -> None:
    assert "as this service reaches it" in str(refusal(kubeconfig(server=server)))
    assert kept(kubeconfig(server=server), anywhere=True)[0]["server"].lower() == server.lower()


@pytest.mark.parametrize(
    "server", ["https://10.0.0.7:6443", "https://192.168.1.1", "https://[fd00::7]:443/api", "https://8.8.8.8"]
)
def test_private_networks_are_where_clusters_live(server: str) -> None:
    assert kept(kubeconfig(server=server))[0] == {"server": server}


def test_plain_http_is_the_operators() -> None:
    text = kubeconfig(server="http://127.0.0.1:8001")
    assert "https" in str(refusal(text))
    assert kept(text, anywhere=True)[0] == {"server": "http://127.0.0.1:8001"}


@pytest.mark.parametrize(
    "server",
    [
        "cluster.example:6443",
        "ftp://cluster.example",
        "https://",
        "https:///path",
        "https://user:secret@cluster.example",
        "https://cluster.example:99999",
        "https://cluster.example:0",
        "https://cluster.example:x",
        "https://cluster.example?a=b",
        "https://cluster.example#a",
        "https://cluster.example/a b",
        "https://clüster.example",
        "https://ⓛocalhost",
        "https://[::1",
        "https://[fe80::zz]",
        "https://a\nb",
    ],
)
@pytest.mark.parametrize("anywhere", [True, False])
def test_what_is_no_address_of_an_api_is_refused(server: str, anywhere: bool) -> None:
    told = str(refusal(kubeconfig(server=server), anywhere=anywhere))
    assert "must be an address" in told
    assert "secret" not in told


@pytest.mark.parametrize(("server", "said"), [("", "no server"), (None, "no server"), (f"https://{'a' * 500}", "500")])
def test_a_server_there_must_be(server: Any, said: str) -> None:
    assert said in str(refusal(kubeconfig(server=server)))


@given(st.integers(0, 2**24 - 1), st.sampled_from(["{}", "0x{:x}", "0{:o}", "::ffff:127.{}.{}.{}", "127.{}.{}.{}"]))
def test_every_spelling_of_a_loopback_address_is_off_limits(number: int, spelling: str) -> None:
    parts = number.to_bytes(3)
    whole = 127 * 2**24 + number
    assert is_off_limits(spelling.format(*parts) if "." in spelling else spelling.format(whole))


# Whatever is sent

TEXTS = st.one_of(st.text(max_size=20), st.sampled_from(["x", "c", "u", "https://a.b", TOKEN]))
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=8,
)
FIELDS = ["current-context", "contexts", "clusters", "users", "apiVersion"]
INSIDE = ["server", "certificate-authority-data", "tls-server-name", "proxy-url", "insecure-skip-tls-verify"]
CREDENTIALS = ["token", "tokenFile", "username", "client-key-data", "client-certificate-data", "exec", "as"]


@settings(max_examples=50)
@given(
    st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=2),
    st.dictionaries(st.sampled_from(INSIDE), VALUES, max_size=3),
    st.dictionaries(st.sampled_from(CREDENTIALS), VALUES, max_size=3),
)
def test_any_document_is_read_or_refused(top: dict[str, Any], cluster: dict[str, Any], user: dict[str, Any]) -> None:
    text = kubeconfig(cluster=cluster, user=user, **top)
    with suppress(RuleBroken):
        found = read_kubeconfig(text)
        assert read_kubeconfig(yaml.safe_dump(found.document)) == found


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda raw: raw.decode("latin-1")))
def test_any_text_is_read_or_refused(text: str) -> None:
    with pytest.raises(RuleBroken):
        read_kubeconfig(text)
