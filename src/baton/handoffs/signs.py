"""Small signs that bear on a missing receipt: an open one, an empty queue, a correlation id that names nobody."""

from __future__ import annotations

import polars as pl

from baton.limits import IDLE_POLLS_MIN
from baton.schema import SUBSCRIPTION

_KEY = ["send", *SUBSCRIPTION]


def signs(rows: pl.DataFrame, spans: pl.DataFrame | pl.LazyFrame, unnamed: pl.DataFrame) -> pl.DataFrame:
    """Adds `open_ns`, `idle_ns`, `unnamed_sent`, `unnamed_received`, null where not so.

    Args:
        rows: the frame of `order.overtaken`.
        spans: SPANS and SIGHTINGS.
        unnamed: UNNAMED.

    Returns:
        The rows with `open_ns` (Int64, see `open_receipts`), `idle_ns` (Int64: until when every instance that takes
        from the place had polled it IDLE_POLLS_MIN times and found nothing, null if one did not) and the two counts.
    """
    counts = unnamed.rename({"sent": "unnamed_sent", "received": "unnamed_received"})
    missing = rows.filter(pl.col("row").is_null() & pl.col("subscription").is_not_null())
    return (
        rows.join(
            open_receipts(missing.select(*_KEY, "services", "sent_ns"), spans), on=_KEY, how="left", nulls_equal=True
        )
        .join(_idle(rows, spans), on=SUBSCRIPTION, how="left", nulls_equal=True)
        .join(counts, on="send", how="left")
    )


def open_receipts(missing: pl.DataFrame, spans: pl.DataFrame | pl.LazyFrame) -> pl.DataFrame:
    """Receipts, or answers, that are under way: a child was exported, its parent ends last and comes last.

    Args:
        missing: `send`, `services` (who should have received it), `sent_ns`, and any further key columns.
        spans: SPANS and SIGHTINGS.

    Returns:
        The key columns and `open_ns` (Int64): the last end of a span of the receiver's in the send's trace, after the
        send, whose parent has not arrived. Server spans are no children of a receipt: somebody called.
    """
    key = [name for name in missing.columns if name not in ("services", "sent_ns")]
    traces = spans.lazy().select(
        pl.col("row").alias("send"), pl.col("tenant").alias("_tenant"), "trace_key", "trace_id"
    )
    below = (pl.col("role") != "server").fill_null(value=True)
    orphans = spans.lazy().filter(pl.col("parent_row").is_null() & pl.col("parent_span_id").is_not_null() & below)
    return (
        missing.lazy()
        .explode("services")
        .join(traces, on="send")
        .join(
            orphans.select("trace_key", "trace_id", "start_ns", "end_ns", _tenant="tenant", services="service"),
            on=["_tenant", "trace_key", "trace_id", "services"],
        )
        .filter(pl.col("start_ns") >= pl.col("sent_ns"))
        .group_by(key)
        .agg(pl.col("end_ns").max().alias("open_ns"))
        .collect()
    )


def _idle(rows: pl.DataFrame, spans: pl.DataFrame | pl.LazyFrame) -> pl.DataFrame:
    """Empty polls, per instance that takes from the subscription. Polls of one partition say nothing of others."""
    polls = (
        spans.lazy()
        .filter((pl.col("step") == "receive") & (pl.col("batch_count") == 0) & pl.col("partition").is_null())
        .group_by("tenant", "environment", "service", "service_instance", "channel")
        .agg(pl.col("start_ns").sort(descending=True).head(IDLE_POLLS_MIN).alias("idle_ns"))
        .filter(pl.col("idle_ns").list.len() >= IDLE_POLLS_MIN)
        .with_columns(pl.col("idle_ns").list.min())
    )
    takers = (
        rows.lazy()
        .filter(pl.col("row").is_not_null())
        .select(
            *SUBSCRIPTION,
            pl.col("receiver").alias("service"),
            pl.col("instance").alias("service_instance"),
            pl.col("place"),
        )
    )
    return (
        takers.unique()
        .join(
            polls,
            left_on=["tenant", "environment", "service", "service_instance", "place"],
            right_on=["tenant", "environment", "service", "service_instance", "channel"],
            how="left",
        )
        .group_by(SUBSCRIPTION)
        .agg(pl.when(pl.col("idle_ns").is_not_null().all()).then(pl.col("idle_ns").min()).alias("idle_ns"))
        .collect()
    )
