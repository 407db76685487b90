"""The sentences that carry each verdict, with their figures."""

from __future__ import annotations

import polars as pl

from baton.handoffs.outages import told
from baton.limits import SECOND_NS, SILENCE_TAIL_NS


def evidenced(rows: pl.DataFrame) -> pl.DataFrame:
    """Adds `evidence` (List(String)): the sentences of the clause in `proof`, none where there is nothing to tell.

    Most rows are plain deliveries: sentences are made of the others only, each clause's of its own rows.

    Args:
        rows: those of `verdict.judge`.
    """
    numbered = rows.with_row_index("_place").filter((pl.col("proof") != "received") | _remarkable())
    said = [
        numbered.filter(pl.col("proof") == clause).select(
            "_place", pl.concat_list(parts).list.drop_nulls().alias("evidence")
        )
        for clause, parts in _by_clause().items()
    ]
    places = pl.select(_place=pl.int_range(rows.height, dtype=pl.UInt32))
    evidence = places.join(pl.concat(said), on="_place", how="left", maintain_order="left")["evidence"]
    return rows.with_columns(evidence.fill_null([]))


def _remarkable() -> pl.Expr:
    """Whether there is something to tell of a delivery: a sentence of "received" holds."""
    told = ("mended", "again_well", "failed")
    counted = (pl.col("deliveries") > 1) | (pl.col("duplicates") > 0) | (pl.col("received_ns") < pl.col("sent_ns"))
    return pl.any_horizontal(*told, counted).fill_null(value=False)


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
        "received": (
            pl.when(pl.col("mended")).then(pl.format("{} took it again from a retry queue, and well", who)),
            pl.when(several).then(pl.format("it was delivered {} times", "deliveries")),
            pl.when(pl.col("again_well")).then(pl.format("{} failed it, and its own new send of it was received", who)),
            pl.when(pl.col("duplicates") > 0).then(
                pl.format("it was handled well {} times: a duplicate", pl.col("duplicates") + 1)
            ),
            pl.when(pl.col("failed")).then(pl.format("the sender saw a failure ({}), yet it was received", "failure")),
            pl.when(pl.col("received_ns") < pl.col("sent_ns")).then(
                pl.format(
                    "received {} before it was sent: the clocks differ",
                    seconds(pl.col("sent_ns") - pl.col("received_ns")),
                )
            ),
        ),
        "tail sampled": (
            pl.concat_str(
                pl.format(
                    "traces of {} are sampled by tail, so no single loss is named",
                    pl.col("tail_services").list.join(", "),
                ),
                pl.format(
                    "; of {} such messages seen, {} lack their receipt: {} to {} % of all, at 95 %",
                    "estimate_sends",
                    "estimate_missing",
                    (pl.col("estimate_low") * 100).round(1),
                    (pl.col("estimate_high") * 100).round(1),
                ),
                ignore_nulls=True,
            ),
        ),
        "returning": (
            pl.format("the receipt failed: {}", pl.col("lapse").fill_null("an error status")),
            pl.when(pl.col("again_due_ns") > pl.col("done_ns")).then(
                pl.format("{} sent it again, and that has not been received yet", who)
            ),
            pl.when(pl.col("redelivery_ns").is_not_null()).then(
                pl.format(
                    "a failed message of this subscription came back up to {} later", seconds(pl.col("redelivery_ns"))
                )
            ),
        ),
        "resent": (pl.lit("the sender's own retry of it was delivered"),),
        "retrying": (
            pl.format("the send failed: {}", "failure"),
            pl.lit("its sender sends such messages again: the latest attempt decides, and has not been received yet"),
        ),
        "retry unseen": (
            pl.format("the send failed: {}", "failure"),
            pl.lit("its sender sent it again, and whether that was received nobody can tell"),
        ),
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
        "busy": (
            pl.format(
                "instance {} of {} has begun no message that was sent later: it may be at work on this one, or hold it",
                pl.when(pl.col("busy_instance") == "").then(pl.lit("(unnamed)")).otherwise("busy_instance"),
                who,
            ),
        ),
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


def _unseen(who: pl.Expr) -> dict[str, tuple[pl.Expr, ...]]:
    """The clauses of `unobserved`, and the open receipt."""
    instance = pl.when(pl.col("silent_instance") == "").then(pl.lit("(unnamed)")).otherwise("silent_instance")
    return {
        "unknown receiver": (
            pl.when(pl.col("elsewhere"))
            .then(pl.lit("the receivers of this channel were never seen to take such a message: its key, or its kind"))
            .otherwise(pl.lit("nobody was ever seen to receive from this channel")),
        ),
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
        "sampled out": (
            pl.when(pl.col("unsampled"))
            .then(pl.lit("the send's trace flags say not sampled: a receiver that obeys them records nothing"))
            .otherwise(
                pl.format(
                    "{} keeps {} % of traces (ot=th in its tracestate), and this one's randomness is below that",
                    who,
                    (100 - pl.col("threshold") / 2**56 * 100).round(1),
                )
            ),
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
            pl.when(pl.col("gap_beside").is_null()).then(
                pl.format(
                    "no span of {} arrived for {} around the expected receipt, then fresh ones: its telemetry was cut, "
                    "as far as anyone can tell",
                    who,
                    seconds(pl.col("gap_until_ns") - pl.col("gap_from_ns")),
                )
            ),
            pl.format(
                "the telemetry of {} was cut around it: pauses took the receipts of {} messages, and this one is "
                "missing beside them",
                who,
                "gap_beside",
            ),
        ),
        "blind": (told(),),
        "unlisted": (
            pl.format("{} took {} more messages at once than its span names: this may be one of them", who, "unlisted"),
        ),
        "span loss": (
            pl.format(
                "{} % more of the spans of {} than usual lacked their parent around the expected receipt, and {} % of "
                "the messages their receipt: its telemetry loses spans",
                (pl.col("span_loss") * 100).round(1),
                who,
                (pl.col("missing_share") * 100).round(1),
            ),
        ),
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
