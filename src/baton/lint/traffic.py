"""What became of each queue's messages, from the public rows."""

from __future__ import annotations

import polars as pl

QUEUE = ["tenant", "environment", "queue"]

COLUMNS = ("kind", *QUEUE, "channel", "to_service", "verdict", "cause", "sent_at", "received_at")
"""Columns of HANDOFFS that `traffic` reads."""

TRAFFIC = pl.Schema(
    {
        **dict.fromkeys(QUEUE, pl.String()),
        **dict.fromkeys(("handoffs", "received", "overflow", "expired", "rejected", "over_ttl"), pl.Int64()),
        "backwards": pl.Int64(),
        **dict.fromkeys(("p50_ms", "p99_ms", "max_ms"), pl.Float64()),
        "refusers": pl.List(pl.String()),
    }
)
"""See `subjects.Traffic`; one row a queue."""


def traffic(rows: pl.LazyFrame, flows: pl.DataFrame, ttls: pl.DataFrame) -> pl.DataFrame:
    """What became of each queue's messages.

    Args:
        rows: HANDOFFS, or COLUMNS of it.
        flows: FLOWS: tells the queue of a row that names none, where all of its channel goes to one.
        ttls: `tenant`, `queue`, `ttl_ns`: at most one row a queue.

    Returns:
        TRAFFIC.
    """
    channel = ["tenant", "environment", "channel"]
    homes = (
        flows.group_by(channel)
        .agg(pl.col("queue").unique())
        .filter(pl.col("queue").list.len() == 1)
        .with_columns(pl.col("queue").list.first().alias("home"))
        .select(*channel, "home")
    )
    waited_ns = (pl.col("received_at") - pl.col("sent_at")).dt.total_nanoseconds()
    served_ms = pl.col("waited_ns").filter(pl.col("waited_ns") >= 0) / 1e6
    dropped = pl.col("verdict") == "dropped"
    return (
        rows.filter(pl.col("kind") == "message")
        .select(COLUMNS)
        .join(homes.lazy(), on=channel, how="left", nulls_equal=True)
        .with_columns(pl.coalesce("queue", "home").alias("queue"), waited_ns.alias("waited_ns"))
        .filter(pl.col("queue").is_not_null())
        .join(ttls.lazy(), on=["tenant", "queue"], how="left")
        .group_by(QUEUE)
        .agg(
            pl.len().alias("handoffs"),
            pl.col("waited_ns").count().alias("received"),
            *(
                (dropped & (pl.col("cause") == cause)).sum().alias(cause)
                for cause in ("overflow", "expired", "rejected")
            ),
            (pl.col("waited_ns") > pl.col("ttl_ns")).sum().alias("over_ttl"),
            (pl.col("waited_ns") < 0).sum().alias("backwards"),
            served_ms.quantile(0.5, "nearest").alias("p50_ms"),
            served_ms.quantile(0.99, "higher").alias("p99_ms"),
            served_ms.max().alias("max_ms"),
            pl.col("to_service")
            .filter(dropped & (pl.col("cause") == "rejected"))
            .drop_nulls()
            .unique()
            .sort()
            .alias("refusers"),
        )
        .select(pl.col(name).cast(dtype) for name, dtype in TRAFFIC.items())
        .sort(QUEUE)
        .collect()
    )
