"""The broker's word: what it overrules in the verdicts that spans alone allow.

| the broker says | verdict | of messages |
| --- | --- | --- |
| acknowledgements cover all that has no receipt | delivered: the receipt's span was lost | without a receipt |
| they cover some of it, and nothing tells which | unobserved | without a receipt |
| no binding takes it | dropped | nobody was ever seen to receive |
| all that has no receipt is lost, none waits | dropped | without a receipt |
| all that has no receipt waits | stuck, once its deadline has passed | without a receipt |

Received, retried and failed messages keep their verdicts: nobody knows better than the one who had it in hand. What
the broker says of a queue's limits and losses goes with the row and convicts a cause (`findings.causes`). Without
facts, the rows stay as they are.
"""

from __future__ import annotations

from typing import NamedTuple

import polars as pl

from baton.brokers.places import SCOPE, SENT, Located, kept_keys, places
from baton.brokers.reckon import reckon
from baton.brokers.unbound import unbound
from baton.limits import DEADLINE_DEFAULT_NS, FACT_AGE_NS_FRESH, INSTANT_NS_MAX
from baton.schema import SUBSCRIPTION

_KEY = ["send", *SUBSCRIPTION]
_OF_RECEIPT = (
    "row", "receiver", "instance", "lane", "destination", "queue", "step", "lapsed", "lapse", "first_ns", "received_ns",
    "done_ns", "deliveries", "services", "place",
)  # fmt: skip
_OWN_WORD = ("received", "resent", "refused", "returning", "sidelined", "failed", "retrying", "retry unseen")
"""Clauses of messages that somebody had in hand: the sender's own word, or a receiver's."""


class Overruled(NamedTuple):
    """One row of the table above: the broker's word, the clause it stands for, the verdict."""

    word: str
    clause: str
    verdict: str


TABLE = (
    Overruled("acknowledged", "acknowledged", "delivered"),
    Overruled("some", "uncounted", "unobserved"),
    Overruled("unbound", "unbound", "dropped"),
    Overruled("lost", "counted", "dropped"),
    Overruled("waiting", "held", "stuck"),
)


def settle(rows: pl.DataFrame, facts: pl.DataFrame, as_of_ns: int) -> pl.DataFrame:
    """Lets the broker's word overrule verdicts, and lays what it says of each queue beside its rows.

    Args:
        rows: judged message rows.
        facts: FACTS, as a history.
        as_of_ns: event time of the judgement; later facts are unseen.

    Returns:
        The rows, one more for every queue that a message went to and nobody was ever seen to receive from
        (`subscription` is "queue NAME", `expected_by` bound), with the columns of `reckon.RECKONED`; without facts the
        rows as they are.
    """
    facts = facts.filter(pl.col("at_ns") <= as_of_ns)
    if facts.is_empty() or rows.is_empty():
        return rows
    rows = kept_keys(rows)
    located = places(rows, facts)
    rows = _unbound(_bound(_routed(rows, located), located), facts)
    rows = rows.join(reckon(rows, facts), on=_KEY, how="left", nulls_equal=True)
    return _overruled(rows, as_of_ns)


def _routed(rows: pl.DataFrame, located: Located) -> pl.DataFrame:
    """Adds `vhost`, `at_queue` (the subscription's queue) and `letter` (the queue of its dead letters)."""
    queue = [*SCOPE, "vhost", "at_queue"]
    return rows.join(located.homes, on=SUBSCRIPTION, how="left").join(located.letters, on=queue, how="left")


def _bound(rows: pl.DataFrame, located: Located) -> pl.DataFrame:
    """Gives every queue that takes a message, and that nobody was ever seen to receive from, a row of its own."""
    nobody = pl.col("subscription").is_null() & ~(pl.col("failed") & pl.col("returned"))
    led = located.routed.filter(pl.col("sure").list.len() > 0).select(*SENT, "vhost", queues="sure")
    left = located.routed.filter(pl.col("bound").list.len() > 0).select(*SENT, "vhost", queues="bound")
    led_rows = rows.filter(nobody).drop("vhost").join(led, on=SENT, nulls_equal=True)
    some_rows = (
        rows.filter(pl.col("subscription").is_not_null() & (pl.col("relation") == "expected"))
        .join(left.select(SENT), on=SENT, how="semi", nulls_equal=True)
        .unique("send", keep="first", maintain_order=True)
        .drop("vhost")
        .join(left, on=SENT, nulls_equal=True)
        .with_columns(_anew())
    )
    added = pl.concat([led_rows, some_rows]).explode("queues")
    added = added.with_columns(
        *(pl.lit(None, dtype=rows.schema[name]).alias(name) for name in _OF_RECEIPT),
        pl.format("queue {}", "queues").alias("subscription"),
        pl.col("queues").alias("at_queue"),
        pl.lit("bound").alias("expected_by"),
    ).join(located.letters.rename({"letter": "_letter"}), on=[*SCOPE, "vhost", "at_queue"], how="left")
    added = added.with_columns(pl.col("_letter").alias("letter"))
    kept = rows.join(led_rows.select("send", "subscription"), on=["send", "subscription"], how="anti", nulls_equal=True)
    return pl.concat([kept, added.select(rows.columns)])


def _anew() -> tuple[pl.Expr, ...]:
    """What is known of a message at a queue, when all that was judged was its receipt at another one."""
    failed = pl.col("failed") & ~pl.col("unsure")
    return (
        pl.when(failed).then(pl.lit("failed")).otherwise(pl.lit("unknown receiver")).alias("proof"),
        pl.when(failed).then(pl.lit("dropped")).otherwise(pl.lit("unobserved")).alias("verdict"),
        pl.concat_list(
            pl.when(failed)
            .then(pl.format("the send failed: {}", "failure"))
            .otherwise(pl.lit("nobody was ever seen to receive from this queue"))
        ).alias("evidence"),
        pl.lit(value=False).alias("sidelined"),
        pl.lit(value=False).alias("mended"),
        pl.lit(None, dtype=pl.Int64).alias("duplicates"),
        *(pl.lit(None).cast(dtype).alias(name) for name, dtype in (("held_at", pl.String), ("made_good", pl.UInt32))),
        (pl.col("sent_ns").clip(upper_bound=INSTANT_NS_MAX) + DEADLINE_DEFAULT_NS).alias("deadline_at_ns"),
    )


def _unbound(rows: pl.DataFrame, facts: pl.DataFrame) -> pl.DataFrame:
    """Adds `parked` (the queue that an alternate exchange leads to) and `unbound_ns`: when the broker said so.

    Of a message that no binding took; null else.
    """
    received = rows.filter(pl.col("row").is_not_null()).select("send")
    unseen = rows.filter(~pl.col("proof").is_in(_OWN_WORD)).unique("send", keep="first", maintain_order=True)
    found = unbound(unseen.join(received, on="send", how="anti").select("send", *SENT, "sent_ns"), facts)
    nowhere = pl.col("parked").is_not_null()
    return (
        rows.join(found, on="send", how="left")
        .with_columns(
            pl.when(nowhere).then("lost_in").otherwise("vhost").alias("vhost"),
            pl.when(nowhere).then("parked").otherwise("at_queue").alias("at_queue"),
        )
        .drop("lost_in")
    )


def _overruled(rows: pl.DataFrame, as_of_ns: int) -> pl.DataFrame:
    """Verdict, proof and evidence by TABLE; `queue` and `held_at` as the broker knows them."""
    unseen = ~pl.col("proof").is_in(_OWN_WORD)
    fresh = (pl.col("sent_ns") - pl.col("unbound_ns")).abs() <= FACT_AGE_NS_FRESH
    parked_all = (pl.col("word") == "waiting") & pl.col("parked").is_not_null()
    nowhere = fresh | parked_all
    sentence = pl.format(
        "no binding of {} takes it, by the broker's word of {}{}",
        "channel",
        pl.from_epoch(pl.col("unbound_ns"), time_unit="ns").dt.to_string("%Y-%m-%dT%H:%M:%SZ"),
        pl.when(pl.col("parked").is_not_null())
        .then(pl.format("; its alternate exchange leads to {}", "parked"))
        .otherwise(pl.lit("")),
    )
    due = pl.col("deadline_at_ns") <= as_of_ns
    word = (
        pl.when(~unseen)
        .then(None)
        .when(pl.col("unbound_ns").is_not_null())
        .then(pl.when(nowhere).then(pl.lit("unbound")))
        .when((pl.col("word") == "waiting") & ~due)
        .then(None)
        .otherwise("word")
    )
    clauses = {row.word: row.clause for row in TABLE}
    verdicts = {row.word: row.verdict for row in TABLE}
    dropped = pl.col("verdict") == "dropped"
    return (
        rows.with_columns(word.alias("word"), pl.when(unseen & nowhere).then(sentence).otherwise("told").alias("told"))
        .with_columns(
            pl.when(pl.col("word").is_not_null() & ~(dropped & (pl.col("word") == "lost")))
            .then(pl.col("word").replace_strict(clauses, default=None, return_dtype=pl.String))
            .otherwise("proof")
            .alias("proof"),
            pl.coalesce(pl.col("word").replace_strict(verdicts, default=None, return_dtype=pl.String), "verdict").alias(
                "verdict"
            ),
            pl.when(pl.col("word").is_null())
            .then("evidence")
            .when(dropped & (pl.col("word") == "lost"))
            .then(pl.concat_list("evidence", "told"))
            .otherwise(pl.concat_list("told"))
            .alias("evidence"),
            pl.when(pl.col("word") == "acknowledged").then(pl.lit("settled")).otherwise("step").alias("step"),
            pl.when(pl.col("unbound_ns").is_null())
            .then(pl.coalesce("queue", "at_queue"))
            .otherwise("queue")
            .alias("queue"),
            _held().alias("held_at"),
        )
        .drop("route_key", "vhost", "at_queue", "letter")
    )


def _held() -> pl.Expr:
    """Where it is: the queue behind the dead-letter or alternate exchange, or the one that it waits in."""
    return (
        pl.when(pl.col("word") == "unbound")
        .then("parked")
        .when(pl.col("word") == "waiting")
        .then("at_queue")
        .when(pl.col("held_at").is_not_null())
        .then(pl.coalesce("letter", "held_at"))
        .when(pl.col("word") == "lost")
        .then("letter")
        .otherwise("held_at")
    )
