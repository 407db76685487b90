"""The sentences that carry each verdict, with their figures."""

from __future__ import annotations

from typing import NamedTuple

import polars as pl

from baton.handoffs.outages import told
from baton.limits import SECOND_NS, SILENCE_TAIL_NS


def sentences() -> pl.Expr:
    """List(String): the sentences of the clause in `proof`, over the rows of `verdict.judge`."""
    said = [
        pl.when(pl.col("proof") == clause).then(sentence)
        for clause, parts in _by_clause().items()
        for sentence in parts
    ]
    return pl.concat_list(said).list.drop_nulls()


def tell(rows: pl.DataFrame) -> pl.DataFrame:
    """Adds `evidence`. What was received well, and of which nothing is remarkable, needs no sentence: most messages."""
    plain = (pl.col("proof") == "received") & ~pl.any_horizontal(
        remark.when.fill_null(value=False) for remark in _remarks(pl.lit(""))
    )
    quiet = rows.select(plain.alias("quiet")).to_series()
    spoken = rows.filter(~quiet).select(sentences().alias("evidence"))
    # The last list, the empty one, stands for all of which nothing is said.
    lists = pl.concat([spoken["evidence"], pl.Series("evidence", [[]], dtype=pl.List(pl.String))]).rechunk()
    place = pl.when(~quiet).then((~quiet).cum_sum() - 1).otherwise(len(spoken))
    return rows.with_columns(lists.gather(rows.select(place.alias("place")).to_series()))


class Remark(NamedTuple):
    """A sentence about a message that was received well, and when it applies (Boolean, null is no)."""

    when: pl.Expr
    sentence: pl.Expr


def seconds(duration_ns: pl.Expr) -> pl.Expr:
    """A duration as people say it: milliseconds under a second, else seconds."""
    return (
        pl.when(duration_ns < SECOND_NS)
        .then(pl.format("{} ms", (duration_ns / 1_000_000).round(1)))
        .otherwise(pl.format("{} s", (duration_ns / SECOND_NS).round(2)))
    )


def _by_clause() -> dict[str, tuple[pl.Expr, ...]]:
    """Clause -> its sentences, each null where it does not apply."""
    who = pl.col("services").list.join(", ")
    several = pl.col("deliveries") > 1
    return {
        "received": tuple(pl.when(remark.when).then(remark.sentence) for remark in _remarks(who)),
        "resent": (pl.lit("the sender's own retry of it was delivered"),),
        "refused": (
            pl.format("the receipt failed: {}", pl.col("lapse").fill_null("an error status")),
            pl.when(several).then(pl.format("it was delivered {} times; the last one decides", "deliveries")),
        ),
        "sidelined": (
            pl.when(pl.col("row").is_null())
            .then(pl.format("it never reached {}; it was received at {} instead", who, "held_at"))
            .otherwise(pl.format("after {} took it, it was received at {}", who, "held_at")),
        ),
        "failed": (
            pl.format("the send failed: {}", "failure"),
            pl.when(pl.col("returned")).then(pl.lit("the broker returned it to the sender")),
        ),
        **_unseen(who),
        "early": (pl.lit("its deadline has not passed"),),
        "awaited": (pl.format("the telemetry of {} has not moved past it", who),),
        "overtaken": (
            pl.format(
                "{} received a message that was sent later, {} after this one was sent",
                who,
                seconds(pl.col("overtaken_ns") - pl.col("sent_ns")),
            ),
            pl.when(pl.col("reorder_ns") > 0)
            .then(
                pl.format(
                    "no message of this subscription was ever received more than {} after being overtaken",
                    seconds(pl.col("reorder_ns")),
                )
            )
            .otherwise(pl.lit("this subscription was never seen to reorder")),
            pl.format(
                "no receipt of this subscription was ever seen to take longer than {}", seconds(pl.col("processing_ns"))
            ),
        ),
        "drained": (
            pl.format(
                "{} found the queue empty again and again, {} after the last receipt before it",
                who,
                seconds(pl.col("idle_ns") - pl.col("before_ns")),
            ),
        ),
        "waiting": (
            pl.format("{} has not received it, nor any message sent later: it waits, as far as anyone can tell", who),
        ),
    }


def _remarks(who: pl.Expr) -> tuple[Remark, ...]:
    """What may be said of a message that was received well; `tell` skips those of which nothing is."""
    return (
        Remark(pl.col("mended"), pl.format("{} took it again from a retry queue, and well", who)),
        Remark(pl.col("deliveries") > 1, pl.format("it was delivered {} times", "deliveries")),
        Remark(pl.col("failed"), pl.format("the sender saw a failure ({}), yet it was received", "failure")),
        Remark(
            pl.col("received_ns") < pl.col("sent_ns"),
            pl.format(
                "received {} before it was sent: the clocks differ",
                seconds(pl.col("sent_ns") - pl.col("received_ns")),
            ),
        ),
    )


def _unseen(who: pl.Expr) -> dict[str, tuple[pl.Expr, ...]]:
    """The clauses of `unobserved`, and the open receipt."""
    instance = pl.when(pl.col("silent_instance") == "").then(pl.lit("(unnamed)")).otherwise("silent_instance")
    return {
        "unknown receiver": (pl.lit("nobody was ever seen to receive from this channel"),),
        "no time": (pl.lit("the send bears no time"),),
        "unnamed": (
            pl.format(
                "messages with this correlation id: {} sent, {} received; nothing tells which",
                "unnamed_sent",
                "unnamed_received",
            ),
        ),
        "sampled": (
            pl.format("receipts by {} look like a coin toss: it samples its spans, or takes only a part", who),
        ),
        "lost receipt": (
            pl.format("spans under the missing receipt exist: {} took it, and the receipt's own span was lost", who),
        ),
        "open": (pl.format("spans under an open receipt exist: {} is still at it", who),),
        "silent": (
            pl.format(
                f"instance {{}} of {{}} fell silent for good {{}} after the send: what it did in its last "
                f"{SILENCE_TAIL_NS // SECOND_NS} s may never have been exported",
                instance,
                who,
                seconds((pl.col("silent_ns") - pl.col("sent_ns")).clip(0)),
            ),
        ),
        "gap": (
            pl.format(
                "no span of {} arrived for {} around the expected receipt, then fresh ones: its telemetry was cut, as "
                "far as anyone can tell",
                who,
                seconds(pl.col("gap_until_ns") - pl.col("gap_from_ns")),
            ),
        ),
        "blind": (told(),),
        "unborn": (pl.format("no telemetry of {} from before the expected receipt", who),),
        "deaf": (
            pl.format(
                "no telemetry of {} since {} the send",
                who,
                pl.when(pl.col("service_ns") < pl.col("sent_ns"))
                .then(pl.lit("before"))
                .otherwise(pl.lit("shortly after")),
            ),
        ),
    }
