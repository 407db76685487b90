"""Nothing acknowledged is lost: the real process is killed and starved, and a client's own list is the judge."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from load.rounds import rounds

if TYPE_CHECKING:
    from pathlib import Path

ROUNDS = 12


def test_kill_9_at_random_instants_loses_nothing(tmp_path: Path) -> None:
    """Killed under load, in drains, at its start and in its replay: what was acknowledged is there exactly once."""
    seed = time.time_ns() % 2**16
    print(f"seed {seed}")  # noqa: T201 - shown where the test fails
    ledger = rounds(tmp_path / "store", ROUNDS, seed, print)
    assert ledger.acknowledged > 1000
