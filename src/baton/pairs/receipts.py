"""Receipts: everything one taker did with one message, redeliveries included.

`receive`, `process` and `settle` of one message are one delivery; a redelivery is another one, and the last decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from baton import sampling
from baton.limits import DURATION_NS_MAX

if TYPE_CHECKING:
    from baton.looks import Spans

_OF_TAKER = ["send", "taker"]
_DONE = {"settle": "settled", "process": "processed"}
_DELIVERY = [*_OF_TAKER, "delivery"]


def receipts(spans: Spans, pairs: pl.DataFrame) -> pl.DataFrame:
    """One row a (send, taker).

    Args:
        spans: SPANS after `conventions.normalise`, with `row`.
        pairs: PAIRS.

    Returns:
        RECEIPTS.
    """
    looks = spans.telling(
        (pl.col("status_code") == 2).alias("error"),  # noqa: PLR2004 - OTLP's STATUS_CODE_ERROR
        pl.coalesce("exception_type", "error_type", "status_message").alias("failure"),
        pl.col("channel").alias("destination"),
        _named().alias("named"),
    ).telling(_taker().alias("taker"))
    looks = looks.telling(pl.concat_str("taker", pl.lit(" "), pl.col("partition").fill_null("")).alias("lane"))
    facts = looks.at(pairs["receive"]).select(
        "parent_row",
        "step",
        "refused",
        "service",
        "service_instance",
        pl.col("environment").alias("home"),
        "trace_state",
        "trace_key",
        *("destination", "queue", "named", "taker", "lane", "partition", "start_ns", "end_ns", "error", "failure"),
    )
    touched = pairs.hstack(facts).lazy()
    # Most messages have one span of one receipt: nothing there needs to be laid beside anything.
    alone = pl.len().over("send") == 1
    several = _last(_delivered(_placed(touched.filter(~alone).drop("taker", "lane"))))
    single = _only(touched.filter(alone))
    return (
        pl.concat([single, several.select(single.collect_schema().names())]).sort("send", maintain_order=True).collect()
    )


def _taker() -> pl.Expr:
    place = pl.col("destination").fill_null("an unnamed destination")
    return pl.coalesce("named", pl.concat_str("service", pl.lit(" at "), place))


def _named() -> pl.Expr:
    return pl.coalesce(
        pl.concat_str(pl.lit("group "), pl.col("consumer_group")),
        pl.concat_str(pl.lit("subscription "), pl.col("subscription_name")),
        pl.concat_str(pl.lit("queue "), pl.col("queue")),
    )


def _placed(touched: pl.LazyFrame) -> pl.LazyFrame:
    """Gives every span the place it took from.

    That is its receive's, where it stands directly under one (a framework's span under a driver's may use another
    name), and that of the one before it, where it says none.
    """
    upper = touched.select("send", pl.col("receive").alias("parent_row"), pl.col("destination").alias("_upper"))
    instance = ["send", "service", "service_instance"]
    place = [*instance, "destination"]
    return (
        touched.join(upper, on=["send", "parent_row"], how="left")
        .with_columns(
            pl.coalesce("_upper", "destination").alias("destination"),
            pl.col("parent_row").is_in(pl.col("receive").implode().over("send")).fill_null(value=False).alias("nested"),
        )
        .sort("start_ns", "receive")
        .with_columns(pl.col("destination").forward_fill().over(instance))
        .with_columns(pl.col(name).drop_nulls().first().over(place) for name in ("named", "queue"))
        .with_columns(_taker().alias("taker"))
    )


def _delivered(touched: pl.LazyFrame) -> pl.LazyFrame:
    """Numbers the deliveries, in time order.

    A span begins a new one unless it settles, stands under a receive, processes what was just received, or runs inside
    an earlier span of the same instance. A second `process` after the first under one receive is a
    new attempt.
    """
    same = [*_OF_TAKER, "service_instance"]
    ends = pl.col("end_ns").cum_max().shift().over(same)
    processed = pl.when(pl.col("step") == "process").then("end_ns").cum_max().forward_fill().shift().over(same)
    inside = (pl.col("start_ns") < pl.coalesce(processed, ends)).fill_null(value=False)
    before = pl.col("step").shift().over(_OF_TAKER)
    follows = ((before == "receive") & (pl.col("step") == "process")).fill_null(value=False)
    sibling = pl.when(pl.col("step") == "process").then("end_ns").cum_max().forward_fill().shift()
    nested = pl.col("nested") & (sibling.over([*same, "parent_row"]).is_null() | (pl.col("step") != "process"))
    begins = (pl.col("step") != "settle") & ~nested & ~inside & ~follows
    return touched.with_columns(begins.cum_sum().over(_OF_TAKER).alias("delivery"))


def _only(touched: pl.LazyFrame) -> pl.LazyFrame:
    """What `_last` makes of messages that one span received: of one value the first, the last and any are itself."""
    failed = _failed().fill_null(value=False)
    step = pl.col("step").replace_strict(_DONE, default="received", return_dtype=pl.String)
    return touched.select(
        *("send", "taker", "service", "service_instance", "home", "trace_key", "destination", "queue"),
        pl.col("receive").alias("row"),
        "lane",
        step.alias("step"),
        failed.alias("failed"),
        pl.when(failed).then(pl.col("failure").fill_null("an error status")).alias("failure"),
        pl.col("start_ns").alias("received_ns"),
        pl.col("end_ns").alias("done_ns"),
        pl.col("batched").fill_null(value=False),
        "method",
        pl.col("start_ns").alias("first_ns"),
        pl.lit(1, dtype=pl.UInt32).alias("deliveries"),
        (~failed).cast(pl.UInt32).alias("well"),
        pl.lit(None, dtype=pl.Int64).alias("redelivery_ns"),
        sampling.threshold().alias("threshold"),
    )


def _failed() -> pl.Expr:
    return (pl.col("error") & ~pl.col("batched")) | pl.col("refused")


def _last(delivered: pl.LazyFrame) -> pl.LazyFrame:
    settles = pl.col("step") == "settle"
    failed = _failed()
    taking = pl.coalesce(pl.when(~settles).then("receive").first(ignore_nulls=True), pl.col("receive").first())
    deliveries = delivered.group_by(_DELIVERY, maintain_order=True).agg(
        *(pl.col(name).first() for name in ("service", "service_instance", "home", "trace_state", "trace_key")),
        *(pl.col(name).first() for name in ("destination", "queue", "method")),
        taking.alias("row"),
        pl.concat_str("taker", pl.lit(" "), pl.col("partition").first(ignore_nulls=True).fill_null(""))
        .first()
        .alias("lane"),
        pl.when(settles.any())
        .then(pl.lit("settled"))
        .when((pl.col("step") == "process").any())
        .then(pl.lit("processed"))
        .otherwise(pl.lit("received"))
        .alias("step"),
        failed.any().alias("failed"),
        pl.when(failed).then(pl.col("failure").fill_null("an error status")).first(ignore_nulls=True).alias("failure"),
        pl.col("start_ns").min().alias("received_ns"),
        pl.col("end_ns").max().alias("done_ns"),
        pl.col("batched").any(),
    )
    again_ns = pl.col("received_ns") - pl.when("failed").then("done_ns").shift()
    # Where some delivery was processed, a bare receive is one that broke off before anything came of it.
    handled = (pl.col("step") != "received") | (pl.col("step") == "received").all()
    return (
        deliveries.sort(_DELIVERY)
        .group_by(_OF_TAKER, maintain_order=True)
        .agg(
            pl.all().exclude("delivery", "method", "trace_state").last(),
            pl.col("method").first(),
            pl.col("received_ns").min().alias("first_ns"),
            pl.len().alias("deliveries"),
            (handled & ~pl.col("failed")).sum().alias("well"),
            again_ns.max().clip(0, DURATION_NS_MAX).alias("redelivery_ns"),
            pl.col("trace_state").last(),
        )
        .with_columns(sampling.threshold().alias("threshold"))
        .drop("trace_state")
    )
