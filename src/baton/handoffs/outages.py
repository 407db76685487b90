"""Baton's own outages: what it could not take, it must not miss.

A span that ended at t is exported within SILENCE_TAIL_NS of it. So an outage between the earliest moment at which a
receipt is looked for and that long after the latest may have swallowed the receipt's span. That holds for what was
exported as it happened: a recording that was loaded later lost nothing to an outage at the time it tells of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from baton.limits import LIVE_LAG_NS_MAX, SILENCE_TAIL_NS

if TYPE_CHECKING:
    from baton.looks import Spans


def came_live(spans: Spans | pl.DataFrame) -> pl.DataFrame:
    """Which spans came about when they happened.

    Args:
        spans: SPANS and SIGHTINGS.

    Returns:
        `send` (row of the span), `live` (Boolean: it came within `LIVE_LAG_NS_MAX` of its start, by whoever's clock).
    """
    lag_ns = pl.col("ingested_at") - pl.col("start_ns").clip(0)
    return spans.lazy().select(pl.col("row").alias("send"), (lag_ns.abs() <= LIVE_LAG_NS_MAX).alias("live")).collect()


def shadows(windows: pl.DataFrame, outages: pl.DataFrame) -> pl.DataFrame:
    """The windows in which a span may have been lost to Baton itself.

    Args:
        windows: `lo_ns`, `hi_ns` (Int64: where a receipt is looked for), `live` (Boolean: see `came_live`) and any key
            columns.
        outages: OUTAGES.

    Returns:
        The key columns of those windows, with `blind_from_ns`, `blind_until_ns` (Int64) and `blind_kind` (String): the
        last outage that touches the window; outages that overlap count as one, of the kind of the first.
    """
    reach_ns = pl.col("hi_ns").clip(upper_bound=pl.lit(2**63 - 1 - SILENCE_TAIL_NS)) + SILENCE_TAIL_NS
    return (
        windows.filter(pl.col("live"))
        .with_columns(reach_ns.alias("blind_from_ns"))
        .sort("blind_from_ns")
        .join_asof(_merged(outages), on="blind_from_ns", strategy="backward", coalesce=False)
        .filter(pl.col("blind_until_ns") >= pl.col("lo_ns"))
        .drop("blind_from_ns", "lo_ns", "hi_ns", "live")
        .rename({"blind_from_ns_right": "blind_from_ns"})
    )


def _merged(outages: pl.DataFrame) -> pl.DataFrame:
    """Outages that overlap made one: disjoint, ascending."""
    begins = (pl.col("start_ns") > pl.col("end_ns").cum_max().shift()).fill_null(value=True)
    return (
        outages.sort("start_ns", "end_ns")
        .group_by(begins.cum_sum().alias("number"), maintain_order=True)
        .agg(
            pl.col("start_ns").min().alias("blind_from_ns"),
            pl.col("end_ns").max().alias("blind_until_ns"),
            pl.col("kind").first().alias("blind_kind"),
        )
        .drop("number")
        .set_sorted("blind_from_ns")
    )


def told() -> pl.Expr:
    """The sentence of a receipt that Baton itself may have missed (String)."""
    what = pl.col("blind_kind").replace_strict(
        {"down": "was down", "refusing": "refused requests", "damaged": "lost a part of its journal to damage"},
        default="was not whole",
        return_dtype=pl.String,
    )
    return pl.format(
        "Baton itself {} from {} to {}: the receipt's span may have been lost to that",
        what,
        *(_clock(pl.col(name)) for name in ("blind_from_ns", "blind_until_ns")),
    )


def _clock(time_ns: pl.Expr) -> pl.Expr:
    return time_ns.cast(pl.Datetime("ns", "UTC")).dt.strftime("%Y-%m-%dT%H:%M:%SZ")
