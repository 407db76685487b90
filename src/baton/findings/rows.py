"""Public rows: judged, convicted messages and calls in the words of schema.HANDOFFS."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from baton.findings.episodes import digests, identify
from baton.schema import HANDOFFS, UNSAID

if TYPE_CHECKING:
    from collections.abc import Iterator

ROW_ID = ("kind", "trace_id", "span_id", "subscription")
"""What a row's `handoff_id` is made of."""


def public(rows: pl.DataFrame, spans: pl.DataFrame, as_of_ns: int) -> pl.DataFrame:
    """HANDOFFS, sorted by `sent_at, handoff_id`.

    Args:
        rows: convicted rows of messages and calls, with what `told.told` and `accountable.hold` add.
        spans: `row`, `trace_id`, `span_id` of all spans.
        as_of_ns: event time of the judgement.

    Returns:
        HANDOFFS.
    """
    ids = spans.select("trace_id", "span_id")
    rows = rows.with_columns(*_hex(ids, rows["send"], ""), *_hex(ids, rows["row"], "receive_"))
    rows = rows.with_columns(digests(rows, ROW_ID).alias("handoff_id"))
    rows = _resubmitted(identify(rows)).with_columns(*_places(), *_times(as_of_ns), pl.col("step").alias("receipt"))
    return rows.select(pl.col(column.name).cast(column.dtype) for column in HANDOFFS.columns).sort(
        "sent_at", "handoff_id"
    )


def _hex(ids: pl.DataFrame, place: pl.Series, prefix: str) -> Iterator[pl.Series]:
    """The ids at these rows, in hex."""
    for name in ids.columns:
        yield ids[name].gather(place).bin.encode("hex").alias(prefix + name)


def _places() -> tuple[pl.Expr, ...]:
    said = ~pl.col("channel").str.starts_with(UNSAID)
    elsewhere = pl.when(pl.col("place") != pl.col("channel")).then("place")
    return (
        pl.coalesce("queue", elsewhere).alias("queue"),
        pl.when(said).then("channel").alias("channel"),
        pl.when(said).then("channel_team").alias("channel_team"),
        pl.col("journey_id").bin.encode("hex"),
    )


def _times(as_of_ns: int) -> tuple[pl.Expr, ...]:
    expected = pl.col("relation") == "expected"
    late = (pl.col("kind") == "message") & expected & (pl.col("received_ns") > pl.col("deadline_at_ns"))
    utc = pl.Datetime("ns", "UTC")
    return (
        pl.col("sent_ns").cast(utc).alias("sent_at"),
        pl.col("received_ns").cast(utc).alias("received_at"),
        pl.when(expected & pl.col("expected_by").is_not_null()).then("deadline_at_ns").cast(utc).alias("deadline_at"),
        late.fill_null(value=False).alias("late"),
        pl.lit(as_of_ns).cast(utc).alias("as_of"),
    )


def _resubmitted(rows: pl.DataFrame) -> pl.DataFrame:
    """Adds `resubmitted_by`: of a silent loss that a later send made good, that send's row.

    It stays dropped: this is how duplicate trades are made.
    """
    later = rows.select(
        pl.col("send").alias("made_good"), "kind", "subscription", pl.col("handoff_id").alias("resubmitted_by")
    ).unique(["made_good", "kind", "subscription"], keep="any")
    joined = rows.join(later, on=["made_good", "kind", "subscription"], how="left")
    return joined.with_columns(
        pl.when((pl.col("verdict") == "dropped") & ~pl.col("failed")).then("resubmitted_by").alias("resubmitted_by")
    )
