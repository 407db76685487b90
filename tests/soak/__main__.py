"""`make soak`: what takes too long for `make test`, each part with what it did; the first that fails ends it.

1. Fifty rounds of kill -9 at random instants, judged by what a client wrote down.
2. Minutes of steady load with every kind of hostile client beside it: the endpoint's memory stays bounded, it goes on
   answering, all that it acknowledged is in the table, and it stops in order.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from baton.store.reader import Store
from bench.generator import load
from bench.processes import peak_bytes
from load.hostile import attacked
from load.rounds import rounds
from load.server import serving

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.generator import Told

WORK = Path(".work")
ROUNDS = 50
SECONDS = 300.0
RATE = 50_000
SPANS = 512
SLICE_S = 30.0
PEAK_BYTES_MAX = 1_000_000_000


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs all parts."""
    parser = argparse.ArgumentParser(prog="soak", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="How often the endpoint is killed.")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="How long the load under attack lasts.")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 2**16, help="Of the instants of killing.")
    asked = parser.parse_args(arguments)
    # Exporters that lose their server say so at length; here they lose it all the time.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    WORK.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="soak-", dir=WORK, ignore_cleanup_errors=True) as folder:
        _tell(f"{asked.rounds} rounds of kill -9, --seed {asked.seed}")
        rounds(Path(folder) / "killed", asked.rounds, asked.seed, _tell)
        _tell(f"{asked.seconds:.0f} s of {RATE:,} spans/s under attack")
        _under_attack(Path(folder) / "attacked", asked.seconds)
    _tell("all held")


def _under_attack(store: Path, seconds: float) -> None:
    sent = 0
    with serving(store) as server:
        with attacked(server):
            for number in range(max(1, round(seconds / SLICE_S))):
                told = load(server.grpc, SPANS, number, int(min(seconds, SLICE_S) * RATE / SPANS), RATE)
                sent += told.spans
                _tell(_line(told, peak_bytes(server.process.pid)))
        peak = peak_bytes(server.process.pid)
        code, errors = server.stop()
    sys.stderr.write(errors)
    stored = Store(store).spans().select(pl.len()).collect().item()
    _tell(f"{stored:,} spans in the store, {sent:,} of them this client's; exit code {code}")
    assert code == 0, "it did not stop in order"
    assert stored >= sent, "acknowledged spans are lost"
    assert peak < PEAK_BYTES_MAX, f"its memory grew beyond {PEAK_BYTES_MAX / 1e6:,.0f} MB"


def _line(told: Told, peak: int) -> str:
    late = sorted(told.latencies_ms)[int(len(told.latencies_ms) * 0.99)]
    return (
        f"{told.spans:,} spans acknowledged in {told.seconds:.0f} s, p99 {late:,.0f} ms, {told.refused} told to try "
        f"again; peak memory {peak / 1e6:,.0f} MB"
    )


def _tell(line: str) -> None:
    sys.stdout.write(f"soak: {line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
