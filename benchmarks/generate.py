"""Writes a data set: one NDJSON file per stream, and what is known of it. The same options give the same bytes."""

import json
import multiprocessing
import os
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from functools import cache, partial
from pathlib import Path
from typing import BinaryIO

from benchmarks import vocabulary
from benchmarks.draws import Options, draw
from benchmarks.facts import Facts, StreamFacts, Tally, conclude
from benchmarks.lines import Chunk

_CHUNK_EVENTS = 50_000
_FACTS = "facts.json"

Rendered = tuple[dict[int, bytes], dict[int, Tally], tuple[int, int]]  # by stream; first and last time
_words = cache(vocabulary.build)


def ensure(folder: Path, options: Options, progress: Callable[[int], None]) -> Path:
    """The folder of the data set, made if it is not there. `progress` is told how many events more are done."""
    place = folder / f"{options.events}-seed{options.seed}"
    if not (place / _FACTS).exists():
        fresh = place.with_name(f".{place.name}.{os.getpid()}.new")
        fresh.mkdir(parents=True)
        _write(fresh, options, progress)
        shutil.rmtree(place, ignore_errors=True)
        fresh.rename(place)
    return place


def read_facts(place: Path) -> Facts:
    found = json.loads((place / _FACTS).read_text())
    streams = {name: StreamFacts(**facts) for name, facts in found.pop("streams").items()}
    return Facts(**found, streams=streams)


def stream_file(place: Path, stream: str) -> Path:
    return place / f"{stream}.ndjson"


def _write(place: Path, options: Options, progress: Callable[[int], None]) -> None:
    tallies = [Tally() for _ in range(options.streams)]
    spans: list[tuple[int, int]] = []
    starts = range(0, options.events, _CHUNK_EVENTS)
    with ExitStack() as stack:
        files: list[BinaryIO] = [
            stack.enter_context(stream_file(place, f"s{nth}").open("wb")) for nth in range(options.streams)
        ]
        pool = stack.enter_context(multiprocessing.get_context("spawn").Pool())
        for texts, counted, span in pool.imap(partial(_render, options), starts):
            spans.append(span)
            for stream, text in texts.items():
                files[stream].write(text)
                tallies[stream].add(counted[stream])
            progress(sum(tally.events for tally in counted.values()))
    facts = conclude(tallies, first_ms=spans[0][0], last_ms=spans[-1][1])
    (place / _FACTS).write_text(json.dumps(asdict(facts), indent=1))


def _render(options: Options, first: int) -> Rendered:
    words = _words(options.seed)
    draws = draw(options, words, first, min(_CHUNK_EVENTS, options.events - first))
    chunk = Chunk(draws, words)
    chunk.render()
    texts = {stream: ("\n".join(lines) + "\n").encode() for stream, lines in chunk.lines.items()}
    return texts, chunk.tallies, (draws.times[0], draws.times[-1])
