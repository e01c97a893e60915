"""Whoever is told to stop does, also where something happens at the same moment."""

import asyncio

import pytest

from apps.collector.controller import Controller


@pytest.mark.parametrize("steps", range(4))
def test_a_controller_that_is_woken_as_it_is_stopped_stops(
    database: None, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    async def nothing(_controller: Controller) -> None:
        """There is nothing to do: it waits to be woken."""

    monkeypatch.setattr(Controller, "_look", nothing)
    monkeypatch.setattr(Controller, "_reconcile", nothing)

    async def story() -> None:
        controller = Controller()
        turn = asyncio.create_task(controller._turn())
        await asyncio.sleep(0.01)
        controller._woken.set()
        for _ in range(steps):  # until it has taken notice
            await asyncio.sleep(0)
        turn.cancel()
        with pytest.raises(asyncio.CancelledError):
            await turn

    asyncio.run(story())
