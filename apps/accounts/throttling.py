"""How often somebody who has no token may try: log-in, device codes. Without Redis the limits fail open."""

import hashlib

from django.http import HttpRequest
from django_ratelimit.core import get_usage

from apps.accounts.addresses import client_address
from apps.accounts.models import User
from apps.http.problems import Problem

# A person mistypes a few times; a program that guesses gets nowhere.
LOG_INS_BY_ADDRESS = "30/m"
LOG_INS_BY_ACCOUNT = "10/m"
DEVICE_CODES_BY_ADDRESS = "30/m"
USER_CODES_BY_USER = "20/m"
_ACCOUNT_CHARS = 254  # what is longer is no address


def seconds_to_wait(request: HttpRequest, *, group: str, who: str, rate: str) -> int:
    """Counts this request; 0 if it is within the rate, else when to come again."""
    # Hashed: it becomes part of a cache key, and may be anything that somebody typed.
    key = hashlib.sha256(who.encode(errors="replace")).hexdigest()
    usage = get_usage(request, group=group, key=lambda _group, _request: key, rate=rate, increment=True)
    return max(1, usage["time_left"]) if usage and usage["should_limit"] else 0


def log_in_wait(request: HttpRequest, account: str) -> int:
    by_address = seconds_to_wait(request, group="log-in address", who=client_address(request), rate=LOG_INS_BY_ADDRESS)
    # As the log-in takes it, which knows many spellings of one address.
    meant = User.normalize_username(account.strip()[:_ACCOUNT_CHARS])
    by_account = seconds_to_wait(request, group="log-in account", who=meant, rate=LOG_INS_BY_ACCOUNT)
    return max(by_address, by_account)


def check_rate(request: HttpRequest, *, group: str, who: str, rate: str) -> None:
    wait = seconds_to_wait(request, group=group, who=who, rate=rate)
    if wait:
        raise Problem(429, "Too many requests; come again later.", headers={"Retry-After": str(wait)})
