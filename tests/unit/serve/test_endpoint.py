from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import pytest

from baton.errors import StoreError
from baton.serve import endpoint

if TYPE_CHECKING:
    from baton.serve.upkeep import Upkeep


class StuckUpkeep:
    """Its work does not end by itself, or fails."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.cancelled = False

    async def drain(self) -> None:
        """As of the upkeep."""
        if self.error is not None:
            raise self.error
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise

    learn = drain


def stuck(error: Exception | None = None) -> tuple[StuckUpkeep, Upkeep]:
    """The same thing twice, as what it is and as what it stands for."""
    upkeep = StuckUpkeep(error)
    return upkeep, upkeep  # type: ignore[return-value] # a stand-in


def test_a_disk_that_does_not_answer_does_not_hold_the_exit(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last drain has its time; then the process is gone, with success, for the journal has it all."""

    def leave(code: int) -> None:
        raise SystemExit(code)

    monkeypatch.setattr(endpoint, "DRAIN_STOP_S_MAX", 0.01)
    monkeypatch.setattr(os, "_exit", leave)
    with pytest.raises(SystemExit) as caught:
        asyncio.run(endpoint._drain(stuck()[1]))
    assert caught.value.code == 0


def test_a_last_drain_that_fails_is_told() -> None:
    """As the error that it is."""
    with pytest.raises(StoreError, match="refused"):
        asyncio.run(endpoint._drain(stuck(StoreError("refused"))[1]))


@pytest.mark.parametrize("hurried", [True, False])
def test_the_last_learning_is_given_up(monkeypatch: pytest.MonkeyPatch, hurried: bool) -> None:  # noqa: FBT001 - a case
    """When its time is over, or at a second signal at once."""
    monkeypatch.setattr(endpoint, "LEARN_STOP_S_MAX", 600 if hurried else 0.05)
    upkeep, stands_for = stuck()

    async def work() -> None:
        hurry = asyncio.Event()
        if hurried:
            asyncio.get_running_loop().call_later(0.01, hurry.set)
        await endpoint._learn(stands_for, hurry)

    asyncio.run(work())
    assert upkeep.cancelled
