"""How often a token may query: django-ratelimit counts, this says so in headers."""

from typing import Any

from django_ratelimit.core import get_usage

from apps.accounts.callers import Caller
from apps.http.problems import Problem

GROUP = "logs"
_PERIOD_SECONDS = 60


def count_request(caller: Caller) -> dict[str, str]:
    """The headers that tell the caller's standing; raises Problem 429 when it is spent. Without Redis: no limit."""
    limit = caller.plan.query_requests_per_minute
    if limit is None or caller.token_id is None:
        return {}
    # It hands the request on to the key's function, and does nothing else with it: any entrance may count.
    usage: dict[str, Any] | None = get_usage(
        None, group=GROUP, key=lambda _group, _request: str(caller.token_id), rate=f"{limit}/m", increment=True
    )
    if usage is None:
        return {}
    left, reset = max(0, limit - usage["count"]), max(1, usage["time_left"])
    headers = {
        "RateLimit-Policy": f'"{GROUP}";q={limit};w={_PERIOD_SECONDS}',
        "RateLimit": f'"{GROUP}";r={left};t={reset}',
        "X-RateLimit-Limit": str(limit),
        "X-RateLimit-Remaining": str(left),
        "X-RateLimit-Reset": str(reset),
    }
    if usage["should_limit"]:
        raise Problem(
            429, f"At most {limit} queries a minute for each token.", headers={**headers, "Retry-After": str(reset)}
        )
    return headers
