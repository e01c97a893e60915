"""Where the CPU time of taking lines in goes inside a web worker: its steps, timed, and their functions, profiled.

Runs as a process of its own beside a running service, since it needs Django set up for that service's database.
"""

import cProfile
import pstats
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.dataset import Dataset, mapped
from benchmarks.generate import stream_file
from benchmarks.service import Service
from config.cli.connect import connect
from config.runtime.home import Home

_STREAM = "s0"
_SIZES = {1000: 60_000, 1: 4_000}  # events per request: events in all
_FUNCTIONS = 28


def run(service: Service, data: Dataset) -> None:
    arguments = [str(service.home.path), str(data.place), service.doors[_STREAM].token]
    subprocess.run([sys.executable, "-m", "benchmarks.hotspots", *arguments], check=True)


def main(home: str, place: str, token: str) -> None:
    connect(Home(Path(home)))
    data = Dataset(Path(place))
    for size, events in _SIZES.items():
        bodies = _bodies(data, size, events)
        steps = _steps(token)
        _time(steps, bodies, size)
        _profile(steps, bodies, size)


def _bodies(data: Dataset, size: int, events: int) -> list[bytes]:
    share = data.facts.streams[_STREAM].events / data.events
    slices = [each for each in data.slices(size, round(events / share)) if each.stream == _STREAM]
    with mapped(stream_file(data.place, _STREAM)) as lines:
        return [lines[each.start : each.stop] for each in slices]


def _steps(token: str) -> dict[str, Callable[[object], object]]:
    """The steps of one request in their order; each takes what the one before gave."""
    from apps.engine import store
    from apps.ingest import authentication, services
    from tailsvc.clock import system_clock
    from tailsvc.parsing import BodyKind

    grant = authentication.grant(token)

    def prepare(body: object) -> object:
        assert isinstance(body, bytes)
        return services.prepare(grant, body, kind=BodyKind.NDJSON, key=None, received_at=system_clock())

    def append(prepared: object) -> object:
        assert isinstance(prepared, services.Prepared)
        return store().append(grant.stream, [prepared.batch], now=system_clock())

    return {"prepare": prepare, "append": append}


def _time(steps: dict[str, Callable[[object], object]], bodies: list[bytes], size: int) -> None:
    spent = dict.fromkeys(steps, 0.0)
    for body in bodies:
        given: object = body
        for name, step in steps.items():
            started = time.thread_time()
            given = step(given)
            spent[name] += time.thread_time() - started
    each = ", ".join(f"{name} {seconds / len(bodies) / size * 1e6:.1f}" for name, seconds in spent.items())
    print(f"\nPOSTs of {size}: CPU µs per event in this process: {each}")


def _profile(steps: dict[str, Callable[[object], object]], bodies: list[bytes], size: int) -> None:
    """The functions by their own time; the profiler makes calls of Python functions dearer than they are."""
    profiler = cProfile.Profile(time.thread_time)
    profiler.enable()
    for body in bodies:
        given: object = body
        for step in steps.values():
            given = step(given)
    profiler.disable()
    events = len(bodies) * size
    stats = pstats.Stats(profiler).get_stats_profile()
    print(f"{'µs/event':>9} {'with callees':>12} {'calls/event':>11}  function")
    ordered = sorted(stats.func_profiles.items(), key=lambda item: -item[1].tottime)
    for name, found in ordered[:_FUNCTIONS]:
        calls = int(found.ncalls.split("/")[0]) / events
        where = f"{Path(found.file_name).name}:{found.line_number}" if found.line_number else ""
        print(f"{found.tottime / events * 1e6:9.2f} {found.cumtime / events * 1e6:12.2f} {calls:11.2f}  {name} {where}")


if __name__ == "__main__":
    main(*sys.argv[1:])
