"""The certificate of the TLS port, and the small authority of this home that signs it.

Clients are given the authority's certificate (`tls-ca.pem`), which stays the same for years; the server's own is
renewed whenever it is about to expire, or the names change that clients know this machine by.
"""

import socket
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from config import env
from config.runtime.faults import CannotStart
from config.runtime.home import Home
from config.runtime.ports import local_address
from config.runtime.tree import AUTHORITY

# Files of the home.
AUTHORITY_KEY = "tls-ca-key.pem"
CERTIFICATE, KEY = "tls.pem", "tls-key.pem"

AUTHORITY_LIFE = timedelta(days=3650)
# No client accepts much more: 398 days is the browsers' bound.
LIFE = timedelta(days=397)
RENEWED_BEFORE = timedelta(days=30)
# Clocks of clients may be behind ours.
_BACKDATED = timedelta(days=1)
_LOCAL = ("localhost", "127.0.0.1", "::1")

Names = frozenset[x509.GeneralName]


def names_of(host: str) -> Names:
    """By which names clients may reach what listens on `host`: local ones, the machine's, and the configured ones."""
    public = urlsplit(env.text("TAILSVC_PUBLIC_URL")).hostname or ""
    given = [*_LOCAL, socket.gethostname(), local_address(host), public]
    for allowed in env.words("TAILSVC_ALLOWED_HOSTS"):
        # As Django has it: with a dot before it, a name and all below it.
        given += [allowed[1:], f"*{allowed}"] if allowed.startswith(".") else [allowed.strip("[]")]
    return frozenset(name for text in given if (name := _name(text)) is not None)


def ensure(home: Home, names: Names, *, now: datetime) -> bool:
    """Make what is missing or about to expire; whether the certificate is a new one.

    Raises CannotStart where the authority's files cannot be read: clients trust it, and another one is not it.
    """
    authority = _authority(home, now)
    if _is_good(home, authority.certificate, names, now):
        return False
    key = ec.generate_private_key(ec.SECP256R1())
    home.keep(KEY, _pem_of(key))
    home.keep(CERTIFICATE, _text(_signed(authority, key, names, now)))
    return True


class Authority:
    def __init__(self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        self.certificate = certificate
        self.key = key


def _authority(home: Home, now: datetime) -> Authority:
    if not home.has(AUTHORITY):
        return _new_authority(home, now)
    try:
        certificate = x509.load_pem_x509_certificate((home.path / AUTHORITY).read_bytes())
        key = serialization.load_pem_private_key((home.path / AUTHORITY_KEY).read_bytes(), password=None)
    except (OSError, ValueError) as error:
        raise CannotStart(
            f"{home.path / AUTHORITY} and {AUTHORITY_KEY} beside it cannot be read: {error}. Put them back; or remove "
            "both, and give every client the new one that is then made."
        ) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        raise CannotStart(f"{home.path / AUTHORITY_KEY} is not the key of {AUTHORITY}.")
    if certificate.not_valid_after_utc < now + LIFE:
        return _new_authority(home, now)
    return Authority(certificate, key)


def _new_authority(home: Home, now: datetime) -> Authority:
    """The certificate is written last: without it there is no authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _subject(f"tailsvc on {socket.gethostname()}"[:64])
    usage = _usage(signs_certificates=True)
    certificate = (
        _builder(name, name, key, now, AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )
    home.keep(AUTHORITY_KEY, _pem_of(key))
    home.keep(AUTHORITY, _text(certificate))
    return Authority(certificate, key)


def _signed(authority: Authority, key: ec.EllipticCurvePrivateKey, names: Names, now: datetime) -> x509.Certificate:
    issuer = authority.key.public_key()
    return (
        _builder(_subject("tailsvc"), authority.certificate.subject, key, now, LIFE)
        .add_extension(x509.SubjectAlternativeName(sorted(names, key=repr)), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer), critical=False)
        .sign(authority.key, hashes.SHA256())
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    public = key.public_key()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now - _BACKDATED + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _is_good(home: Home, authority: x509.Certificate, names: Names, now: datetime) -> bool:
    """Of this authority, with its key, for just these names, and for a while yet. What cannot be read is not."""
    try:
        found = x509.load_pem_x509_certificate((home.path / CERTIFICATE).read_bytes())
        key = serialization.load_pem_private_key((home.path / KEY).read_bytes(), password=None)
        found.verify_directly_issued_by(authority)
        held = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except Exception:  # noqa: BLE001 (whatever is wrong with it: it is made again)
        return False
    return (
        key.public_key() == found.public_key()
        and frozenset(held) == names
        and found.not_valid_before_utc <= now < found.not_valid_after_utc - RENEWED_BEFORE
    )


def _name(text: str) -> x509.GeneralName | None:
    """None for what is no name that a certificate can have."""
    address = _address(text)
    if address is not None:
        return x509.IPAddress(address)
    prefix, bare = ("*.", text[2:]) if text.startswith("*.") else ("", text)
    try:
        ascii_name = bare.encode("idna").decode().lower()
    except UnicodeError:
        return None
    return x509.DNSName(prefix + ascii_name) if ascii_name and "*" not in ascii_name else None


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _text(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode().strip()


def _pem_of(key: ec.EllipticCurvePrivateKey) -> str:
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return pem.decode().strip()
