"""What the endpoint costs: CPU seconds of its process and all below it, the load's own apart.

Two cores are shared with the load, so that time on the wall says little; what the kernel charged the server says all.
"""

from __future__ import annotations

import itertools
import shutil
import time
from contextlib import contextmanager
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from bench import rotel
from bench.generator import load
from bench.processes import TICKS_A_SECOND, cpu_s, peak_bytes
from bench.table import Row
from load.server import serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

SPANS = 512
SMALL_SPANS = 20
RATE = 50_000
WARM_REQUESTS = 50
DRAINED_S_MAX = 600.0
GROUP = "to the durable acknowledgement"

NEVER_S = 1e6
# Work that is counted apart is put off, by bounds that only these processes have.
DRAIN_ALONE = {"LEARN_INTERVAL_S": NEVER_S, "COMPACT_INTERVAL_S": NEVER_S}
JOURNAL_ALONE = DRAIN_ALONE | {"SEGMENT_AGE_S_MAX": NEVER_S, "SEGMENT_BYTES_MAX": 1 << 40}

_seeds = itertools.count(100)


class Cost(NamedTuple):
    """What a load cost the server.

    Attributes:
        per_cpu_s: spans a CPU second.
        per_s: spans a second on the wall, for what it is worth.
        peak_bytes: the most memory that the server's process had.
        refused: answers that said to try again.
    """

    per_cpu_s: float
    per_s: float
    peak_bytes: int
    refused: int


def acknowledgement(folder: Path, scale: float, yardstick: Path | None) -> list[Row]:
    """Up to the acknowledgement, nothing drained, beside rotel: by turns, so that a noisy machine is fair to both."""
    count, turns = max(20, int(3000 * scale)), 3 if scale >= 1 else 1
    own: list[Cost] = []
    others: list[Cost] = []
    for turn in range(turns):
        store = folder / f"acknowledged-{turn}"
        own.append(_cost(_baton(store, JOURNAL_ALONE), count))
        shutil.rmtree(store)
        if yardstick:
            others.append(_cost(rotel.serving(yardstick), count))
    per_s = "spans/CPU-s"
    how = f"{count} requests of {SPANS} spans by gRPC, journal synced, drain put off; {_spread(own)}"
    rows = [Row(GROUP, "baton", median(cost.per_cpu_s for cost in own), per_s, how=how)]
    if not others:
        missing = "no rotel here: `pip install --pre rotel==0.0.1a15` did not work"
        return [*rows, Row(GROUP, "rotel, blackhole", None, per_s, how=missing)]
    ratio = median(a.per_cpu_s / b.per_cpu_s for a, b in zip(own, others, strict=True))
    return [
        *rows,
        Row(GROUP, "rotel, blackhole", median(cost.per_cpu_s for cost in others), per_s, how=_spread(others)),
        Row(GROUP, "baton, of rotel's rate", ratio, "times", least=0.7, how=f"{turns} turns, the same requests"),
    ]


def table(folder: Path, scale: float) -> list[Row]:
    """All the way into the Delta table, and what compaction costs then."""
    group = "to the Delta table"
    count = _drained_requests(scale)
    store = folder / "drained"
    cost = _cost(_baton(store, DRAIN_ALONE), count, lambda: _wait_drained(store, drained_spans(scale)))
    how = f"{count} requests of {SPANS} spans; learning and compaction apart; {cost.refused} told to try again"
    return [
        Row(group, "baton", cost.per_cpu_s, "spans/CPU-s", least=220_000, how=how),
        Row(group, "on this machine's wall", cost.per_s, "spans/s", how="load and server share its cores"),
        Row(group, "peak memory of the endpoint", cost.peak_bytes / 1e6, "MB", most=1000, how="VmHWM"),
    ]


def drained_spans(scale: float) -> int:
    """How many spans `table` leaves in its store."""
    return (_drained_requests(scale) + WARM_REQUESTS) * SPANS


def _drained_requests(scale: float) -> int:
    return max(20, int(4000 * scale))


def latency(folder: Path, scale: float) -> list[Row]:
    """At a steady rate, everything on: drains and learning come between as they do in service."""
    rows: list[Row] = []
    for spans, seconds in ((SPANS, 30.0), (SMALL_SPANS, 20.0)):
        with _baton(folder / f"latency-{spans}", {}) as (pid, address):
            load(address, spans, next(_seeds), WARM_REQUESTS)
            count = max(20, int(seconds * scale * RATE / spans))
            told = load(address, spans, next(_seeds), count, RATE)
            peak = peak_bytes(pid)
        group = f"acknowledgement at {RATE:,} spans/s, requests of {spans}"
        how = f"{count} requests, timed from when they were due; {told.refused} told to try again"
        found = np.percentile(told.latencies_ms, [50, 90, 99, 99.9, 100]).tolist()
        rows += [
            Row(group, "p50", found[0], "ms", how=how),
            Row(group, "p90", found[1], "ms"),
            Row(group, "p99", found[2], "ms", most=50),
            Row(group, "p99.9", found[3], "ms"),
            Row(group, "longest", found[4], "ms"),
            Row(group, "peak memory of the endpoint", peak / 1e6, "MB", most=1000, how="VmHWM, learning apart"),
        ]
    return rows


def _cost(
    server: AbstractContextManager[tuple[int, str]], count: int, wait: Callable[[], object] = lambda: None
) -> Cost:
    """Runs the load, and waits until all is done that shall be counted."""
    with server as (pid, address):
        load(address, SPANS, next(_seeds), WARM_REQUESTS)
        before = cpu_s(pid)
        told = load(address, SPANS, next(_seeds), count)
        wait()
        spent = max(cpu_s(pid) - before, 1 / TICKS_A_SECOND)
        return Cost(told.spans / spent, told.spans / told.seconds, peak_bytes(pid), told.refused)


@contextmanager
def _baton(store: Path, limits: dict[str, float]) -> Iterator[tuple[int, str]]:
    with serving(store, **limits) as server:
        yield server.process.pid, server.grpc


def _wait_drained(store: Path, spans: int) -> None:
    deadline = time.monotonic() + DRAINED_S_MAX
    while (found := pl.scan_delta(store / "spans").select(pl.len()).collect().item()) < spans:
        if time.monotonic() > deadline:
            raise TimeoutError(f"the table holds {found} of {spans} spans after {DRAINED_S_MAX:.0f} s")
        time.sleep(0.2)


def _spread(costs: list[Cost]) -> str:
    rates = [cost.per_cpu_s for cost in costs]
    return f"{len(rates)} runs, {min(rates):,.0f} to {max(rates):,.0f}"
