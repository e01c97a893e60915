"""The TLS port: who trusts it and for which names, what stays over a restart, and how it stops."""

import os
import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography import x509

from config.runtime import certificates
from config.runtime.accounts import server_account
from config.runtime.certificates import AUTHORITY_KEY, CERTIFICATE, KEY
from config.runtime.faults import CannotStart
from config.runtime.home import Home
from config.runtime.tree import AUTHORITY
from tests.runtime.instances import Instance, stub_instance, until
from tests.servers import reachable_folder

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
FILES = (AUTHORITY, AUTHORITY_KEY, CERTIFICATE, KEY)
ALLOWED = {"TAILSVC_ALLOWED_HOSTS": "logs.example.org,.example.net,Bücher.example,*,a..b,[2001:db8::1]"}


@pytest.fixture(scope="module")
def instance() -> Iterator[Instance]:
    with reachable_folder() as folder, stub_instance(folder / "home", tls=True, env=ALLOWED) as running:
        running.wait_until_ready()
        yield running


def tls_port(instance: Instance) -> int:
    port = urlsplit(instance.state.tls_address).port
    assert port
    return port


def curl(instance: Instance, host: str, *options: str) -> subprocess.CompletedProcess[str]:
    port = tls_port(instance)
    command = ["curl", "-sS", "--noproxy", "*", "--connect-to", f"::127.0.0.1:{port}", *options]
    return subprocess.run([*command, f"https://{host}:{port}/"], capture_output=True, text=True, check=False)


def connected(instance: Instance, trusting: ssl.SSLContext) -> ssl.SSLSocket:
    plain = socket.create_connection(("127.0.0.1", tls_port(instance)))
    return trusting.wrap_socket(plain, server_hostname="localhost")


@pytest.mark.parametrize(
    "host",
    ["localhost", "127.0.0.1", "[::1]", socket.gethostname(), "logs.example.org", "example.net", "any.example.net"],
)
def test_who_trusts_the_authority_may_use_any_of_its_names(instance: Instance, host: str) -> None:
    answer = curl(instance, host, "--cacert", str(instance.home.path / AUTHORITY))
    assert (answer.returncode, answer.stderr) == (0, "")
    assert int(answer.stdout) in instance.processes()


def test_another_name_is_refused_and_so_is_the_certificate_by_who_knows_no_authority(instance: Instance) -> None:
    cannot_verify = 60
    refused = curl(instance, "elsewhere.example", "--cacert", str(instance.home.path / AUTHORITY))
    assert refused.returncode == cannot_verify
    assert "does not match" in refused.stderr or "no alternative" in refused.stderr
    assert curl(instance, "localhost").returncode == cannot_verify


def test_the_strictest_of_clients_find_nothing_wrong(instance: Instance) -> None:
    strict = ssl.create_default_context(cafile=instance.home.path / AUTHORITY)
    strict.verify_flags |= ssl.VERIFY_X509_STRICT
    with closing(connected(instance, strict)) as secure:
        assert secure.version() == "TLSv1.3"


def test_the_plain_port_stays_and_keys_are_for_us_alone(instance: Instance) -> None:
    assert int(instance.get("/")) in instance.processes()
    assert all((instance.home.path / name).stat().st_mode & 0o777 == 0o600 for name in FILES)


def test_a_killed_tls_server_comes_back_with_the_certificate_that_it_had(instance: Instance) -> None:
    kept = [(instance.home.path / name).read_bytes() for name in FILES]
    killed = instance.state.children["tls"]
    os.kill(killed, signal.SIGKILL)
    until(lambda: instance.state.children["tls"] != killed, "a new one")
    until(lambda: curl(instance, "localhost", "--cacert", str(instance.home.path / AUTHORITY)).stdout, "an answer")
    assert [(instance.home.path / name).read_bytes() for name in FILES] == kept


def test_a_stop_with_an_upload_open_takes_less_than_five_seconds_and_a_new_start_keeps_the_certificate(
    folder: Path,
) -> None:
    home = folder / "home"
    with stub_instance(home, tls=True, workers=2) as instance:
        instance.wait_until_ready()
        with closing(connected(instance, ssl.create_default_context(cafile=home / AUTHORITY))) as upload:
            upload.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
            until(instance.answers, "the service to answer")
            assert instance.stop(signal.SIGINT) < 5
        assert (instance.code(), instance.processes()) == (0, set())
    kept = [(home / name).read_bytes() for name in FILES]
    with stub_instance(home, tls=True) as again:
        again.wait_until_ready()
        assert [(home / name).read_bytes() for name in FILES] == kept


def test_an_authority_that_was_damaged_is_told_and_not_replaced(folder: Path) -> None:
    home = Home(folder / "home")
    home.create(server_account())
    home.keep(AUTHORITY, "not a certificate")
    with stub_instance(home.path, tls=True) as instance:
        assert instance.code() == 1
        assert "cannot be read" in instance.text
        assert "Traceback" not in instance.text
    assert (home.path / AUTHORITY).read_text() == "not a certificate\n"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.create()
    return home


def ensured(home: Home, now: datetime, host: str = "10.0.0.7") -> tuple[bool, list[bytes]]:
    return certificates.ensure(home, certificates.names_of(host), now=now), [
        (home.path / name).read_bytes() for name in FILES
    ]


def test_a_certificate_is_kept_until_a_month_before_its_end_and_its_authority_for_years(home: Home) -> None:
    is_new, first = ensured(home, NOW)
    assert is_new
    assert ensured(home, NOW + timedelta(days=300)) == (False, first)
    is_new, second = ensured(home, NOW + timedelta(days=370))
    assert is_new
    assert (second[:2], second[2:] == first[2:]) == (first[:2], False)
    found = x509.load_pem_x509_certificate(second[2])
    assert found.not_valid_before_utc <= NOW + timedelta(days=370)
    # One whose certificates would outlive it is replaced in good time.
    assert ensured(home, NOW + timedelta(days=3300))[1][0] != first[0]


def test_a_machine_with_another_name_gets_another_certificate_of_the_same_authority(home: Home) -> None:
    _, first = ensured(home, NOW)
    is_new, second = ensured(home, NOW, host="10.0.0.8")
    assert (is_new, second[:2]) == (True, first[:2])


@pytest.mark.parametrize("name", [CERTIFICATE, KEY])
def test_a_damaged_certificate_is_made_again(home: Home, name: str) -> None:
    _, first = ensured(home, NOW)
    (home.path / name).write_text("")
    is_new, second = ensured(home, NOW)
    assert (is_new, second[:2]) == (True, first[:2])


def test_an_authority_without_its_key_is_an_error(home: Home) -> None:
    ensured(home, NOW)
    other = Home(home.path / "other")
    other.create()
    ensured(other, NOW)
    (home.path / AUTHORITY_KEY).write_bytes((other.path / AUTHORITY_KEY).read_bytes())
    with pytest.raises(CannotStart, match="is not the key"):
        ensured(home, NOW)


def test_names_that_no_certificate_can_have_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAILSVC_PUBLIC_URL", "https://public.example:8443/logs")
    monkeypatch.setenv("TAILSVC_ALLOWED_HOSTS", ALLOWED["TAILSVC_ALLOWED_HOSTS"])
    names = {str(name.value) for name in certificates.names_of("0.0.0.0")}
    machine = socket.gethostname().lower()
    local = {"localhost", "127.0.0.1", "::1", machine}
    configured = {"public.example", "logs.example.org", "example.net", "*.example.net", "xn--bcher-kva.example"}
    assert names == local | configured | {"2001:db8::1"}
