from __future__ import annotations

import polars as pl

import incident
from baton.limits import TABLE_ROWS_MAX
from baton.reports.boundaries import as_table


def table(frame: pl.DataFrame) -> str:
    """The table at 80 columns."""
    return as_table(frame, width=80, color=False)


def test_worst_first_as_given() -> None:
    """The order is the question's, and teams, channel, owner, figures and rate stand in each row."""
    lines = table(incident.BOUNDARIES).splitlines()
    assert lines[2].split() == ["trading", "→", "notification", "60", "27", "0", "3", "0", "1.0", "s"]
    assert lines[3].split() == ["wealth.events", "(messaging)", "45.0%", "6.2", "s"]


def test_no_rows() -> None:
    """Without boundaries it says so and what to do."""
    assert table(incident.BOUNDARIES.clear()).startswith("No boundary was crossed")


def test_nothing_arrived() -> None:
    """Where nothing arrived there is no latency, and a dash says so."""
    frame = incident.BOUNDARIES.head(1).with_columns(p50_ms=pl.lit(None, pl.Float64), p99_ms=pl.lit(None, pl.Float64))
    assert [line.split()[-1] for line in table(frame).splitlines()[2:]] == ["-", "-"]


def test_a_long_table_says_what_it_leaves_out() -> None:
    """Beyond TABLE_ROWS_MAX boundaries the rest is counted, and it is said how to get all."""
    frame = pl.concat([incident.BOUNDARIES] * (TABLE_ROWS_MAX // 4 + 1))
    assert f"{TABLE_ROWS_MAX} of {TABLE_ROWS_MAX + 4} boundaries" in table(frame)
