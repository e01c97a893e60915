"""The supervisor over small programs, in this process."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from config.runtime import supervisor as supervising
from config.runtime.children import Program, exited, holders, spawn, stop, wait_for_leftovers
from config.runtime.faults import GaveUp
from config.runtime.supervisor import Supervisor


def program(folder: Path, name: str, script: str, **more) -> Program:
    return Program(
        name=name,
        argv=("/bin/sh", "-c", script),
        env={"PATH": "/usr/bin:/bin"},
        cwd=folder,
        lock=folder / f"{name}.lock",
        **more,
    )


def run(folder: Path, bring_up: Callable[[Supervisor], Awaitable[None]]) -> tuple[Supervisor, list[str]]:
    """Until `bring_up` stops it, or it gives up."""
    told: list[str] = []

    async def main() -> Supervisor:
        supervisor = Supervisor(logs=folder, tell=told.append)
        await supervisor.run(lambda: bring_up(supervisor))
        return supervisor

    return asyncio.run(main()), told


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervising, "_PAUSES", (0.01,))
    monkeypatch.setattr(supervising, "_PAUSES_OF_A_STEP", (0.01, 0.01))


@pytest.mark.usefixtures("hasty")
def test_a_program_that_dies_at_once_five_times_ends_everything_with_its_last_words(tmp_path: Path) -> None:
    async def bring_up(supervisor: Supervisor) -> None:
        await supervisor.start(program(tmp_path, "steady", "sleep 100"))
        await supervisor.start(program(tmp_path, "broken", "echo x >> deaths; echo no such setting >&2; exit 3"))

    with pytest.raises(GaveUp, match=r"(?s)broken died 5 times.*no such setting"):
        run(tmp_path, bring_up)
    assert (tmp_path / "deaths").read_text().count("x") == 5
    assert holders(tmp_path / "steady.lock") == []


@pytest.mark.usefixtures("hasty")
def test_a_program_that_never_gets_ready_is_given_up_and_not_tried_again(tmp_path: Path) -> None:
    async def never() -> bool:
        return False

    async def bring_up(supervisor: Supervisor) -> None:
        await supervisor.start(
            program(tmp_path, "deaf", "echo waiting; sleep 100", ready=never, ready_within_seconds=0.3)
        )

    with pytest.raises(GaveUp, match=r"(?s)deaf was not ready within.*waiting"):
        run(tmp_path, bring_up)


@pytest.mark.usefixtures("hasty")
def test_a_step_is_tried_again_since_a_server_may_have_restarted_under_it(tmp_path: Path) -> None:
    script = "test -e tried || { touch tried; exit 1; }"

    async def bring_up(supervisor: Supervisor) -> None:
        await supervisor.step(program(tmp_path, "step", script))
        supervisor.request_stop()

    run(tmp_path, bring_up)
    assert (tmp_path / "tried").exists()


@pytest.mark.usefixtures("hasty")
def test_a_step_that_fails_for_good_says_why(tmp_path: Path) -> None:
    async def bring_up(supervisor: Supervisor) -> None:
        await supervisor.step(program(tmp_path, "step", "echo permission denied; exit 1"))

    with pytest.raises(GaveUp, match=r"(?s)step ended with code 1.*permission denied"):
        run(tmp_path, bring_up)


def test_what_a_dead_program_started_is_killed_with_it(tmp_path: Path) -> None:
    """In its group, and out of it."""

    async def bring_up(supervisor: Supervisor) -> None:
        script = "test -e once || { touch once; sleep 100 & setsid sleep 101 & sleep 0.2; kill -9 $$; }; sleep 102"
        await supervisor.start(program(tmp_path, "parent", script))
        first = supervisor.pids["parent"]
        async with asyncio.timeout(20):
            while supervisor.pids["parent"] == first:
                await asyncio.sleep(0.02)
        alive = [_arguments(pid) for pid in holders(tmp_path / "parent.lock")]
        supervisor.request_stop()
        assert not {b"sleep\x00100\x00", b"sleep\x00101\x00"} & set(alive)

    run(tmp_path, bring_up)


def _arguments(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def test_higher_tiers_stop_first_and_the_deaf_are_killed_after_their_grace(tmp_path: Path) -> None:
    def noting(name: str, tier: int) -> Program:
        script = f"trap 'echo {name} >> order; exit 0' TERM; echo ready > {name}.ready; while :; do sleep 0.05; done"
        return program(tmp_path, name, script, tier=tier, ready=lambda: _exists(tmp_path / f"{name}.ready"))

    deaf_script = "trap '' TERM; echo > deaf.ready; while :; do sleep 0.05; done"
    deaf = program(tmp_path, "deaf", deaf_script, grace_seconds=0.3, ready=lambda: _exists(tmp_path / "deaf.ready"))

    async def bring_up(supervisor: Supervisor) -> None:
        await supervisor.start(noting("server", 0))
        await supervisor.start(noting("site", 1), deaf)
        supervisor.request_stop()

    started = time.monotonic()
    run(tmp_path, bring_up)
    assert (tmp_path / "order").read_text().split() == ["site", "server"]
    assert time.monotonic() - started < 10
    assert holders(tmp_path / "deaf.lock") == []


async def _exists(path: Path) -> bool:
    return path.exists()


def test_a_leftover_is_waited_for_and_killed_when_patience_ends(tmp_path: Path) -> None:
    async def main() -> None:
        old = program(tmp_path, "old", "trap '' TERM; exec sleep 100")
        output = os.open(os.devnull, os.O_WRONLY)
        process = await spawn(old, output=output)
        os.close(output)
        await wait_for_leftovers(tmp_path, patience_seconds=0.2)
        assert await exited(process) == -signal.SIGKILL

    asyncio.run(main())


def test_stopping_twice_harms_nobody(tmp_path: Path) -> None:
    """By the second time its number may be another process's."""

    async def main() -> None:
        sleeper = program(tmp_path, "sleeper", "exec sleep 100")
        process = await spawn(sleeper, output=sys.stdout.fileno())
        await stop(process, sleeper)
        await stop(process, sleeper)
        assert process.returncode == -signal.SIGTERM

    asyncio.run(main())


def test_severe_lines_reach_the_terminal_and_repetitions_do_not(tmp_path: Path) -> None:
    entry = '{"event": "sweep failed", "level": "error", "exception": "Traceback ...\\nValueError: bad"}'
    trace = "Traceback (most recent call last):\n  File x\nKeyError: 3"
    (tmp_path / "lines").write_text(f'{entry}\n{entry}\n{trace}\n{{"event": "fine", "level": "info"}}\nall is well\n')

    async def bring_up(supervisor: Supervisor) -> None:
        await supervisor.start(program(tmp_path, "worker", "cat lines; exec sleep 100"))
        async with asyncio.timeout(20):
            while "well" not in supervisor.output("worker").last_lines():
                await asyncio.sleep(0.02)
        supervisor.request_stop()

    _, told = run(tmp_path, bring_up)
    assert told == ["worker | error sweep failed (ValueError: bad)", "worker | KeyError: 3"]
