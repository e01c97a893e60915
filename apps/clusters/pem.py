"""Certificates and keys as kubeconfigs hold them: PEM inside base64."""

import base64
import binascii
import warnings
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from apps.accounts.errors import RuleBroken

_SPKI = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def decoded(data: str, name: str) -> bytes:
    try:
        return base64.b64decode("".join(data.split()), validate=True)
    except (binascii.Error, ValueError):
        raise _refused(f"The kubeconfig's {name} is not base64.") from None


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


def check_certificates(content: bytes, name: str) -> list[x509.Certificate]:
    """Raises RuleBroken."""
    try:
        with warnings.catch_warnings():
            # Old authorities' certificates have oddities that matter to nobody here.
            warnings.simplefilter("ignore")
            return x509.load_pem_x509_certificates(content)
    except (ValueError, UnsupportedAlgorithm):
        raise _refused(f"The kubeconfig's {name} holds no certificate in PEM.") from None


def check_pair(certificate: bytes, key: bytes) -> datetime:
    """When the certificate ends. Raises RuleBroken if they do not belong together."""
    if not certificate or not key:
        raise _refused("The kubeconfig's user needs both client-certificate-data and client-key-data.")
    first = check_certificates(certificate, "client-certificate-data")[0]
    try:
        loaded = load_pem_private_key(key, password=None)
    except TypeError:
        raise _refused("The kubeconfig's client-key-data has a password; give the key without one.") from None
    except (ValueError, UnsupportedAlgorithm):
        raise _refused("The kubeconfig's client-key-data holds no private key in PEM.") from None
    try:
        belongs = loaded.public_key().public_bytes(*_SPKI) == first.public_key().public_bytes(*_SPKI)
    except (ValueError, UnsupportedAlgorithm):
        raise _refused("The kubeconfig's client-certificate-data has a public key of an unknown kind.") from None
    if not belongs:
        raise _refused("The kubeconfig's client-certificate-data and client-key-data do not belong together.")
    return first.not_valid_after_utc


def _refused(sentence: str) -> RuleBroken:
    return RuleBroken("kubeconfig", sentence)
