"""Kubeconfigs as people have them, and the certificates in them."""

import base64
import json
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import jwt
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

TOKEN = "sa-token-and-secret"
CERTIFICATE_ENDS = datetime(2036, 1, 1, tzinfo=UTC)


def kubeconfig(
    *,
    server: Any = "https://cluster.example:6443",
    cluster: dict[str, Any] | None = None,
    user: dict[str, Any] | None = None,
    **more: Any,
) -> str:
    """As text, with one of each; `cluster` is beside the server, `user` instead of a token, `more` at the top."""
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "c", "cluster": {"server": server, **(cluster or {})}}],
            "users": [{"name": "u", "user": {"token": TOKEN} if user is None else user}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u", "namespace": "shop"}}],
            "current-context": "x",
            "preferences": {},
            **more,
        }
    )


def token_until(end: datetime) -> str:
    """As the API server signs them."""
    return jwt.encode({"exp": end, "sub": "system:serviceaccount:shop:reader"}, "k" * 32)


@cache
def key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(private: ec.EllipticCurvePrivateKey | None = None, password: bytes | None = None) -> bytes:
    kept = BestAvailableEncryption(password) if password else NoEncryption()
    return (private or key()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, kept)


@cache
def certificate_pem() -> bytes:
    """Of `key`; good for an authority and for a client alike."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key().public_key())
        .serial_number(1)
        .not_valid_before(CERTIFICATE_ENDS - timedelta(days=3650))
        .not_valid_after(CERTIFICATE_ENDS)
    )
    return made.sign(key(), SHA256()).public_bytes(Encoding.PEM)


def data(content: bytes) -> str:
    return base64.b64encode(content).decode()
