"""Logical sends: a `create` span and its `send` are one send, and so are nested producer spans of one publish.

pika's BlockingConnection emits two nested PRODUCER spans for one publish: the receiver's parent is the inner, the
error sits on the outer. Frameworks over drivers do the same. The span whose context the message carried (the innermost,
or the `create`) stands for the send; the worst status of the nest is its status.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from baton import sampling
from baton.looks import KEYS, high
from baton.schema import UNSAID

if TYPE_CHECKING:
    from baton.looks import Spans

CLIENT = 3  # OTLP's SPAN_KIND_CLIENT
NEST_DEPTH_MAX = 4
"""Producers within producers: framework, client, driver, broker plugin."""

_RETURNED = r"(?i)unroutable|basic\.return|no[_ ]route|message.{0,12}returned"
"""How clients say that the broker returned a message: pika UnroutableError, aio-pika DeliveryError (NO_ROUTE), AMQP
reply code 312 NO_ROUTE, Spring's "Message returned"."""

_UNANSWERED = (
    r"(?i)timed?[ _-]?out|deadline[ _]?exceeded|cancell?ed|connection ?reset|broken ?pipe|stream ?lost|eof ?error"
)
"""How clients say that no answer came: Python's TimeoutError and CancelledError, Kafka's TimeoutException, gRPC's
DEADLINE_EXCEEDED, pika's StreamLostError. The message may be there all the same: a confirm that was not waited for is
no refusal."""


_READ = (
    "tenant",
    "environment",
    "broker",
    "messaging_system",
    "service",
    "partition",
    "routing_key",
    "name",
    "start_ns",
    "row",
    "parent_row",
    "kind",
    "step",
    "channel",
    "unsaid",
    "error",
    "failure",
    "sent_back",
    "unanswered",
    "message_id",
    "correlation_id",
    "trace_key",
    "span_key",
    "trace_high",
    "linked",
    "trace_state",
    "flags",
)
_OWN = (
    "tenant",
    "environment",
    "broker",
    pl.col("messaging_system").fill_null(""),
    "service",
    "partition",
    "routing_key",
    pl.col("name").alias("span_name"),
    "unsaid",
    pl.col("start_ns").alias("sent_ns"),
    sampling.randomness().alias("randomness"),
)


def sends(spans: Spans) -> pl.DataFrame:
    """One row a logical send.

    Args:
        spans: SPANS after `conventions.normalise`, with `row` and `parent_row`.

    Returns:
        SENDS, sorted by `send`.
    """
    producers = spans.where(pl.col("role") == "send").telling(*_words()).select(*_READ).lazy()
    outer_of = pl.concat([_nested(spans), _linked(producers, spans), _named(producers)]).unique().collect()
    nested = pl.concat([outer_of["outer"], outer_of["inner"]]).unique()
    inside = pl.col("row").is_in(nested.implode())
    nests = _nests(nested.to_frame("row"), outer_of).lazy()
    said = producers.filter(inside).select(
        pl.col("row").alias("member"),
        *("error", "failure", "sent_back", "unanswered", "message_id", "correlation_id", "channel", "parent_row"),
    )
    own = producers.select(pl.col("row").alias("send"), *_OWN)
    # An outer span over several messages speaks of the batch: its error condemns no single one of them.
    alone = pl.len().over("member") == 1  # (send, member) is unique
    error = pl.col("error") & pl.col("alone")
    several = (
        nests.with_columns(alone.alias("alone"))
        .join(said, on="member")
        .sort("send", "depth", "member")
        .group_by("send", maintain_order=True)
        .agg(
            pl.col("member").alias("nest"),
            error.any().alias("failed"),
            pl.when(error).then("failure").first(ignore_nulls=True).alias("failure"),
            (error & pl.col("sent_back")).any().alias("returned"),
            (error.any() & (~error | pl.col("unanswered")).all()).alias("unsure"),
            *(pl.col(name).first(ignore_nulls=True) for name in ("message_id", "correlation_id", "channel")),
            pl.col("parent_row").last().alias("under"),
        )
        .join(own, on="send")
    )
    return (
        pl.concat([_single(producers.filter(~inside)), several])
        .with_columns(pl.coalesce("channel", "unsaid"))
        .drop("unsaid")
        .sort("send")
        .collect()
    )


def _words() -> tuple[pl.Expr, ...]:
    """What a look says of failing, and what stands for a channel that it does not say."""
    said = ("exception_type", "error_type", "status_message")
    words = pl.concat_str(pl.col(said), separator=" ", ignore_nulls=True)
    return (
        (pl.col("status_code") == 2).fill_null(value=False).alias("error"),  # noqa: PLR2004 - OTLP's STATUS_CODE_ERROR
        pl.coalesce(*said, pl.lit("an error status")).alias("failure"),
        words.str.contains(_RETURNED).fill_null(value=False).alias("sent_back"),
        words.str.contains(_UNANSWERED).fill_null(value=False).alias("unanswered"),
        pl.concat_str(pl.lit(UNSAID), "service", pl.lit(" "), "name").alias("unsaid"),
    )


def _single(said: pl.LazyFrame) -> pl.LazyFrame:
    """What is said of a nest of one span: of one value the first, the last and any are itself."""
    error = pl.col("error")
    return said.select(
        pl.col("row").alias("send"),
        pl.concat_list("row").alias("nest"),
        error.alias("failed"),
        pl.when(error).then("failure").alias("failure"),
        (error & pl.col("sent_back")).alias("returned"),
        (error & pl.col("unanswered")).alias("unsure"),
        *("message_id", "correlation_id", "channel"),
        pl.col("parent_row").alias("under"),
        *_OWN,
    )


def _nested(spans: Spans) -> pl.LazyFrame:
    """(outer, inner): a producer directly under a producer of the same service and, if both say one, channel."""
    sends = spans.looks["role"].eq_missing("send")
    inner = spans.where(pl.col("role") == "send").rows.filter(pl.col("parent_row").is_not_null())
    inner = inner.filter(sends.gather(spans.rows["look"].gather(inner["parent_row"])))
    told = spans.looks.select("service", "channel")
    within, around = (told[spans.rows["look"].gather(inner[row])] for row in ("row", "parent_row"))
    same = (within["service"] == around["service"]) & (within["channel"] == around["channel"]).fill_null(value=True)
    nested = inner.filter(same & (inner["row"] != inner["parent_row"]))
    return nested.lazy().select(pl.col("parent_row").alias("outer"), pl.col("row").alias("inner"))


def _linked(producers: pl.LazyFrame, spans: Spans) -> pl.LazyFrame:
    """(outer, inner): a `send` that links the `create` spans of its messages.

    Azure's SDKs do not call theirs `create`: there a CLIENT span links the PRODUCER spans of its messages.
    """
    ids = ["tenant", "service", *KEYS]
    inner = producers.select(pl.col("row").alias("inner"), (pl.col("step") == "create").alias("creates"), *ids)
    outer = producers.filter((pl.col("step") == "send") & (pl.col("linked") > 0)).select(
        "row", "kind", "tenant", "service"
    )
    return (
        outer.join(spans.held("links", outer.select("row").collect()["row"]).lazy(), on="row")
        .with_columns(high().alias("trace_high"))
        .select(pl.col("row").alias("outer"), *ids, "kind")
        .join(inner, on=ids)
        .filter((pl.col("creates") | (pl.col("kind") == CLIENT)) & (pl.col("outer") != pl.col("inner")))
        .select("outer", "inner")
    )


def _named(producers: pl.LazyFrame) -> pl.LazyFrame:
    """(outer, inner): a `send` and a `create` of one trace and service that name the same message."""
    key = ["tenant", "service", "trace_high", "trace_key", "message_id"]
    named = producers.filter(pl.col("message_id").is_not_null())
    return (
        named.filter(pl.col("step") == "send")
        .select(pl.col("row").alias("outer"), *key)
        .join(named.filter(pl.col("step") == "create").select(pl.col("row").alias("inner"), *key), on=key)
        .select("outer", "inner")
    )


def _nests(rows: pl.DataFrame, outer_of: pl.DataFrame) -> pl.DataFrame:
    """(send, member, depth): each innermost producer with itself and all that stand around it."""
    reached = (
        rows.join(outer_of.select(pl.col("outer").alias("row")).unique(), on="row", how="anti")
        .select(pl.col("row").alias("send"), pl.col("row").alias("member"))
        .with_columns(pl.lit(0).alias("depth"))
    )
    levels = [reached]
    for depth in range(1, NEST_DEPTH_MAX + 1):
        if reached.is_empty():
            break
        reached = (
            reached.join(outer_of.rename({"inner": "member"}), on="member")
            .select("send", pl.col("outer").alias("member"))
            .unique()
            .with_columns(pl.lit(depth).alias("depth"))
        )
        levels.append(reached)
    nests = pl.concat(levels).group_by("send", "member").agg(pl.col("depth").min())
    # Forged parents can make producers each other's outer: what then stands in no nest stands for itself.
    alone = rows.join(nests.select(pl.col("member").alias("row")), on="row", how="anti")
    return pl.concat(
        [nests, alone.select(pl.col("row").alias("send"), pl.col("row").alias("member"), pl.lit(0).alias("depth"))]
    )
