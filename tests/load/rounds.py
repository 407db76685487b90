"""Rounds of kill -9 on one store, each at an instant that chance draws, judged after each."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

from load.ledger import Ledger
from load.requests import requests_of
from load.senders import Load
from load.server import READY_S_MAX, serving, starting

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SPANS = 20
# Drains several times a second and compacts often, so that an instant at random is often one in either.
HASTY = {"SEGMENT_AGE_S_MAX": 0.2, "LEARN_INTERVAL_S": 1.0, "COMPACT_INTERVAL_S": 0.5, "SMALL_PARTS_MAX": 3}
# Deletes what compaction replaced at once: for stores that nobody reads meanwhile.
HASTIEST = HASTY | {"OLD_FILES_S": 0.0}


def rounds(store: Path, count: int, seed: int, tell: Callable[[str], None]) -> Ledger:
    """Kills a server `count` times; asserts after each that nothing acknowledged is lost or there twice.

    Args:
        store: where the store shall be; nothing is there yet.
        count: how many rounds; with four or more, all ways of killing occur.
        seed: of the instants.
        tell: told a line a round.
    """
    chance = random.Random(seed)
    ledger = Ledger()
    load = Load(ledger, requests_of(SPANS, seed))
    for number in range(count):
        kill = KILLS[number % len(KILLS)]
        began = time.monotonic()
        kill(store, load, chance)
        ledger.judge(store)
        told = (kill.__doc__ or "").partition(".")[0]
        tell(f"round {number}: {told}; {ledger.acknowledged} spans acknowledged; {time.monotonic() - began:.1f} s")
    return ledger


def _under_load(store: Path, load: Load, chance: random.Random) -> None:
    """Killed under load."""
    with serving(store) as server, load.on(server):
        time.sleep(chance.uniform(0, 1))
        server.kill()


def _amid_upkeep(store: Path, load: Load, chance: random.Random) -> None:
    """Killed under load, while it drains, compacts and deletes again and again."""
    with serving(store, **HASTIEST) as server, load.on(server):
        time.sleep(chance.uniform(0, 3))
        server.kill()


def _in_a_drain(store: Path, load: Load, chance: random.Random) -> None:
    """Killed within a few hundredths of a second after a drain began to write."""
    with serving(store, **HASTY) as server, load.on(server):
        before = _parts(store)
        deadline = time.monotonic() + READY_S_MAX
        while _parts(store) <= before:
            assert time.monotonic() < deadline, "no drain wrote anything"
            time.sleep(0.001)
        time.sleep(chance.uniform(0, 0.03))
        server.kill()


def _as_it_opens(store: Path, load: Load, chance: random.Random) -> None:
    """Killed soon after its doors opened, clients before them, what the last one left perhaps not replayed yet."""
    with starting(store) as server, load.on(server.wait_listening()):
        time.sleep(chance.uniform(0, 0.5))
        server.kill()


def _at_start(store: Path, load: Load, chance: random.Random) -> None:  # noqa: ARG001 - nobody can send yet
    """Killed twice in a row while it starts, or replays what the last one left."""
    for _ in range(2):
        with starting(store) as server:
            server.is_ready(chance.uniform(0.1, 1.0))
            server.kill()


KILLS = (_under_load, _in_a_drain, _at_start, _amid_upkeep, _as_it_opens, _at_start)


def _parts(store: Path) -> set[str]:
    return {path.name for path in (store / "spans").glob("*.parquet")}
