"""Ways: judged handoffs counted by where they went and by the clause of the law that decided them.

Millions of handoffs become a few hundred rows, on which everything else about trust is told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from baton.limits import REORDER_MARGIN, SKEW_NS_USUAL
from baton.schema import GROUPING_KEYS, JOURNEY_KEYS, SEQUENCE, SUBSCRIPTION

if TYPE_CHECKING:
    from baton.looks import Spans

BOUNDARY = [
    "kind", "tenant", "environment", "from_team", "from_service", "to_team", "to_service", "channel", "channel_team",
]  # fmt: skip
"""What names a boundary, before services of owned sides are left out."""

_WAY = [*BOUNDARY, "broker", "subscription", "call", "queue", "place", "relation", "proof"]
_PARTS = ("context", "links", "message_ids", "correlation_ids")
_METHOD = ("parent", "link", "message_id", "correlation")
_READ = [
    *BOUNDARY, "send", "row", "subscription", "queue", "place", "relation", "proof", "services", "journey_type",
    "sent_ns", "received_ns",
]  # fmt: skip
"""Columns of judged rows that are counted by."""

COUNTS = (
    "handoffs", "received", *_PARTS, "send_message_ids", "send_correlation_ids", "nameless", "skewed", "hot", "timed",
    "unnamed",
)  # fmt: skip
"""Columns of a way that count handoffs."""


class Seen(NamedTuple):
    """What the handoffs were judged by.

    Attributes:
        spans: SPANS and SIGHTINGS.
        sends: SENDS.
        pairs: PAIRS.
        unnamed: UNNAMED.
        receipts: RECEIPTS.
        calls: CALLS.
        expectations: EXPECTATIONS.
        tails: `environment`, `service` (String): those declared as sampled by tail.
        deadlines: `environment`, `channel` (String): channels whose deadline is declared.
        timed: journey types whose deadline is declared.
        hot: the frame of `journeys.stitch.stitch`: `tenant`, `environment`, `key`, `value`.
        looks: `tenant`, `environment` (null: any), `broker` (empty: any), `name` (String), `looked_ns` (Int64),
            `counters` (Boolean): the last look at every queue that a broker told of.
        as_of_ns: event time of the judgement.
    """

    spans: Spans
    sends: pl.DataFrame
    pairs: pl.DataFrame
    unnamed: pl.DataFrame
    receipts: pl.DataFrame
    calls: pl.DataFrame
    expectations: pl.DataFrame
    tails: pl.DataFrame
    deadlines: pl.DataFrame
    timed: tuple[str, ...]
    hot: pl.DataFrame
    looks: pl.DataFrame
    as_of_ns: int


def ways(rows: pl.DataFrame, seen: Seen) -> pl.DataFrame:
    """Counts handoffs by way.

    Args:
        rows: judged rows (`findings.rows.OF_ROWS` and what `findings.told` adds) of messages and calls.
        seen: what they were judged by.

    Returns:
        BOUNDARY columns, `broker`, `subscription`, `call` (of a call its expectation's channel), `queue`, `place`,
        `relation`, `proof`, `services` (List(String)), `send` (UInt32: one of them), COUNTS (Int64); of its expectation
        `tossed` (Boolean), `pairs`, `deadline_ns`, `reorder_ns` (Int64), null where there is none; `declared`
        (Boolean: its channel's deadline is), `unread` (Float64: share of its subscription's messages whose order tells
        nothing); `unpartitioned` (Boolean: of Kafka, and no send names a partition), `target` (of a call the callee as
        the caller says it), `linked` (Boolean: most of its subscription is paired by links).
    """
    told = (
        _traced(rows, seen)
        .group_by(_WAY)
        .agg(
            pl.col("services").drop_nulls().first(),
            pl.col("send").first(),
            ((pl.col("messaging_system") == "kafka") & pl.col("partition").is_null()).all().alias("unpartitioned"),
            pl.len().cast(pl.Int64).alias("handoffs"),
            *(pl.col(name).sum().cast(pl.Int64) for name in COUNTS[1:]),
        )
        .collect()
    )
    told = _expected(told, seen.expectations)
    callee = seen.spans.looks["target"].gather(seen.spans.rows["look"].gather(told["send"]))
    linked = pl.col("links").sum().over(SUBSCRIPTION) > pl.col("context").sum().over(SUBSCRIPTION)
    declared = seen.deadlines.with_columns(declared=pl.lit(value=True))
    sequences = [*SUBSCRIPTION, "from_service"]
    return (
        told.with_columns(callee.alias("target"), linked.alias("linked"))
        .join(declared, on=["environment", "channel"], how="left")
        .join(_unread(rows, seen), on=sequences, how="left", nulls_equal=True)
        .with_columns(pl.col("declared").fill_null(value=False), pl.col("unread").fill_null(0.0))
        .sort(_WAY, nulls_last=True)
    )


def _traced(rows: pl.DataFrame, seen: Seen) -> pl.LazyFrame:
    """Each handoff with its evidence, as COUNTS's Booleans."""
    got = pl.col("row").is_not_null()
    method = pl.when(pl.col("kind") == "call").then(pl.lit("parent")).otherwise("method")
    behind_ns = pl.col("sent_ns") - pl.col("received_ns")
    looks = seen.spans.looks.select((pl.col("service_instance") == "").alias("nameless")).to_series()
    return (
        rows.select(_READ)
        .hstack(_found(rows.select("send", "row"), seen))
        .lazy()
        .with_columns(
            # A failure that the sender calls a return says as much of the way as a missing binding does.
            pl.when((pl.col("proof") == "failed") & pl.col("returned"))
            .then(pl.lit("returned"))
            .otherwise("proof")
            .alias("proof"),
            seen.spans.rows["skew_ns"].gather(rows["row"]).abs().fill_null(0),
            looks.gather(seen.spans.rows["look"].gather(rows["row"])),
            pl.col("send").is_in(_hot(rows, seen).implode()).alias("hot"),
            pl.col("send").is_in(seen.unnamed["send"].implode()).alias("unnamed"),
        )
        .with_columns(
            got.alias("received"),
            *((got & (method == word)).alias(name) for name, word in zip(_PARTS, _METHOD, strict=True)),
            ((behind_ns > SKEW_NS_USUAL) | (pl.col("skew_ns") > SKEW_NS_USUAL)).alias("skewed"),
            pl.col("journey_type").is_in(pl.Series(seen.timed, dtype=pl.String).implode()).alias("timed"),
        )
    )


def _found(ends: pl.DataFrame, seen: Seen) -> pl.DataFrame:
    """What is known of each send and its receipt, in the order of `ends` (`send`, `row`).

    Few columns are joined, and laid beside the many of the rows afterwards.
    """
    sends = seen.sends.select(
        *("send", "broker", "messaging_system", "partition", "returned"),
        pl.col("message_id").is_not_null().alias("send_message_ids"),
        pl.col("correlation_id").is_not_null().alias("send_correlation_ids"),
    )
    receipts = seen.receipts.select("send", "row", "method").unique(["send", "row"], keep="first", maintain_order=True)
    return (
        ends.join(sends, on="send", how="left", maintain_order="left")
        .join(receipts, on=["send", "row"], how="left", maintain_order="left")
        .join(seen.calls.select("send", call="channel"), on="send", how="left", maintain_order="left")
        .drop("send", "row")
    )


def _hot(rows: pl.DataFrame, seen: Seen) -> pl.Series:
    """Sends whose spans bear a key that would have joined too many traces."""
    if seen.hot.is_empty():
        return rows["send"].clear()
    # Decoding puts the usual keys into a list of their own.
    usual = {*JOURNEY_KEYS, *GROUPING_KEYS}.issuperset(seen.hot["key"])
    sends = rows["send"].unique().sort()
    keyed = [seen.spans.held(name, sends) for name in (("keys",) if usual else ("keys", "attributes"))]
    said = pl.concat([one.select("row", "key", "value") for one in keyed])
    homes = seen.spans.looks.select("tenant", "environment")[seen.spans.rows["look"].gather(said["row"])]
    return said.hstack(homes).join(seen.hot, on=["tenant", "environment", "key", "value"], how="semi")["row"].unique()


def _expected(told: pl.DataFrame, expectations: pl.DataFrame) -> pl.DataFrame:
    """Adds what was known beforehand of each way's subscription, or of who answers its calls."""
    known = ("tossed", "pairs", "deadline_ns", "reorder_ns")
    messages = expectations.filter(pl.col("kind") == "message").select(*SUBSCRIPTION, "kind", *known)
    answers = expectations.filter(pl.col("kind") == "call").select(
        "tenant", "environment", "kind", pl.col("channel").alias("call"), *known
    )
    sent, called = told.filter(pl.col("kind") == "message"), told.filter(pl.col("kind") == "call")
    return pl.concat(
        [
            sent.join(messages, on=["kind", *SUBSCRIPTION], how="left"),
            called.join(answers, on=["kind", "tenant", "environment", "call"], how="left"),
        ]
    )


def _unread(rows: pl.DataFrame, seen: Seen) -> pl.DataFrame:
    """SUBSCRIPTION, `from_service`, `unread`: the share of messages that no later one can prove to be lost.

    A message is lost once later ones of its sequence were received for longer than the subscription reorders. Where a
    sequence has no two receipts, or all of them lie within that time, the law convicts by order never.
    """
    slack_ns = (pl.col("reorder_ns").fill_null(0) * REORDER_MARGIN).cast(pl.Int64)
    spread_ns = pl.col("received_ns").max() - pl.col("received_ns").min()
    reordered = seen.expectations.filter(pl.col("kind") == "message").select(*SUBSCRIPTION, "reorder_ns")
    mute = (pl.col("got") <= 1) | (pl.col("spread_ns") < slack_ns).fill_null(value=True)
    return (
        rows.lazy()
        .filter((pl.col("kind") == "message") & (pl.col("relation") == "expected") & pl.col("services").is_not_null())
        .join(seen.sends.lazy().select("send", "broker", "partition", "routing_key"), on="send", how="left")
        .group_by(SEQUENCE)
        .agg(pl.len().alias("sent"), pl.col("row").count().alias("got"), spread_ns.alias("spread_ns"))
        .join(reordered.lazy(), on=SUBSCRIPTION, how="left")
        .group_by(*SUBSCRIPTION, pl.col("service").alias("from_service"))
        .agg((pl.when(mute).then("sent").otherwise(0).sum() / pl.col("sent").sum()).alias("unread"))
        .collect()
    )
