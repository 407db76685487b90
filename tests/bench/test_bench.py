"""The benchmark itself, at a size that says nothing about speed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from bench.table import Row, as_text

TESTS = Path(__file__).parents[1]


def test_it_measures_every_row_at_a_tiny_scale(tmp_path: Path) -> None:
    """Every row has its figure, but for a rotel that is not there, which says so."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), *filter(None, sys.path)])}
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--format", "json", "--scale", "0.001", "--rotel", "none"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    rows = [Row(**row) for row in orjson.loads(done.stdout)]
    missing = {row.what: row.how for row in rows if row.value is None}
    assert missing == {"rotel, blackhole": "no rotel here: `pip install --pre rotel==0.0.1a15` did not work"}
    assert all(row.value > 0 for row in rows if row.value is not None)
    assert len({(row.group, row.what) for row in rows}) == len(rows) >= 20
    assert list(tmp_path.rglob("*.parquet")) == []


@pytest.mark.parametrize(
    ("row", "asked"),
    [
        (Row("g", "w", 2.0, "s", most=3), "<= 3.00 met"),
        (Row("g", "w", 4.0, "s", most=3), "<= 3.00 MISSED"),
        (Row("g", "w", 0.69, "times", least=0.7), ">= 0.70 MISSED"),
        (Row("g", "w", None, "times", least=1_000_000), ">= 1,000,000"),
        (Row("g", "w", 1.0, "s"), ""),
    ],
)
def test_a_row_says_whether_it_is_as_asked(row: Row, asked: str) -> None:
    """Met, missed, or not measured."""
    assert row.asked == asked


def test_the_table_is_aligned() -> None:
    """Figures stand under each other to the right, and a group has its name once."""
    rows = [Row("start", "warm", 1.234, "s", most=3), Row("start", "cold", 12_345.6, "s", how="once")]
    assert as_text(rows).splitlines() == [
        "        measured  unit  asked        how",
        "start",
        "  warm      1.23  s     <= 3.00 met",
        "  cold    12,346  s                  once",
    ]
