"""The random part of a chunk of events, drawn column by column."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks import vocabulary
from benchmarks.vocabulary import Cumulative, Vocabulary

# JSON access events up to the first, then nginx lines, then logfmt, the rest plain application lines.
_KIND_EDGES = [0.70, 0.85, 0.925]
_CRAWLER_SHARE = 0.2
_SLOWEST_MS = 60_000


@dataclass(frozen=True, slots=True)
class Options:
    """What determines the data set: the same options give the same bytes."""

    events: int
    seed: int = 1
    streams: int = 4
    start_ms: int = 1_795_132_800_000  # 2026-11-20T00:00:00Z
    rate: float = 100.0  # events per second of log time


@dataclass(frozen=True, slots=True)
class Draws:
    """One value for each event of the chunk in every column; indexes where a column names words."""

    times: list[int]  # ms
    streams: list[int]
    kinds: list[int]
    paths: list[int]
    is_crawler: list[bool]
    people: list[int]
    crawlers: list[int]
    methods: list[int]
    statuses: list[int]  # codes, not indexes
    response_times: list[float]  # ms
    addresses: list[int]
    hosts: list[int]
    services: list[int]
    referrers: list[int]
    sizes: list[int]
    logfmt: list[int]
    plain: list[int]
    numbers: list[int]
    trace_highs: list[int]
    trace_lows: list[int]


def draw(options: Options, words: Vocabulary, first: int, count: int) -> Draws:
    """The events [first, first + count). The order of the draws is part of the data set."""
    random = np.random.default_rng([options.seed, 1, first])
    shares = vocabulary.stream_shares(options.streams)
    status_shares = np.array(vocabulary.STATUS_WEIGHTS) / sum(vocabulary.STATUS_WEIGHTS)
    return Draws(
        times=_times(options, first, random.random(count)),
        streams=_ranks(shares, random.random(count)),
        kinds=np.searchsorted(_KIND_EDGES, random.random(count), side="right").tolist(),
        paths=_ranks(words.path_shares, random.random(count)),
        is_crawler=(random.random(count) < _CRAWLER_SHARE).tolist(),
        people=_ranks(words.people_shares, random.random(count)),
        crawlers=_ranks(words.crawler_shares, random.random(count)),
        methods=random.choice(len(vocabulary.METHODS), count, p=vocabulary.METHOD_SHARES).tolist(),
        statuses=random.choice(vocabulary.STATUSES, count, p=status_shares).tolist(),
        response_times=np.minimum(np.round(random.lognormal(3.6, 1.15, count), 1), _SLOWEST_MS).tolist(),
        addresses=(random.zipf(1.3, count) * 2654435761 % 2**32).tolist(),
        hosts=random.choice(len(vocabulary.HOSTS), count, p=vocabulary.HOST_SHARES).tolist(),
        services=random.integers(len(vocabulary.SERVICES), size=count).tolist(),
        referrers=random.integers(len(vocabulary.REFERRERS), size=count).tolist(),
        sizes=random.integers(120, 90_000, count).tolist(),
        logfmt=random.choice(len(vocabulary.LOGFMT), count, p=[row[2] for row in vocabulary.LOGFMT]).tolist(),
        plain=random.choice(len(vocabulary.PLAIN), count, p=[row[2] for row in vocabulary.PLAIN]).tolist(),
        numbers=random.integers(1, 9000, count).tolist(),
        trace_highs=random.integers(0, 2**63, count).tolist(),
        trace_lows=random.integers(0, 2**63, count).tolist(),
    )


def _times(options: Options, first: int, jitter: npt.NDArray[np.float64]) -> list[int]:
    """Event i lies at start + i / rate, jittered within 1 / rate: a chunk is in the order of time."""
    gap_ms = 1000.0 / options.rate
    places = np.arange(first, first + len(jitter)) + jitter
    times: list[int] = (options.start_ms + places * gap_ms).astype(np.int64).tolist()
    return times


def _ranks(shares: Cumulative, draws: npt.NDArray[np.float64]) -> list[int]:
    ranks: list[int] = np.minimum(np.searchsorted(shares, draws), len(shares) - 1).tolist()
    return ranks
