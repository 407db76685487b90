"""What a queue lost its messages to, by the broker's word on its limits and by its counters.

| the queue | and | then |
| --- | --- | --- |
| no consumer | all that has no receipt waits in it | receiver_down |
| a limit that it can have reached, no TTL | what has no receipt was lost, or went to a dead-letter place | overflow |
| reject-publish | what the sender saw refused is what the counters miss | overflow |
| a TTL, no limit | what has no receipt was lost, or went to a dead-letter place unreceived | expired |
| both | the node's counters allow one of the two | that one |
| neither | it was emptied at a stroke, other than by its receivers, and the node lost nothing to a rule | broker_lost |
| no TTL, no consumer | what waited in it was gone after a restart, or with the queue | broker_lost |
| any | what was received and went on was never acknowledged | rejected |

The node's counters are of all its queues: they bound a number. Where they tell of fewer than were lost, they speak
against the cause. They confirm it only where they tell of no other one and no other queue can have raised them: a
message's own TTL, or a reject whose span was lost, empties a queue as its limit does, and no queue counts either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from baton.brokers.counts import Balance, Series
    from baton.brokers.states import States

_MS_NS = 1_000_000
_REASONS = {"overflow": "maxlen", "expired": "expired"}
"""Cause -> how the node's counters call it."""


class Blame(NamedTuple):
    """A cause, the rows that it explains (a flag's name), whether it is beyond doubt, and its sentence."""

    cause: str
    flag: str
    sure: bool
    sentence: str


def clock(time_ns: int) -> str:
    """A time in evidence, to the second."""
    return f"{np.datetime64(time_ns // 1_000_000_000, 's')}Z"


class Said(NamedTuple):
    """What the broker says of one queue: its counters, its limits, and the FACTS of its scope."""

    vhost: str
    queue: str
    counters: Series
    limits: States
    known: pl.DataFrame


def blamed(part: pl.DataFrame, balance: Balance, said: Said) -> pl.DataFrame:
    """The causes of one stretch: row numbers (`_at`), `fact_cause`, `fact_sure`, `fact_told`."""
    limit, counters = _Limit(said, balance), said.counters
    begin_ns = 0 if balance.first < 0 else int(counters.at_ns[balance.first])
    node = _Node(said, begin_ns, int(counters.at_ns[balance.last]))
    numbered = part.with_row_index("_at")[balance.low : balance.high]
    stretch = _Stretch(numbered)
    schema = {"_at": pl.UInt32, "fact_cause": pl.String, "fact_sure": pl.Boolean, "fact_told": pl.String}
    found = [pl.DataFrame(schema=schema)]
    for blame in _causes(balance, counters, limit, node, stretch):
        rows = numbered.filter(pl.col(blame.flag)).select("_at")
        found.append(
            rows.with_columns(
                pl.lit(blame.cause).alias("fact_cause"),
                pl.lit(blame.sure).alias("fact_sure"),
                pl.lit(blame.sentence).alias("fact_told"),
            )
        )
    return pl.concat(found)


class _Limit:
    """What the queue's limits were over one stretch."""

    def __init__(self, said: Said, balance: Balance) -> None:
        told, counters = said.limits, said.counters
        at_ns = int(counters.at_ns[balance.last])
        over = told.limits.filter(pl.col("at_ns") <= at_ns)
        if balance.first >= 0:
            before = over.filter(pl.col("at_ns") <= int(counters.at_ns[balance.first])).tail(1)
            over = pl.concat([before, over.filter(pl.col("at_ns") > int(counters.at_ns[balance.first]))])
        # Told only afterwards, it is held to have been so before.
        self.over, self.queue = over if len(over) else told.limits.head(1), said.queue
        last = self.over.tail(1)
        self.row = last.row(0, named=True) if len(last) else {}

    @property
    def bounded(self) -> bool:
        """Whether it had a limit at any time."""
        return (
            not self.over.select("messages_max", "bytes_max")
            .filter(pl.any_horizontal(pl.all().is_not_null()))
            .is_empty()
        )

    @property
    def expires(self) -> bool:
        """Whether it had a TTL at any time."""
        return self.over["ttl_ns"].is_not_null().any()

    @property
    def refuses(self) -> bool:
        """Whether it refused what came when full at any time."""
        return self.over["overflow"].str.starts_with("reject-publish").any()

    def reached(self, depth_max: int) -> bool:
        """Whether a queue that never held more can have stood at its limit; of one in bytes nobody can tell."""
        if self.over["bytes_max"].is_not_null().any():
            return True
        least = self.over["messages_max"].min()
        return isinstance(least, int) and depth_max >= least

    def __str__(self) -> str:
        """The limit and TTL, and what they were before."""
        parts = []
        if self.row.get("messages_max") is not None:
            parts.append(f"holds {self.row['messages_max']} messages")
        if self.row.get("bytes_max") is not None:
            parts.append(f"holds {self.row['bytes_max']} bytes")
        if self.bounded:
            parts.append(f"then {self._overflows()}")
        if self.expires:
            parts.append(f"lets them wait {self.row['ttl_ns'] / _MS_NS:g} ms")
        policy = f" (policy {self.row['policy']})" if self.row.get("policy") else ""
        return (
            f"the broker says that {self.queue} {', '.join(parts) or 'has neither limit nor TTL'}{policy}{self._was()}"
        )

    def _overflows(self) -> str:
        if self.refuses:
            return f"refuses what comes ({self.row['overflow']})"
        if self.row.get("priorities"):
            return "evicts what has the highest priority (drop-head)"
        return "evicts its oldest (drop-head)"

    def _was(self) -> str:
        changed = self.over.filter(pl.col("messages_max").ne_missing(pl.col("messages_max").shift()))[1:]
        if changed.is_empty():
            return ""
        steps = changed.select("at_ns", pl.col("messages_max").cast(pl.String).fill_null("none")).iter_rows()
        first = self.over["messages_max"][0]
        return f"; its limit was {first or 'none'}, then " + ", ".join(f"{to} from {clock(at)}" for at, to in steps)


class _Stretch:
    """What spans say of one stretch's messages."""

    def __init__(self, rows: pl.DataFrame) -> None:
        self._rows = rows

    @property
    def nacked(self) -> bool:
        """Whether every failure that a sender saw was the broker's refusal, and not a connection that broke."""
        return bool(self._rows.filter("failed")["nacked"].all())

    @property
    def depth_max(self) -> int:
        """The most messages that the queue can have held: every one without a receipt, as if it had stayed."""
        sent_ns = self._rows["sent_ns"].to_numpy()
        left_ns = np.sort(self._rows.filter("seen")["done_ns"].to_numpy())
        held = np.arange(1, len(sent_ns) + 1) - np.searchsorted(left_ns, sent_ns, side="left")
        return int(held.max(initial=0))


class _Node:
    """The node's counters of lost messages over one stretch; None where it told none, or they began anew."""

    def __init__(self, said: Said, begin_ns: int, end_ns: int) -> None:
        told = pl.col("name").str.contains("dead_lettered_", literal=True)
        counters = said.known.filter((pl.col("fact") == "counter") & (pl.col("at_ns") <= end_ns)).sort("at_ns")
        last = counters.unique("name", keep="last")
        before = counters.filter(pl.col("at_ns") <= begin_ns).unique("name", keep="last")
        self.rise = (
            last.join(before.select("name", "value"), on="name", how="left", suffix="_before")
            .filter(told)
            .select("name", (pl.col("value") - pl.col("value_before").fill_null(0)).alias("rise"))
        )
        fell = counters.select((pl.col("value").diff().over("name") < 0).any()).item()
        self.told = not counters.is_empty() and not fell
        self._said, self._end_ns = said, end_ns

    def rose(self, cause: str) -> int | None:
        """How many messages all its queues lost to that cause."""
        if not self.told:
            return None
        named = self.rise.filter(pl.col("name").str.contains(f"dead_lettered_{_REASONS[cause]}", literal=True))
        return int(named["rise"].sum())

    def lost_none(self) -> bool:
        """Whether it says that no queue lost any message to a rule."""
        return self.told and self.rise["rise"].sum() == 0

    def confirms(self, cause: str, lost: int) -> bool:
        """Whether its counters leave no other reading: this cause only, and no other queue to have raised them."""
        rose = self.rose(cause)
        if rose is None or rose < lost or rose != self.rise["rise"].sum():
            return False
        limited = ("messages_max", "bytes_max") if cause == "overflow" else ("ttl_ns",)
        queues = self._said.known.filter(
            (pl.col("fact") == "queue")
            & (pl.col("at_ns") <= self._end_ns)
            & ((pl.col("vhost") != self._said.vhost) | (pl.col("name") != self._said.queue))
        )
        limited_ones = queues.filter(pl.any_horizontal(pl.col(limited).is_not_null())).select("vhost", "name")
        others = (
            queues.sort("at_ns")
            .unique(["vhost", "name"], keep="last")
            .join(limited_ones, on=["vhost", "name"], how="semi")
        )
        left = pl.col("published") - pl.col("acknowledged") - pl.col("waiting")
        return others.filter((left != 0).fill_null(value=True)).is_empty()


def _causes(balance: Balance, counters: Series, limit: _Limit, node: _Node, stretch: _Stretch) -> list[Blame]:
    """The table above."""
    exact = balance.published == balance.high - balance.low and not balance.conflict
    if balance.word == "waiting" and counters.consumers[balance.last] == 0:
        return [
            Blame(
                "receiver_down", "missing", sure=True, sentence=f"{balance.waiting} messages wait and nobody consumes"
            )
        ]
    if balance.swept_ns > 0:
        return _swept_away(balance, counters, limit)
    if not exact or balance.refuted > 0:
        return []
    found = []
    # Of what waits and what is lost among those without a receipt the counters name none.
    all_lost = balance.word == "lost" or (balance.missing == 0 and balance.lost == 0)
    some_lost = balance.lost > 0 and balance.missing == balance.lost + balance.waiting
    lost = balance.lost + balance.hopped
    if lost > 0 and (all_lost or some_lost):
        # Statistics may lag behind a queue in motion.
        told = _lost_to(lost, limit, node, swept=balance.swept, depth_max=stretch.depth_max)
        found += [
            Blame(cause, flag, sure and all_lost and balance.resting, sentence)
            for cause, sure, sentence in told
            for flag in ("missing", "hopped")
        ]
    if balance.failed > 0 and all_lost and limit.bounded and limit.refuses and stretch.nacked:
        sentence = f"{limit}; it refused {balance.failed} messages, as many as the sender saw fail"
        found.append(Blame("overflow", "failed", sure=balance.resting, sentence=sentence))
    if balance.bad > 0 and all_lost:
        sentence = f"{limit.queue} counted no acknowledgement for the {balance.bad} that were received and went on"
        found.append(Blame("rejected", "bad", sure=balance.resting, sentence=sentence))
    return found


def _swept_away(balance: Balance, counters: Series, limit: _Limit) -> list[Blame]:
    """What waited and was gone: in a queue with a TTL it may have expired before."""
    if limit.expires:
        return []
    what = "it was gone" if balance.gone else "its counters had begun anew and it was empty"
    sentence = (
        f"{balance.waiting} messages waited in {limit.queue} at {clock(int(counters.at_ns[balance.last]))}; by "
        f"{clock(balance.swept_ns)} {what}, and it had no consumer"
    )
    return [Blame("broker_lost", "missing", sure=True, sentence=sentence)]


def _lost_to(lost: int, limit: _Limit, node: _Node, *, swept: bool, depth_max: int) -> list[tuple[str, bool, str]]:
    """The cause, whether beyond doubt, and its sentence; empty where none or several fit."""
    evicted, expired = node.rose("overflow"), node.rose("expired")
    counted_out = node.confirms("overflow", lost)
    may_evict = (
        limit.bounded
        and (evicted is None or evicted >= lost or limit.refuses)
        # Clocks may differ, and the node's counters do not depend on them.
        and (counted_out or limit.reached(depth_max))
    )
    may_expire = limit.expires and (expired is None or expired >= lost)
    if may_evict == may_expire:
        if swept and not limit.bounded and not limit.expires and node.lost_none():
            sentence = f"{limit}; it was emptied at a stroke: {lost} messages went that nobody took"
            return [("broker_lost", True, f"{sentence}, and the node counted no loss to a limit, a TTL or a reject")]
        return []
    cause = "overflow" if may_evict else "expired"
    counted = node.rose(cause)
    of_node = "" if counted is None else f"; the node counted {counted} such losses over all its queues"
    return [(cause, node.confirms(cause, lost), f"{limit}; {lost} were lost to that{of_node}")]
