"""Small signs that bear on a missing receipt: an open one, an empty queue, a correlation id that names nobody."""

from __future__ import annotations

import polars as pl

from baton.handoffs.expected import SUBSCRIPTION

_KEY = ["send", *SUBSCRIPTION]


def signs(rows: pl.DataFrame, spans: pl.DataFrame, unnamed: pl.DataFrame) -> pl.DataFrame:
    """Adds `open_ns`, `idle_ns`, `unnamed_sent`, `unnamed_received`, null where not so.

    Args:
        rows: the frame of `expected.expected`.
        spans: SPANS after `conventions.normalise`, with `row` and `parent_row`.
        unnamed: UNNAMED.

    Returns:
        The rows with `open_ns` (Int64: last end of a span of the receiver's in the message's trace, after the send,
        whose parent has not arrived), `idle_ns` (Int64: last time a receiver polled this place and found nothing) and
        the two counts.
    """
    counts = unnamed.rename({"sent": "unnamed_sent", "received": "unnamed_received"})
    return (
        rows.join(_open(rows, spans), on=_KEY, how="left", nulls_equal=True)
        .join(_idle(rows, spans), on=SUBSCRIPTION, how="left", nulls_equal=True)
        .join(counts, on="send", how="left")
    )


def _missing(rows: pl.DataFrame) -> pl.LazyFrame:
    return rows.lazy().filter(pl.col("row").is_null() & pl.col("subscription").is_not_null())


def _open(rows: pl.DataFrame, spans: pl.DataFrame) -> pl.DataFrame:
    """A child was exported before its parent: the receipt's own span ends last and comes last."""
    traces = spans.lazy().select(pl.col("row").alias("send"), "trace_key", "trace_id")
    orphans = spans.lazy().filter(pl.col("parent_row").is_null() & pl.col("parent_span_id").is_not_null())
    return (
        _missing(rows)
        .select(*_KEY, "services", "sent_ns")
        .explode("services")
        .join(traces, on="send")
        .join(
            orphans.select("tenant", "environment", "trace_key", "trace_id", "start_ns", "end_ns", services="service"),
            on=["tenant", "environment", "trace_key", "trace_id", "services"],
        )
        .filter(pl.col("start_ns") >= pl.col("sent_ns"))
        .group_by(_KEY)
        .agg(pl.col("end_ns").max().alias("open_ns"))
        .collect()
    )


def _idle(rows: pl.DataFrame, spans: pl.DataFrame) -> pl.DataFrame:
    polls = spans.lazy().filter((pl.col("step") == "receive") & (pl.col("batch_count") == 0))
    return (
        _missing(rows)
        .select(*SUBSCRIPTION, "services", "place")
        .unique()
        .explode("services")
        .join(
            polls.select("tenant", "environment", "end_ns", services="service", place="channel"),
            on=["tenant", "environment", "services", "place"],
        )
        .group_by(SUBSCRIPTION)
        .agg(pl.col("end_ns").max().alias("idle_ns"))
        .collect()
    )
