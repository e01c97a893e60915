"""The text of a personal access token: `tsp_`, 256 random bits in base62, a CRC32 in base62.

The checksum tells a mistyped or foreign token from one of ours without a look-up, and lets secret scanners be sure.
Feldera's clients know another text for the same thing: `apikey:` and 128 letters and digits.
"""

import hashlib
import re
import secrets
import zlib
from string import ascii_letters, digits

PREFIX = "tsp_"
API_KEY_PREFIX = "apikey:"
DISPLAYED_CHARS = 12  # kept in the clear, for people to tell tokens apart; over 200 bits stay unknown
_ALPHABET = digits + ascii_letters
_RANDOM_CHARS = 43  # 62 ** 43 > 2 ** 256
_CHECKSUM_CHARS = 6  # 62 ** 6 > 2 ** 32
_FORM = re.compile(rf"{PREFIX}[0-9A-Za-z]{{{_RANDOM_CHARS + _CHECKSUM_CHARS}}}")
_API_KEY_CHARS = 128
_API_KEY_FORM = re.compile(rf"{API_KEY_PREFIX}[0-9A-Za-z]{{{_API_KEY_CHARS}}}")


def new_token() -> str:
    body = PREFIX + _base62(secrets.randbits(256), _RANDOM_CHARS)
    return body + _checksum(body)


def new_api_key() -> str:
    return API_KEY_PREFIX + "".join(secrets.choice(_ALPHABET) for _ in range(_API_KEY_CHARS))


def is_well_formed(text: str) -> bool:
    """Whether the text could be a token of ours; says nothing about whether it is one."""
    if _API_KEY_FORM.fullmatch(text):
        return True
    if not _FORM.fullmatch(text):
        return False
    return secrets.compare_digest(_checksum(text[:-_CHECKSUM_CHARS]), text[-_CHECKSUM_CHARS:])


def digest(text: str) -> bytes:
    """What is stored. A plain SHA-256 will do: 256 random bits cannot be guessed, however fast the hash."""
    return hashlib.sha256(text.encode()).digest()


def displayed(text: str) -> str:
    return text[:DISPLAYED_CHARS]


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode("ascii")), _CHECKSUM_CHARS)


def _base62(number: int, width: int) -> str:
    found = []
    for _ in range(width):
        number, rest = divmod(number, 62)
        found.append(_ALPHABET[rest])
    return "".join(reversed(found))
