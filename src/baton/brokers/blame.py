"""What a queue lost its messages to, by the broker's word on its limits and by its counters.

| the queue | and | then |
| --- | --- | --- |
| no consumer | all that has no receipt waits in it | receiver_down |
| a limit, no TTL | what has no receipt was lost, or went to a dead-letter place unreceived | overflow |
| reject-publish | what the sender saw refused is what the counters miss | overflow |
| a TTL, no limit | what has no receipt was lost, or went to a dead-letter place unreceived | expired |
| both | the node's counters allow one of the two | that one |
| neither | it was emptied at a stroke, other than by its receivers | broker_lost |
| any | what waited in it was gone after a restart, or with the queue | broker_lost |
| any | what was received and went on was never acknowledged | rejected |

The node's counters are of all its queues: they bound a number. Where they tell of fewer than were lost, they speak
against the cause.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from baton.brokers.counts import Balance, Series
    from baton.brokers.states import States

_MS_NS = 1_000_000


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

    queue: str
    counters: Series
    limits: States
    known: pl.DataFrame


def blamed(part: pl.DataFrame, balance: Balance, said: Said) -> pl.DataFrame:
    """The causes of one stretch: row numbers (`_at`), `fact_cause`, `fact_sure`, `fact_told`."""
    limit, counters = _Limit(said, balance), said.counters
    begin_ns = 0 if balance.first < 0 else int(counters.at_ns[balance.first])
    node = _Node(said.known, begin_ns, int(counters.at_ns[balance.last]))
    numbered = part.with_row_index("_at")[balance.low : balance.high]
    schema = {"_at": pl.UInt32, "fact_cause": pl.String, "fact_sure": pl.Boolean, "fact_told": pl.String}
    found = [pl.DataFrame(schema=schema)]
    for blame in _causes(balance, counters, limit, node):
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
        self.over, self.queue = over, said.queue
        last = (over if len(over) else told.limits).tail(1)
        self.row = last.row(0, named=True) if len(last) else {}

    @property
    def bounded(self) -> bool:
        return self.row.get("messages_max") is not None or self.row.get("bytes_max") is not None

    @property
    def expires(self) -> bool:
        return self.row.get("ttl_ns") is not None

    @property
    def refuses(self) -> bool:
        return str(self.row.get("overflow") or "").startswith("reject-publish")

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


class _Node:
    """The node's counters of lost messages over one stretch; None where it told none."""

    def __init__(self, known: pl.DataFrame, begin_ns: int, end_ns: int) -> None:
        counters = known.filter((pl.col("fact") == "counter") & (pl.col("at_ns") <= end_ns))
        self.told = not counters.is_empty()
        last = counters.sort("at_ns").unique("name", keep="last")
        before = counters.filter(pl.col("at_ns") <= begin_ns).sort("at_ns").unique("name", keep="last")
        self.rise = last.join(before.select("name", "value"), on="name", how="left", suffix="_before").select(
            "name", (pl.col("value") - pl.col("value_before").fill_null(0)).alias("rise")
        )

    def rose(self, reason: str) -> int | None:
        """How many messages all its queues lost for that reason (maxlen, expired, rejected)."""
        if not self.told:
            return None
        named = self.rise.filter(pl.col("name").str.contains(f"dead_lettered_{reason}", literal=True))
        return int(named["rise"].sum())


def _causes(balance: Balance, counters: Series, limit: _Limit, node: _Node) -> list[Blame]:
    """The table above."""
    exact = balance.published == balance.high - balance.low and not balance.conflict
    if balance.word == "waiting" and counters.consumers[balance.last] == 0:
        return [
            Blame(
                "receiver_down", "missing", sure=True, sentence=f"{balance.waiting} messages wait and nobody consumes"
            )
        ]
    if balance.swept_ns > 0:
        what = "it was gone" if balance.gone else "its counters had begun anew and it was empty"
        sentence = (
            f"{balance.waiting} messages waited in {limit.queue} at {clock(int(counters.at_ns[balance.last]))}; by "
            f"{clock(balance.swept_ns)} {what}, and nobody took them"
        )
        return [Blame("broker_lost", "missing", sure=True, sentence=sentence)]
    if not exact or balance.refuted > 0:
        return []
    found = []
    # Of what waits and what is lost among those without a receipt the counters name none.
    all_lost = balance.word == "lost" or (balance.missing == 0 and balance.lost == 0)
    some_lost = balance.lost > 0 and balance.missing == balance.lost + balance.waiting
    lost = balance.lost + balance.hopped
    if lost > 0 and (all_lost or some_lost):
        cause, sentence = _lost_to(lost, limit, node, swept=balance.swept)
        if cause is not None:
            # Statistics may lag behind a queue in motion.
            sure = all_lost and balance.resting
            found += [Blame(cause, flag, sure, sentence) for flag in ("missing", "hopped")]
    if balance.failed > 0 and all_lost and limit.bounded and limit.refuses:
        sentence = f"{limit}; it refused {balance.failed} messages, as many as the sender saw fail"
        found.append(Blame("overflow", "failed", sure=balance.resting, sentence=sentence))
    if balance.bad > 0 and all_lost:
        sentence = f"{limit.queue} counted no acknowledgement for the {balance.bad} that were received and went on"
        found.append(Blame("rejected", "bad", sure=balance.resting, sentence=sentence))
    return found


def _lost_to(lost: int, limit: _Limit, node: _Node, *, swept: bool) -> tuple[str | None, str]:
    evicted, expired = node.rose("maxlen"), node.rose("expired")
    may_evict = limit.bounded and (evicted is None or evicted >= lost or limit.refuses)
    may_expire = limit.expires and (expired is None or expired >= lost)
    counted = {"overflow": evicted, "expired": expired}
    cause = None
    if may_evict and not may_expire:
        cause = "overflow"
    elif may_expire and not may_evict:
        cause = "expired"
    elif swept and not limit.bounded and not limit.expires:
        return "broker_lost", f"{limit}; it was emptied at a stroke: {lost} messages went that nobody took"
    if cause is None:
        return None, ""
    of_node = "" if counted[cause] is None else f"; the node counted {counted[cause]} such losses over all its queues"
    return cause, f"{limit}; {lost} were lost to that{of_node}"
