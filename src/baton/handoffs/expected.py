"""Rows: one a message and expected subscription, received or not; and the hops that nobody expects."""

from __future__ import annotations

import polars as pl

from baton.limits import DEADLINE_DEFAULT_NS, SUBSCRIPTION_LEAD_NS
from baton.schema import CHANNEL, SUBSCRIPTION


def expected(sent: pl.DataFrame, receipts: pl.DataFrame, expectations: pl.DataFrame) -> pl.DataFrame:
    """Lays the receipts beside what was expected.

    A message has a row for every subscription that EXPECTATIONS names for its channel and that existed when it was
    sent, one for every other place that took it, and where there is neither, one with a null subscription.

    Args:
        sent: SENDS.
        receipts: RECEIPTS.
        expectations: EXPECTATIONS.

    Returns:
        All columns of `sent`; `subscription`, `relation`, `services`, `place` (what receivers call it), `deadline_ns`
        (Int64, after the send), `expected_by`, `reorder_ns`, `processing_ns`, `processing_margin`, `tossed`,
        `redelivery_ns`, `threshold`, `home`; `elsewhere` (Boolean: nobody who receives from its channel takes its key
        or kind); the columns of the last receipt
        (`row`, `receiver`, `instance`, `lane`, `destination`, `queue`, `step`, `lapsed` (it failed), `lapse` (why),
        `first_ns`, `received_ns`, `done_ns`, `deliveries`, `well`, `receiver_home`), null without one.
    """
    profile = expectations.filter(pl.col("kind") == "message").select(
        *SUBSCRIPTION,
        "takers",
        "relation",
        "services",
        pl.col("destination").alias("place"),
        "deadline_ns",
        "reorder_ns",
        "processing_ns",
        "processing_margin",
        "tossed",
        "routing_keys",
        "redelivery_ns",
        "threshold",
        "home",
        "retired_ns",
        "shunned",
        pl.col("first_ns").alias("since_ns"),
    )
    taken = _taken(sent, receipts, profile)
    profile = _known_since(profile.drop("takers"), taken, sent)
    # Before a channel's only subscription first received, its messages were meant for it as well; one that joined
    # others later is not held to what was sent before.
    lead_ns = pl.when(pl.len().over(CHANNEL) == 1).then(SUBSCRIPTION_LEAD_NS).otherwise(0)
    meant = (
        sent.select("send", *CHANNEL, "sent_ns", "routing_key")
        .join(profile.filter(pl.col("relation") == "expected").with_columns(lead_ns.alias("lead_ns")), on=CHANNEL)
        .filter(
            (pl.col("sent_ns") >= pl.col("since_ns") - pl.col("lead_ns"))
            & pl.col("routing_key").is_in(pl.col("routing_keys")).fill_null(value=True)
            & (pl.col("sent_ns") <= pl.col("retired_ns")).fill_null(value=True)
        )
        .select("send", *SUBSCRIPTION)
    )
    meant = _unshunned(meant, sent, profile)
    rows = pl.concat([meant, taken.select("send", *SUBSCRIPTION)]).unique()
    alone = sent.join(rows, on="send", how="anti").join(profile, on=CHANNEL, how="semi")
    return (
        sent.join(rows.select("send", "subscription"), on="send", how="left")
        .join(profile, on=SUBSCRIPTION, how="left")
        .join(taken.drop(CHANNEL), on=["send", "subscription"], how="left")
        .with_columns(
            pl.col("relation").fill_null("expected"),
            pl.coalesce("services", pl.when(pl.col("receiver").is_not_null()).then(pl.concat_list("receiver"))).alias(
                "services"
            ),
            pl.coalesce("destination", "place").alias("place"),
            pl.col("deadline_ns").fill_null(DEADLINE_DEFAULT_NS),
            pl.when((pl.col("relation") == "expected") & pl.col("since_ns").is_not_null())
            .then(pl.lit("learned"))
            .alias("expected_by"),
            pl.col("reorder_ns").fill_null(0),
            pl.col("processing_ns").fill_null(0),
            pl.col("tossed").fill_null(value=False),
            pl.col("threshold").fill_null(0),
            pl.col("send").is_in(alone["send"].implode()).alias("elsewhere"),
        )
        .drop("since_ns", "routing_keys", "retired_ns", "shunned")
        .sort("send", "subscription")
    )


def _unshunned(meant: pl.DataFrame, sent: pl.DataFrame, profile: pl.DataFrame) -> pl.DataFrame:
    """What was meant, less the kinds of message that a subscription never takes."""
    shunned = profile.filter(pl.col("shunned").is_not_null()).select(*SUBSCRIPTION, "shunned").explode("shunned")
    if shunned.is_empty():
        return meant
    kinds = sent.select("send", pl.concat_str("service", pl.lit(" "), "span_name").alias("shunned"))
    return meant.join(kinds, on="send").join(shunned, on=[*SUBSCRIPTION, "shunned"], how="anti").drop("shunned")


def _known_since(profile: pl.DataFrame, taken: pl.DataFrame, sent: pl.DataFrame) -> pl.DataFrame:
    """Sets `since_ns` back to the first send that it took of those at hand.

    What is learned is learned from the newest spans: a subscription may be older than its profile.
    """
    at = sent["sent_ns"].gather(sent["send"].search_sorted(taken["send"])).alias("first")
    first = taken.select(SUBSCRIPTION).with_columns(at).group_by(SUBSCRIPTION).agg(pl.col("first").min())
    return (
        profile.join(first, on=SUBSCRIPTION, how="left")
        .with_columns(pl.min_horizontal("since_ns", "first").alias("since_ns"))
        .drop("first")
    )


def _taken(sent: pl.DataFrame, receipts: pl.DataFrame, profile: pl.DataFrame) -> pl.DataFrame:
    """The last receipt of each (send, subscription); a taker that no expectation names stands for itself."""
    names = profile.select(*SUBSCRIPTION, pl.col("takers").alias("taker")).explode("taker")
    return (
        receipts.join(sent.select("send", *CHANNEL), on="send")
        .join(names, on=[*CHANNEL, "taker"], how="left")
        .with_columns(pl.coalesce("subscription", "taker").alias("subscription"))
        .sort("received_ns", "row")
        .group_by("send", *SUBSCRIPTION, maintain_order=True)
        .agg(
            pl.col("row").last(),
            pl.col("service").last().alias("receiver"),
            pl.col("service_instance").last().alias("instance"),
            pl.col("lane").last(),
            pl.col("destination").last(),
            pl.col("queue").last(),
            pl.col("step").last(),
            pl.col("failed").last().alias("lapsed"),
            pl.col("failure").last().alias("lapse"),
            pl.col("first_ns").min(),
            pl.col("received_ns").last(),
            pl.col("done_ns").last(),
            pl.col("deliveries").sum(),
            pl.col("well").sum(),
            pl.col("home").last().alias("receiver_home"),
        )
    )
