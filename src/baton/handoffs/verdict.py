"""The law: one verdict a handoff, first match wins.

    delivered     a receive is paired with it and did not fail
    retried       the sender knew that it failed, sent it again, and that send was delivered
    dropped       by word: the sender's or the receiver's own, or an onward hop in its stead, and nothing made up for it
    unobserved    a blind spot: nobody was ever seen to receive; the receiver samples; its telemetry has a gap there
    pending       its deadline has not passed, or the receiver's telemetry has not yet moved past it
    dropped       by progress: overtaken beyond the reordering seen, or the receiver found the queue empty afterwards
    stuck         expected, deadline passed, no proof of loss

*Dropped* is an accusation and absence alone proves nothing: every `dropped` below rests on somebody's word or on a
receipt that cannot be explained otherwise.
"""

from __future__ import annotations

import polars as pl

from baton.handoffs.expected import CHANNEL, SUBSCRIPTION
from baton.limits import OPEN_RECEIPT_NS_MAX, SECOND_NS, SILENCE_TAIL_NS

KEY = ["send", *SUBSCRIPTION]


def judge(rows: pl.DataFrame, as_of_ns: int) -> pl.DataFrame:
    """Adds `verdict`, `proof` and `evidence`.

    Args:
        rows: the frame of `telemetry.vouch` with `unnamed_sent`, `unnamed_received` (UInt32: too few receipts of one
            correlation id), `open_ns` (last sign of an open receipt), `idle_ns` (last time a receiver found the queue
            empty), all null where not so.
        as_of_ns: event time of the judgement.

    Returns:
        The rows with `kind` (message), `verdict` (String), `proof` (String: which clause of the law matched), `made_good` (UInt32: the
        send that made good a failed or lost one), `held_at` (String: the onward place), `evidence` (List(String)).
    """
    rows = _onward(rows)
    rows = _made_good(rows)
    return rows.with_columns(_clause(as_of_ns).alias("proof")).with_columns(
        pl.lit("message").alias("kind"),
        pl.col("proof").replace_strict(CLAUSES).alias("verdict"),
        _evidence().alias("evidence"),
    )


CLAUSES: dict[str, str] = {
    "received": "delivered",
    "resent": "retried",
    "refused": "dropped",
    "sidelined": "dropped",
    "failed": "dropped",
    "unknown receiver": "unobserved",
    "no time": "unobserved",
    "unnamed": "unobserved",
    "sampled": "unobserved",
    "silent": "unobserved",
    "gap": "unobserved",
    "lost receipt": "unobserved",
    "open": "pending",
    "early": "pending",
    "awaited": "pending",
    "overtaken": "dropped",
    "drained": "dropped",
    "deaf": "unobserved",
    "waiting": "stuck",
}
"""Clause -> verdict, in the order in which they are tried (see `_clause`)."""


def _clause(as_of_ns: int) -> pl.Expr:
    """The first clause that holds. Times compare on raw clocks."""
    lapsed = pl.col("lapsed").fill_null(value=False)
    received = pl.col("row").is_not_null()
    passed = pl.col("moved") & pl.col("overtaken_ns").is_not_null()
    return (
        pl.when(received & ~lapsed & ~pl.col("sidelined"))
        .then(pl.lit("received"))
        .when(pl.col("failed") & pl.col("made_good").is_not_null() & ~received)
        .then(pl.lit("resent"))
        .when(received & lapsed)
        .then(pl.lit("refused"))
        .when(pl.col("sidelined"))
        .then(pl.lit("sidelined"))
        .when(pl.col("failed"))
        .then(pl.lit("failed"))
        .when(pl.col("subscription").is_null())
        .then(pl.lit("unknown receiver"))
        .when(pl.col("sent_ns") <= 0)
        .then(pl.lit("no time"))
        .when(pl.col("unnamed_sent").is_not_null())
        .then(pl.lit("unnamed"))
        .when(pl.col("tossed"))
        .then(pl.lit("sampled"))
        .when(pl.col("open_ns") < as_of_ns - OPEN_RECEIPT_NS_MAX)
        .then(pl.lit("lost receipt"))
        .when(pl.col("open_ns").is_not_null())
        .then(pl.lit("open"))
        .when(pl.col("silent_instance").is_not_null())
        .then(pl.lit("silent"))
        .when(pl.col("gap_from_ns").is_not_null())
        .then(pl.lit("gap"))
        .when(pl.col("deadline_at_ns") > as_of_ns)
        .then(pl.lit("early"))
        .when(pl.col("awaited"))
        .then(pl.lit("awaited"))
        .when(passed)
        .then(pl.lit("overtaken"))
        .when(pl.col("idle_ns") > pl.col("deadline_at_ns"))
        .then(pl.lit("drained"))
        .when((pl.col("service_ns") < pl.col("deadline_at_ns")).fill_null(value=True))
        .then(pl.lit("deaf"))
        .otherwise(pl.lit("waiting"))
    )


def _onward(rows: pl.DataFrame) -> pl.DataFrame:
    """Marks the expected rows whose message went to a dead-letter or parking place (`sidelined`, `held_at`).

    It is held against the one subscription that has no receipt; where all have one, against the one that failed it, or
    the only one. Where several could have sent it there, none is named. A receipt that began after the onward hop made
    up for it.
    """
    hops = (
        rows.filter((pl.col("relation") == "onward") & pl.col("row").is_not_null())
        .sort("first_ns", "subscription")
        .group_by("send", maintain_order=True)
        .agg(
            pl.coalesce("queue", "destination").last().alias("held_at"),
            pl.col("first_ns").first().alias("hop_ns"),
        )
    )
    expected = pl.col("relation") == "expected"
    suspect = (
        expected
        & pl.col("hop_ns").is_not_null()
        & pl.col("subscription").is_not_null()
        & ~(pl.col("received_ns") > pl.col("hop_ns")).fill_null(value=False)
    )
    missing = suspect & pl.col("row").is_null()
    lapsed = suspect & pl.col("lapsed").fill_null(value=False)

    def one(which: pl.Expr) -> pl.Expr:
        return which & (which.sum().over("send") == 1)

    named = pl.when(missing.any().over("send")).then(one(missing)).otherwise(
        pl.when(lapsed.any().over("send")).then(one(lapsed)).otherwise(one(suspect))
    )
    return (
        rows.join(hops, on="send", how="left")
        .with_columns(named.fill_null(value=False).alias("sidelined"))
        .with_columns(pl.when(pl.col("sidelined")).then("held_at").alias("held_at"))
    )


def _made_good(rows: pl.DataFrame) -> pl.DataFrame:
    """Adds `made_good`: a later delivered send of the same message: same id; else same channel, span name and
    correlation id, where that id was delivered once (an id that a whole session shares names no message).
    """
    good = rows.filter(
        pl.col("row").is_not_null() & ~pl.col("lapsed").fill_null(value=False) & ~pl.col("sidelined")
    )
    bad = rows.filter(
        (pl.col("relation") == "expected")
        & (pl.col("failed") | pl.col("row").is_null())
        & (pl.col("message_id").is_not_null() | pl.col("correlation_id").is_not_null())
    )
    talk = [*CHANNEL, "service", "span_name", "correlation_id"]
    once = pl.col("send").n_unique().over(talk) == 1
    found = pl.concat(
        [
            _later(bad, good, [*CHANNEL, "message_id"]),
            _later(bad.filter(pl.col("unnamed_sent").is_null()), good.filter(once), talk),
        ]
    )
    first = found.unique(KEY, keep="first", maintain_order=True)
    return rows.join(first, on=KEY, how="left", nulls_equal=True)


def _later(bad: pl.DataFrame, good: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    later = good.filter(pl.col(by[-1]).is_not_null()).select(
        *by, pl.col("sent_ns").alias("made_good_ns"), pl.col("send").alias("made_good")
    )
    return (
        bad.filter(pl.col(by[-1]).is_not_null())
        .sort("sent_ns", "send")
        .join_asof(
            later.sort("made_good_ns", "made_good"),
            left_on="sent_ns",
            right_on="made_good_ns",
            by=by,
            strategy="forward",
            allow_exact_matches=False,
            check_sortedness=False,
        )
        .filter(pl.col("made_good").is_not_null())
        .select(*KEY, "made_good")
    )


def _evidence() -> pl.Expr:
    """The sentences that carry the verdict, with their figures."""
    proof = pl.col("proof")

    def when(clause: str, sentence: pl.Expr) -> pl.Expr:
        return pl.when(proof == clause).then(sentence)

    who = pl.col("services").list.join(", ")
    waited = seconds(pl.col("overtaken_ns") - pl.col("sent_ns"))
    sentences = [
        when("resent", pl.lit("the sender's own retry of it was delivered")),
        when("refused", pl.format("the receipt failed: {}", pl.col("lapse").fill_null("an error status"))),
        when("refused", pl.when(pl.col("deliveries") > 1).then(pl.format("it was delivered {} times; the last one decides", "deliveries"))),
        when("sidelined", pl.when(pl.col("row").is_null()).then(pl.format("it never reached {}; it was received at {} instead", who, "held_at")).otherwise(pl.format("after {} took it, it was received at {}", who, "held_at"))),
        when("failed", pl.format("the send failed: {}", pl.col("failure"))),
        when("failed", pl.when(pl.col("returned")).then(pl.lit("the broker returned it to the sender"))),
        when("unknown receiver", pl.lit("nobody was ever seen to receive from this channel")),
        when("no time", pl.lit("the send bears no time")),
        when("unnamed", pl.format("of {} messages with this correlation id {} were received; nothing tells which", "unnamed_sent", "unnamed_received")),
        when("sampled", pl.format("receipts by {} look like a coin toss: it samples its spans, or takes only a part", who)),
        when("lost receipt", pl.format("spans under the missing receipt exist: {} took it, and the receipt's own span was lost", who)),
        when("open", pl.format("spans under an open receipt exist: {} is still at it", who)),
        when("silent", pl.format("instance {} of {} fell silent for good {} after the send: what it did in its last {} s may never have been exported", pl.when(pl.col("silent_instance") == "").then(pl.lit("(unnamed)")).otherwise("silent_instance"), who, seconds((pl.col("silent_ns") - pl.col("sent_ns")).clip(0)), pl.lit(SILENCE_TAIL_NS // SECOND_NS))),
        when("gap", pl.format("no span of {} arrived for {} around the expected receipt, then fresh ones: its telemetry was cut, as far as anyone can tell", who, seconds(pl.col("gap_until_ns") - pl.col("gap_from_ns")))),
        when("early", pl.lit("its deadline has not passed")),
        when("awaited", pl.format("the telemetry of {} has not moved past it", who)),
        when("overtaken", pl.format("{} received a message that was sent later, {} after this one was sent", who, waited)),
        when("overtaken", pl.when(pl.col("reorder_ns") > 0).then(pl.format("no message of this subscription was ever received more than {} after being overtaken", seconds(pl.col("reorder_ns")))).otherwise(pl.lit("this subscription was never seen to reorder"))),
        when("drained", pl.format("{} found the queue empty {} after the deadline", who, seconds(pl.col("idle_ns") - pl.col("deadline_at_ns")))),
        when("deaf", pl.format("no telemetry of {} since {} the send", who, pl.when(pl.col("service_ns") < pl.col("sent_ns")).then(pl.lit("before")).otherwise(pl.lit("shortly after")))),
        when("waiting", pl.format("{} has not received it, nor any message sent later: it waits, as far as anyone can tell", who)),
        pl.when((proof == "received") & (pl.col("deliveries") > 1)).then(pl.format("it was delivered {} times", "deliveries")),
        pl.when((proof == "received") & pl.col("failed")).then(pl.format("the sender saw a failure ({}), yet it was received", "failure")),
        pl.when((proof == "received") & (pl.col("received_ns") < pl.col("sent_ns"))).then(pl.format("received {} before it was sent: the clocks differ", seconds(pl.col("sent_ns") - pl.col("received_ns")))),
    ]
    return pl.concat_list(sentences).list.drop_nulls()


def seconds(duration_ns: pl.Expr) -> pl.Expr:
    """A duration as people say it: milliseconds under a second, else seconds."""
    return (
        pl.when(duration_ns < SECOND_NS)
        .then(pl.format("{} ms", (duration_ns / 1_000_000).round(1)))
        .otherwise(pl.format("{} s", (duration_ns / SECOND_NS).round(2)))
    )
