"""What the data set is made of: words, their frequencies, and the tables drawn once from the seed.

The values and the order of the draws are part of the data set: a change makes figures incomparable with earlier ones.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

HOSTS = [f"{name}.acme-shop.io" for name in ("www", "api", "app", "cdn", "admin", "eu", "us", "static")]
HOST_SHARES = [0.3, 0.3, 0.15, 0.1, 0.02, 0.06, 0.05, 0.02]
SERVICES = ["gateway", "checkout", "catalog", "accounts", "search", "billing"]
SERVICES += ["inventory", "notifications", "recommender", "media", "auth", "reports"]
METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD"]
METHOD_SHARES = [0.76, 0.15, 0.03, 0.02, 0.02, 0.02]
STATUSES = [200, 201, 204, 206, 301, 302, 304, 400, 401, 403, 404, 422, 429, 499, 500, 502, 503, 504]
STATUS_WEIGHTS = [0.735, 0.04, 0.02, 0.01, 0.02, 0.03, 0.05, 0.01, 0.01]
STATUS_WEIGHTS += [0.008, 0.035, 0.006, 0.004, 0.004, 0.010, 0.003, 0.003, 0.002]
REFERRERS = [
    *("", "", ""),
    "https://www.google.com/",
    "https://www.bing.com/",
    "https://duckduckgo.com/",
    "https://www.acme-shop.io/",
    "https://www.acme-shop.io/cart",
    "https://app.acme-shop.io/dashboard",
    "https://t.co/9fKq2LmZx1",
    "https://news.ycombinator.com/item?id=41234567",
]
APP_FILES = ["/var/log/app/production.log", "/var/log/app/worker.log", "/var/log/app/scheduler.log"]
TRACE_FILES = [
    "app/Http/Kernel.php",
    "app/Services/OrderService.php",
    "vendor/framework/Database/Connection.php",
    "app/Jobs/SyncInventory.php",
    "app/Repositories/UserRepository.php",
    "vendor/framework/Pipeline.php",
]
# (level, message, share); {n} is a number, {s} a service.
LOGFMT = [
    ("info", "order accepted", 0.17),
    ("info", "cache refreshed in {n}ms", 0.12),
    ("info", "job finished rows={n}", 0.12),
    ("debug", "lock acquired after {n}us", 0.12),
    ("info", "session renewed", 0.10),
    ("warn", "slow query took {n}ms", 0.08),
    ("warn", "retrying call to {s}", 0.06),
    ("error", "upstream timeout after {n}ms calling {s}", 0.02),
    ("error", "payment declined code={n}", 0.02),
    ("info", "webhook delivered to {s}", 0.07),
    ("info", "user signed in", 0.07),
    ("debug", "feature flag evaluated for {s}", 0.05),
]
PLAIN = [
    ("ERROR", "Connection timeout while reading from {s}", 0.03),
    ("ERROR", "Database connection failed: too many clients", 0.04),
    ("WARN", "Queue depth {n} above threshold", 0.12),
    ("INFO", "Processed {n} messages from {s}", 0.30),
    ("INFO", "Worker started", 0.15),
    ("ERROR", "Unhandled exception in {s}.handler", 0.08),
    ("INFO", "Mail queued for delivery", 0.18),
    ("DEBUG", "Rendered template in {n}ms", 0.10),
]

_BOTS = [
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
    "Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)",
    "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
    "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)",
    "Mozilla/5.0 (compatible; SemrushBot/7~bl; +http://www.semrush.com/bot.html)",
    "python-requests/2.31.0",
    "curl/8.5.0",
    "Go-http-client/2.0",
]
_FIXED_PATHS = ["/", "/login", "/cart", "/checkout", "/health", "/api/v1/session", "/api/v1/cart", "/favicon.ico"]
_FIXED_PATHS += ["/robots.txt", "/search", "/api/v1/products", "/api/v1/recommendations"]
_NUMBERED_PATHS = [
    "/api/v1/orders/%d",
    "/api/v1/users/%d",
    "/api/v1/products/%d",
    "/api/v1/carts/%d/items",
    "/api/v2/search/%d",
    "/products/%d",
    "/account/orders/%d",
    "/blog/2026/%d",
    "/static/js/chunk-%d.js",
    "/images/p/%d.webp",
    "/category/%d",
    "/api/v1/invoices/%d/pdf",
]
_PLATFORMS = [
    "Windows NT 10.0; Win64; x64",
    "Macintosh; Intel Mac OS X 10_15_7",
    "X11; Linux x86_64",
    "iPhone; CPU iPhone OS 18_5 like Mac OS X",
    "Linux; Android 14; Pixel 8",
]
_PATHS, _PEOPLE, _CRAWLERS = 5000, 160, 40
_BIG_SHARE = 0.6  # of the events are stream 0's, the one that queries run on
_SKEW = 1.1

Cumulative = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Paths and user agents, the frequent ones first, each with its cumulative shares."""

    paths: list[str]
    people: list[str]
    crawlers: list[str]
    path_shares: Cumulative
    people_shares: Cumulative
    crawler_shares: Cumulative


def build(seed: int) -> Vocabulary:
    random = np.random.default_rng([seed, 0xFEED])
    paths = _paths(random)
    people = _people(random)
    crawlers = [_BOTS[i % 10] + (f" v{i // 10}" if i >= len(_BOTS) else "") for i in range(_CRAWLERS)]
    return Vocabulary(paths, people, crawlers, _zipf(_PATHS), _zipf(_PEOPLE), _zipf(_CRAWLERS))


def stream_shares(streams: int) -> Cumulative:
    if streams == 1:
        return np.array([1.0])
    rest = 1.0 / np.arange(1, streams) ** _SKEW
    return np.cumsum(np.concatenate([[_BIG_SHARE], (1 - _BIG_SHARE) * rest / rest.sum()]))


def _zipf(size: int) -> Cumulative:
    weights = 1.0 / np.arange(1, size + 1) ** _SKEW
    return np.cumsum(weights / weights.sum())


def _paths(random: np.random.Generator) -> list[str]:
    paths = dict.fromkeys(_FIXED_PATHS)
    while len(paths) < _PATHS:
        pattern = _NUMBERED_PATHS[int(random.integers(len(_NUMBERED_PATHS)))]
        paths.setdefault(pattern % int(random.integers(1, 2_000_000)))
    return list(paths)


def _people(random: np.random.Generator) -> list[str]:
    people: dict[str, None] = {}
    while len(people) < _PEOPLE:
        people.setdefault(_browser(random))
    return list(people)


def _browser(random: np.random.Generator) -> str:
    platform = _PLATFORMS[int(random.integers(len(_PLATFORMS)))]
    major = int(random.integers(110, 140))
    if "iPhone" in platform:
        return (
            f"Mozilla/5.0 ({platform}) AppleWebKit/605.1.15 (KHTML, like Gecko) "
            f"Version/18.{major % 6} Mobile/15E{major} Safari/604.1"
        )
    if major % 4 == 0:
        return f"Mozilla/5.0 ({platform}; rv:{major}.0) Gecko/20100101 Firefox/{major}.0"
    return (
        f"Mozilla/5.0 ({platform}) AppleWebKit/537.36 (KHTML, like Gecko) "
        f"Chrome/{major}.0.{int(random.integers(0, 9)) * 1000}.0 Safari/537.36"
    )
