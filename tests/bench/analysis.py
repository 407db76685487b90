"""`make bench-analysis`: a bank's spans judged, whole process, cold, from Delta; owned; and an hour of a month.

Run as a module: `python -m bench.analysis [--spans 1e6 3e6 10e6] [--days 30] [--scale 0.02] [--duckdb .venv-duckdb]
[--keep FOLDER]`.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import polars as pl

from baton import queries
from baton.store import delta
from baton.store.layout import Layout
from baton.store.writer import Writer
from bench.bank_store import DAY_NS, JOURNEY, START_NS, fill
from bench.processes import peak_bytes
from bench.table import Row, as_json, as_text

if TYPE_CHECKING:
    from collections.abc import Sequence

WORK = Path(".work")
FORMATS = {"table": as_text, "json": as_json}
SPANS = (1_000_000, 3_000_000, 10_000_000)
SPANS_A_DAY = 10_000_000
SECONDS_MOST, BYTES_MOST, OF = 15.0, 6e9, 10_000_000
LINEAR_MOST = 1.25
HOUR_NS = DAY_NS // 24
LOOK_S = 0.02
OWNING_RULES, ASSIGN_SECONDS_MOST = 1_000, 2.0
MONTH_FILES = 120
"""Of the store of a month: compaction leaves one every few hours."""
_JOIN = """
import glob, json, sys, time
import duckdb
files = glob.glob(sys.argv[1] + "/*.parquet")
begun = time.perf_counter()
pairs = duckdb.sql(
    "select count(*) from read_parquet($files) c join read_parquet($files) p on c.parent_span_id = p.span_id "
    "and c.trace_id = p.trace_id and c.tenant = p.tenant where c.kind = 5 and p.kind = 4", params={"files": files}
).fetchall()[0][0]
print(json.dumps([time.perf_counter() - begun, pairs]))
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a process took."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int


def cost(*arguments: str) -> Cost:
    """`baton` run to its end, its answer thrown away.

    Raises:
        CalledProcessError: it failed.
    """
    begun, peak, ended = time.perf_counter(), 0, 0
    with subprocess.Popen([sys.executable, "-m", "baton", *arguments], stdout=subprocess.DEVNULL) as process:
        while not ended:
            # What `wait4` calls the most counts what its parent held when it was forked.
            with contextlib.suppress(OSError, StopIteration):
                peak = peak_bytes(process.pid)
            time.sleep(LOOK_S)
            ended, status, used = os.wait4(process.pid, os.WNOHANG)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, arguments)
    return Cost(time.perf_counter() - begun, used.ru_utime + used.ru_stime, peak)


def made(folder: Path, spans: int, days: float, files: int = 1) -> Path:
    """A store of so many spans in at least so many files that has learned, as `baton load` leaves it."""
    store = folder / f"bank-{spans}-{days:g}"
    if not store.exists():
        fill(store, spans, days, files)
        with Writer(store) as writer:
            writer.save_expectations(pl.read_ipc(io.BytesIO(queries.learn(store, ()))))
    return store


def judged(folder: Path, sizes: Sequence[int], duckdb: Path) -> list[Row]:
    """Wall, CPU and memory of `baton boundaries` at each size, of `baton findings`, which tells causes, and ratios."""
    rows: list[Row] = []
    costs: list[Cost] = []
    for size in sizes:
        group = f"{size:,} spans judged"
        sys.stderr.write(f"bench: {group}\n")
        store = made(folder, size, size / SPANS_A_DAY)
        costs.append(cost("boundaries", "--store", str(store)))
        asked = size == OF
        rows += [
            Row(group, "wall", costs[-1].seconds, "s", most=SECONDS_MOST if asked else None),
            Row(group, "CPU", costs[-1].cpu_seconds, "s"),
            Row(group, "peak memory", costs[-1].peak_bytes / 1e9, "GB", most=BYTES_MOST / 1e9 if asked else None),
            *_explained(group, store),
            *_joined(group, Layout(store).spans, costs[-1], duckdb),
        ]
    growth = costs[-1].seconds / costs[0].seconds / (sizes[-1] / sizes[0])
    how = f"{sizes[-1]:,} beside {sizes[0]:,}; 1 is linear"
    rows.append(Row("growth", "wall, a span", growth, "ratio", most=LINEAR_MOST, how=how))
    return rows


def _explained(group: str, store: Path) -> list[Row]:
    """The same spans judged, and every loss explained: queues replayed, causes told."""
    taken = cost("findings", "--store", str(store))
    return [
        Row(group, "wall, losses explained", taken.seconds, "s"),
        Row(group, "CPU, losses explained", taken.cpu_seconds, "s"),
        Row(group, "peak memory, losses explained", taken.peak_bytes / 1e9, "GB"),
    ]


def _joined(group: str, table: Path, whole: Cost, duckdb: Path) -> list[Row]:
    what = "DuckDB's bare join of producers and consumers"
    python = duckdb / "bin" / "python"
    if not python.exists():
        return [Row(group, what, None, "s", how=f"no DuckDB in {duckdb}")]
    done = subprocess.run([python, "-c", _JOIN, table], stdout=subprocess.PIPE, check=True)
    seconds, pairs = orjson.loads(done.stdout)
    return [
        Row(group, what, seconds, "s", how=f"{pairs:,} pairs"),
        Row(group, "judged, beside it", whole.seconds / seconds, "times"),
    ]


def owned(folder: Path, spans: int) -> list[Row]:
    """The same spans judged without an owner and by OWNING_RULES rules, and again where span attributes decide."""
    group = f"{spans:,} spans owned by {OWNING_RULES:,} rules"
    sys.stderr.write(f"bench: {group}\n")
    store = str(made(folder, spans, spans / SPANS_A_DAY))
    bare = cost("boundaries", "--store", store, "--owners", str(_ownership(folder, "none", 0)))
    rows = [Row(group, "wall without", bare.seconds, "s"), Row(group, "CPU without", bare.cpu_seconds, "s")]
    for name, attribute, most in (("rules", None, ASSIGN_SECONDS_MOST), ("with span attributes", "thread.id", None)):
        taken = cost("boundaries", "--store", store, "--owners", str(_ownership(folder, name, OWNING_RULES, attribute)))
        more = taken.seconds - bare.seconds
        rows += [
            Row(group, f"{name}, wall", taken.seconds, "s"),
            Row(group, f"{name}, CPU", taken.cpu_seconds, "s"),
            Row(group, f"{name}, wall more", more, "s", most=most if spans == OF else None),
            Row(group, f"{name}, CPU more", taken.cpu_seconds - bare.cpu_seconds, "s"),
            Row(group, f"{name}, wall beside none", taken.seconds / bare.seconds, "ratio"),
        ]
    return rows


def _ownership(folder: Path, name: str, rules: int, attribute: str | None = None) -> Path:
    """An ownership file of so many rules of all kinds in equal parts, exact and globs; some own parts of the bank."""
    kinds = ("services", "namespaces", "channels", "queues", "rpc_services", "http_routes")
    found: dict[str, dict[str, list[str]]] = {f"team-{number}": {} for number in range(20)}
    for number in range(rules):
        kind, team = kinds[number % len(kinds)], f"team-{number % len(found)}"
        found[team].setdefault(kind, []).append(f"{kind}-{number}" + "-*" * (number % 2))
    if rules:
        mine = {
            "services": sorted({slot.service for slot in JOURNEY}),
            "channels": ["ord*"],
            "http_routes": ["/price*"],
        }
        for team, (kind, names) in zip(found, mine.items(), strict=False):
            found[team].setdefault(kind, []).extend(names)
    teams = [
        {"name": team, "owns": {**owns, **({} if attribute is None else {"attributes": {attribute: str(number)}})}}
        for number, (team, owns) in enumerate(found.items())
    ]
    path = folder / f"ownership-{name.replace(' ', '-')}.yaml"
    path.write_bytes(orjson.dumps({"teams": teams}))
    return path


def window(folder: Path, spans: int, days: float) -> list[Row]:
    """An hour in the middle of a month that has learned, in a process of its own."""
    group = f"an hour of {days:g} days, {spans:,} spans"
    sys.stderr.write(f"bench: {group}\n")
    store = made(folder, spans, days, MONTH_FILES)
    since_ns = START_NS + int(days * DAY_NS / 2)
    question = queries.Question(store, since_ns=since_ns, until_ns=since_ns + HOUR_NS)
    table = Layout(store).spans
    parts = delta.parts(delta.open_table(table))
    lo_ns, hi_ns = queries.margins(question)
    opened = [part for part in parts if part.touches(lo_ns or 0, hi_ns or 0)]
    asked = ("--since", _text(since_ns), "--until", _text(since_ns + HOUR_NS))
    taken = cost("boundaries", "--store", str(store), *asked)
    return [
        Row(group, "wall", taken.seconds, "s"),
        Row(group, "CPU", taken.cpu_seconds, "s"),
        Row(group, "peak memory", taken.peak_bytes / 1e9, "GB"),
        Row(group, "files opened", len(opened), "files", how=f"of {len(parts)}"),
        Row(group, "rows in them", sum(part.rows for part in opened), "rows", how=f"of {spans:,}"),
        Row(group, "bytes of them", sum(part.size_bytes for part in opened) / 1e6, "MB"),
    ]


def _text(time_ns: int) -> str:
    return str(pl.Series([time_ns]).cast(pl.Datetime("ns", "UTC")).dt.strftime("%Y-%m-%dT%H:%M:%SZ")[0])


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures, and prints."""
    parser = argparse.ArgumentParser(prog="bench.analysis", description=__doc__)
    parser.add_argument("--format", choices=FORMATS, default="table", help="Form of the answer.")
    parser.add_argument("--spans", type=float, nargs="+", default=SPANS, help="Sizes of the stores that are judged.")
    parser.add_argument("--days", type=float, default=30.0, help="Days of the store of which an hour is asked.")
    parser.add_argument("--month", type=float, default=10e6, help="Its spans.")
    parser.add_argument("--scale", type=float, default=1.0, help="Part of all these spans that is made.")
    parser.add_argument("--duckdb", type=Path, default=Path(".venv-duckdb"), help="A virtual environment with DuckDB.")
    parser.add_argument("--keep", type=Path, help="Where the stores lie, or are made and left.")
    asked = parser.parse_args(arguments)
    WORK.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=WORK, ignore_cleanup_errors=True) as scratch:
        folder = asked.keep or Path(scratch)
        rows = judged(folder, [int(size * asked.scale) for size in asked.spans], asked.duckdb)
        rows += owned(folder, int(asked.spans[-1] * asked.scale))
        rows += window(folder, int(asked.month * asked.scale), asked.days)
    sys.stdout.write(FORMATS[asked.format](rows))


if __name__ == "__main__":
    main()
