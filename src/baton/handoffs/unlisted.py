"""Polls that took more messages than their span names.

SDKs keep 128 links a span unless they are told otherwise, and `messaging.batch.message_count` tells how many messages
there were. Which ones were not linked, nobody knows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from baton.handoffs.beside import PLACE, beside, unseen

if TYPE_CHECKING:
    from baton.looks import Spans

_POLL = ["tenant", "home", "service", "place"]


def unlisted(rows: pl.DataFrame, spans: Spans) -> pl.DataFrame:
    """Adds how many messages the poll took unnamed that may have taken a missing one.

    Args:
        rows: the frame of `telemetry.vouch`, with `lo_ns` and `hi_ns`.
        spans: SPANS and SIGHTINGS.

    Returns:
        The rows with `unlisted` (Int64), null where there is no such poll or there is a receipt.
    """
    polls = _polls(spans)
    if polls.is_empty():
        return rows.with_columns(pl.lit(None, dtype=pl.Int64).alias("unlisted"))
    missing = unseen(rows)
    found = (
        missing.select(
            PLACE, "tenant", pl.coalesce("home", "environment").alias("home"), "place", "services", "lo_ns", "hi_ns"
        )
        .explode("services")
        .rename({"services": "service"})
        .sort("hi_ns")
        .join_asof(polls, left_on="hi_ns", right_on="start_ns", by=_POLL, strategy="backward", check_sortedness=False)
        .filter(pl.col("end_ns") >= pl.col("lo_ns"))
        .group_by(PLACE)
        .agg(pl.col("unlisted").max())
    )
    return beside(rows, found)


def _polls(spans: Spans) -> pl.DataFrame:
    """Receives that link some of their messages, but fewer than they say they took."""
    links = pl.col("linked").cast(pl.Int64)
    return (
        spans.where((pl.col("role") == "receive") & pl.col("batch_count").is_not_null())
        .lazy()
        .filter((links > 0) & (pl.col("batch_count") > links))
        .select(
            "tenant",
            "service",
            "start_ns",
            pl.col("environment").alias("home"),
            pl.col("channel").alias("place"),
            # The latest end so far: a long poll reaches beyond the short ones that began after it.
            pl.col("end_ns"),
            (pl.col("batch_count") - links).alias("unlisted"),
        )
        .sort("start_ns")
        .with_columns(pl.col("end_ns").cum_max().over(_POLL))
        .collect()
    )
