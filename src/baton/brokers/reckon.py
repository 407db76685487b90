"""Lays a queue's counters and limits beside its messages: the broker's word on each, and on what it was lost to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from baton.brokers.blame import Said, blamed, clock
from baton.brokers.counts import Balance, Messages, balances
from baton.brokers.places import SCOPE, of_scope
from baton.brokers.states import series, states
from baton.schema import SUBSCRIPTION

if TYPE_CHECKING:
    from baton.brokers.counts import Series

RECKONED: dict[str, pl.DataType] = {
    "word": pl.String(),
    "told": pl.String(),
    "fact_cause": pl.String(),
    "fact_sure": pl.Boolean(),
    "fact_told": pl.String(),
    "limit_max": pl.Int64(),
    "limit_overflow": pl.String(),
    "limit_policy": pl.String(),
    "limit_ttl_ns": pl.Int64(),
    "limit_priorities": pl.Int64(),
    "limit_by": pl.String(),
    "limit_age_ns": pl.Int64(),
    "unlimited": pl.Boolean(),
    "no_letters": pl.Boolean(),
    "letters": pl.Boolean(),
}
"""What `reckon` says of a row: the broker's word (a row of `settle.TABLE`) and its sentence; the cause of its loss, if
the facts convict one, whether beyond doubt, and its sentence; the queue's limit, policy, TTL and priorities when it was
sent, whose word that is (the broker, ownership.yaml), and how long before or after the broker said so; whether the
broker says that it has no limit; that it has no dead-letter exchange; that it has one."""

_QUEUE = [*SCOPE, "vhost", "at_queue"]
_NACKED = r"(?i)nack|reject|DeliveryError"
"""How clients call a publish that the broker refused: pika's NackError, aio-pika's DeliveryError, others in words."""


def reckon(rows: pl.DataFrame, facts: pl.DataFrame) -> pl.DataFrame:
    """The broker's word on the rows of every queue that seems to have lost something.

    Args:
        rows: judged message rows with `vhost`, `at_queue`.
        facts: FACTS, as a history.

    Returns:
        `send`, SUBSCRIPTION columns and RECKONED's, one row a message of such a queue.
    """
    mine = _messages(rows)
    odd = pl.col("missing") | pl.col("failed") | pl.col("hopped") | pl.col("bad")
    queues = mine.filter(odd).select(_QUEUE).unique()
    parts = mine.join(queues, on=_QUEUE, how="semi").sort("sent_ns", "send")
    found: list[tuple[pl.DataFrame, list[Balance]]] = []
    for key, part in parts.group_by(_QUEUE, maintain_order=True):
        known = of_scope(facts, *key[: len(SCOPE)])
        vhost, queue = str(key[-2]), str(key[-1])
        found.append(_reckoned(part, known, vhost, queue))
    schema = {"send": pl.UInt32(), **dict.fromkeys(SUBSCRIPTION, pl.String()), **RECKONED}
    return pl.concat([pl.DataFrame(schema=schema), *_agreeing(found)], how="diagonal").select(list(schema))


def _messages(rows: pl.DataFrame) -> pl.DataFrame:
    expected = rows.filter((pl.col("relation") == "expected") & pl.col("at_queue").is_not_null())
    hops = rows.filter((pl.col("relation") == "onward") & pl.col("row").is_not_null()).select("send").unique()
    seen = pl.col("row").is_not_null()
    hopped = pl.col("hop").fill_null(value=False)
    # A send that may have been taken all the same is missing rather than failed.
    failed = ~seen & pl.col("failed") & ~pl.col("unsure")
    lapsed = pl.col("lapsed").fill_null(value=False)
    return (
        expected.join(hops.with_columns(pl.lit(value=True).alias("hop")), on="send", how="left")
        .filter(~(pl.col("failed") & pl.col("returned")) | seen)
        .select(
            "send",
            *SUBSCRIPTION,
            "vhost",
            "at_queue",
            "sent_ns",
            pl.col("done_ns").fill_null(0),
            seen.alias("seen"),
            (seen & (lapsed | pl.col("sidelined"))).alias("bad"),
            failed.alias("failed"),
            pl.col("failure").str.contains(_NACKED).fill_null(value=False).alias("nacked"),
            (~seen & ~failed & (hopped | pl.col("sidelined"))).alias("hopped"),
        )
        .with_columns((~pl.col("seen") & ~pl.col("failed") & ~pl.col("hopped")).alias("missing"))
    )


def _reckoned(part: pl.DataFrame, known: pl.DataFrame, vhost: str, queue: str) -> tuple[pl.DataFrame, list[Balance]]:
    """One queue's rows with RECKONED's columns, and its balances."""
    flags = {name: part[name].to_numpy() for name in ("seen", "bad", "failed", "hopped")}
    sent_ns = part["sent_ns"].to_numpy()
    messages = Messages(sent_ns=sent_ns, done_ns=part["done_ns"].to_numpy(), **flags)
    counters = series(known, vhost, queue)
    told = states(known, vhost, queue)
    settled = balances(messages, counters) if len(counters.at_ns) else []
    columns = _limited(part, told.at(sent_ns)) if len(told.limits) else part
    words = [_worded(part, messages, balance, counters, queue) for balance in settled]
    causes = [blamed(part, balance, Said(vhost, queue, counters, told, known)) for balance in settled]
    schema = {"_at": pl.UInt32, "word": pl.String, "told": pl.String}
    blame = {"_at": pl.UInt32, "fact_cause": pl.String, "fact_sure": pl.Boolean, "fact_told": pl.String}
    return (
        columns.with_row_index("_at")
        .join(pl.concat([pl.DataFrame(schema=schema), *words]), on="_at", how="left")
        .join(pl.concat([pl.DataFrame(schema=blame), *causes]), on="_at", how="left")
        .drop("_at"),
        settled,
    )


def _limited(part: pl.DataFrame, limits: pl.DataFrame) -> pl.DataFrame:
    by_broker = pl.col("source") == "management"
    none = pl.col("messages_max").is_null() & pl.col("bytes_max").is_null()
    return pl.concat(
        [
            part,
            limits.select(
                pl.col("messages_max").alias("limit_max"),
                pl.col("overflow").alias("limit_overflow"),
                pl.col("policy").alias("limit_policy"),
                pl.col("ttl_ns").alias("limit_ttl_ns"),
                pl.col("priorities").alias("limit_priorities"),
                pl.when(pl.col("source") == "declared")
                .then(pl.lit("ownership.yaml"))
                .otherwise(pl.lit("the broker"))
                .alias("limit_by"),
                pl.col("age_ns").alias("limit_age_ns"),
                (by_broker & none).alias("unlimited"),
                (by_broker & pl.col("dead_letter").is_null()).alias("no_letters"),
                pl.col("dead_letter").is_not_null().alias("letters"),
            ),
        ],
        how="horizontal",
    )


def _worded(part: pl.DataFrame, messages: Messages, balance: Balance, counters: Series, queue: str) -> pl.DataFrame:
    """Row numbers (`_at`), `word` and `told` of the messages without a receipt in one stretch."""
    inside = np.zeros(len(part), dtype=bool)
    inside[balance.low : balance.high] = messages.missing[balance.low : balance.high]
    if balance.word == "lost" and not balance.resting:
        # Statistics may lag: only what a later message of the same queue overtook is surely not under way.
        inside &= messages.sent_ns < messages.sent_ns[messages.seen].max(initial=0)
    index = np.flatnonzero(inside) if balance.word is not None else np.empty(0, dtype=np.int64)
    sentence = _sentence(balance, counters, queue)
    return pl.DataFrame({"_at": index}, schema={"_at": pl.UInt32}).with_columns(
        pl.lit(balance.word, dtype=pl.String).alias("word"), pl.lit(sentence, dtype=pl.String).alias("told")
    )


def _sentence(balance: Balance, counters: Series, queue: str) -> str:
    until = clock(int(counters.at_ns[balance.last]))
    consumers = counters.consumers[balance.last]
    came = f"{balance.published} messages came into {queue}, {balance.acknowledged} were acknowledged"
    sentences = {
        "acknowledged": (
            f"the broker counted {balance.acknowledged} acknowledgements for {balance.published} messages of {queue} "
            f"until {until}, and {balance.seen} receipts were seen: the {balance.missing} without a receipt were taken "
            f"as well, and their receipts' spans were lost"
        ),
        "some": (
            f"by the broker's counters until {until} {came}: of the {balance.missing} without a receipt "
            f"{balance.refuted} were taken, and nothing tells which"
        ),
        "lost": (
            f"by the broker's counters until {until} {came} and {balance.waiting} "
            + ("waited, and no longer" if balance.swept_ns > 0 else "wait")
            + f": {balance.lost} were lost, as many as have no receipt"
        ),
        "waiting": (
            f"by the broker's counters until {until} {came} and {balance.waiting} wait, as many as have no receipt; "
            + ("it has no consumer" if consumers == 0 else f"it has {consumers} consumers")
        ),
    }
    return sentences.get(balance.word or "", "")


def _agreeing(found: list[tuple[pl.DataFrame, list[Balance]]]) -> list[pl.DataFrame]:
    """The queues' rows, without the word on those that share a channel with a queue whose figures do not fit it."""
    wrong = [part.select(*SCOPE, "channel").unique() for part, told in found if any(one.conflict for one in told)]
    if not wrong:
        return [part for part, _ in found]
    mute = [pl.lit(None, dtype=RECKONED[name]).alias(name) for name in ("word", "told", "fact_cause", "fact_told")]
    channels = pl.concat(wrong)
    shared = [*SCOPE, "channel"]
    return [part.with_columns(mute) if part.join(channels, on=shared, how="semi").height else part for part, _ in found]
