"""Repair: what must be true of spans before anybody reasons over them.

A list of steps, like Jaeger's standard adjusters; the order matters:

1. `_seen`     spans that end after `as_of` are not there yet; before twins, so that an old state can be asked again.
2. `_single`   the same span twice is one span, and rows are numbered in the order of their ids, so that no result
               depends on the order of arrival.
3. `_parented` `parent_row`; needs rows.
4. `_skewed`   clock skew is marked, never mended: raw times are kept.
"""

from __future__ import annotations

import polars as pl

from baton.schema import SPANS

SPAN = ["tenant", "trace_key", "span_key", "trace_id", "span_id"]
_CONTENT = [name for name in SPANS.names if name != "ingested_at"]
_HASH_SEED = 1


def repair(spans: pl.LazyFrame, as_of_ns: int) -> pl.LazyFrame:
    """Spans without twins, numbered, with parents resolved and skew marked.

    Args:
        spans: SPANS.
        as_of_ns: spans that end later are unseen.

    Returns:
        SPANS plus `row` (UInt32, dense, in the order of tenant, trace and span id), `parent_row` (UInt32, null where
        the parent is absent or has not arrived) and `skew_ns` (Int64, null where no call tells).
    """
    return _skewed(_parented(_single(_seen(spans, as_of_ns))))


def _seen(spans: pl.LazyFrame, as_of_ns: int) -> pl.LazyFrame:
    return spans.filter(pl.col("end_ns") <= as_of_ns)


def _single(spans: pl.LazyFrame) -> pl.LazyFrame:
    """Rows in the order of their ids, each span once.

    Order and twins are settled on the ids alone; the wide rows, which cost most to move, are moved once.
    """
    arrived = spans.collect()
    ids = arrived.lazy().with_row_index("_place").select("_place", *SPAN)
    losers = _losers(arrived, ids)
    order = ids.join(losers, on="_place", how="anti").sort("tenant", "trace_id", "span_id").select("_place").collect()
    return arrived[order["_place"]].lazy().with_row_index("row")


def _losers(arrived: pl.DataFrame, ids: pl.LazyFrame) -> pl.LazyFrame:
    """Places of spans that a twin stands for. Of conflicting twins the later end wins, then the greatest content.

    Content is compared, by hash, only for spans that share ids, and written out only for those that differ: exporters
    that resend make equal twins by the million, conflicting ones are rare.
    """
    alike = ids.filter(pl.len().over("trace_key", "span_key") > 1)
    sharing = alike.filter(pl.len().over(SPAN) > 1).select("_place").collect()
    variants = (
        arrived[sharing["_place"]]
        .lazy()
        .with_columns(sharing["_place"], pl.struct(_CONTENT).hash(_HASH_SEED).alias("_variant"))
        .sort("ingested_at", "_place", nulls_last=True)
        .unique([*SPAN, "_variant"], keep="first", maintain_order=True)
    )
    differ = pl.len().over(SPAN) > 1
    winners = (
        variants.filter(differ)
        .with_columns(pl.struct(_CONTENT).map_elements(_written, return_dtype=pl.String).alias("_content"))
        .sort("end_ns", "_content", descending=True)
        .group_by(SPAN)
        .agg(pl.col("_place").first())
        .select("_place")
    )
    kept = pl.concat([winners, variants.filter(~differ).select("_place")])
    return sharing.lazy().join(kept, on="_place", how="anti")


def _written(span: dict[str, object]) -> str:
    return repr([span[name] for name in _CONTENT])


def _parented(spans: pl.LazyFrame) -> pl.LazyFrame:
    parents = spans.select(
        "tenant",
        "trace_key",
        "trace_id",
        pl.col("span_key").alias("parent_key"),
        pl.col("span_id").alias("parent_span_id"),
        pl.col("row").alias("parent_row"),
    )
    on = ["tenant", "trace_key", "parent_key", "trace_id", "parent_span_id"]
    return spans.join(parents, on=on, how="left", maintain_order="left")


def _skewed(spans: pl.LazyFrame) -> pl.LazyFrame:
    """Skew of a server against its caller.

    A call encloses its answer. Where it does not, and the answer took no longer than the call, the clocks differ by
    the distance of their middles (Jaeger's clock-skew adjuster does the same). A message gives no such bound: waiting
    in a queue is not skew.
    """
    callers = spans.filter(pl.col("kind") == 3).select(  # noqa: PLR2004 - OTLP's SPAN_KIND_CLIENT
        pl.col("row").alias("parent_row"),
        pl.col("start_ns").alias("_start"),
        pl.col("end_ns").alias("_end"),
        pl.struct("service", "service_instance").alias("_caller"),
    )
    start, end = pl.col("start_ns"), pl.col("end_ns")
    outside = (start < pl.col("_start")) | (end > pl.col("_end"))
    fits = (end - start) <= (pl.col("_end") - pl.col("_start"))
    middles = ((start - pl.col("_start")) + (end - pl.col("_end"))) // 2
    skew = (
        pl.when(
            (pl.col("kind") == 2)  # noqa: PLR2004 - OTLP's SPAN_KIND_SERVER
            & outside
            & fits
            & (pl.struct("service", "service_instance") != pl.col("_caller"))
        )
        .then(middles)
        .alias("skew_ns")
    )
    return (
        spans.join(callers, on="parent_row", how="left", maintain_order="left")
        .with_columns(skew)
        .drop("_start", "_end", "_caller")
    )
