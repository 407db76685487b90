"""Pools: the messages that may have stood in one queue, as arrays that a replay takes.

Spans do not say which channels share a queue. Three readings are offered of each lossy subscription: its own messages
alone; those of all subscriptions that the same services take; and, where the queue is known by name, all that go there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from baton.limits import (
    ALIGN_NS_MIN,
    ALIGN_RECEIPTS_MIN,
    FACT_AGE_NS_FRESH,
    REPLAY_LEAD,
    REPLAY_LOST_MIN,
    REPLAY_MESSAGES_MAX,
)
from baton.schema import SUBSCRIPTION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

DROP_HEAD, REJECT_PUBLISH = "drop-head", "reject-publish"
LOST = ("overtaken", "drained", "sidelined", "failed")
"""Proofs of messages that did not come through, whatever became of them."""

_COLUMNS = (
    "send", "service", "routing_key", "sent_ns", "failed", "proof", "row", "first_ns", "done_ns", "receiver",
    "instance", "journey_type", "deadline_at_ns",
)  # fmt: skip


_BY_BROKER: dict[str, pl.DataType] = {
    **dict.fromkeys(("limit_max", "limit_ttl_ns", "limit_priorities", "limit_age_ns"), pl.Int64()),
    "limit_overflow": pl.String(),
    **dict.fromkeys(("unlimited", "no_letters", "letters"), pl.Boolean()),
}
"""What broker facts say of a message's queue (`brokers.reckon`); without facts the rows have no such columns."""

OF_QUEUES = (*SUBSCRIPTION, "services", "relation", "tossed", "queue", *_COLUMNS, *_BY_BROKER)
"""Columns of judged messages that tell what stood in a queue, and what came of it."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the broker says of the queue that all messages of a pool went to, where it says one thing of them all.

    Attributes:
        limit: in messages; 0 where none is said.
        ttl_ns: 0 where none is said.
        policy: drop-head or reject-publish, said within FACT_AGE_NS_FRESH of every message; else None.
        unlimited: it has no limit, said as freshly.
        guarded: whether it has priorities or a dead-letter exchange; None where the broker does not say.
    """

    limit: int = 0
    ttl_ns: int = 0
    policy: str | None = None
    unlimited: bool = False
    guarded: bool | None = None


@dataclass(frozen=True, slots=True)
class Pool:
    """The messages of one reading, by the time of their sending; arrays have one element a message.

    Attributes:
        scope: own, pool or queue.
        rows: SUBSCRIPTION columns, `send`, `service`, `routing_key`, `journey_type`, `deadline_at_ns`, `proof`,
            `queue`.
        arrive: ns, the receiver's clock as far as it is known.
        first: ns, when it was first received; undefined without a receipt.
        done: ns, when that receipt ended.
        received: whether it was.
        lost: whether it is proven that it was not.
        failed: whether the sender says that its send failed.
        shift_ns: how far the sender's clock was moved, at most.
        known: what the broker says of the queue.
    """

    scope: str
    rows: pl.DataFrame
    arrive: NDArray[np.int64]
    first: NDArray[np.int64]
    done: NDArray[np.int64]
    received: NDArray[np.bool_]
    lost: NDArray[np.bool_]
    failed: NDArray[np.bool_]
    shift_ns: int
    known: Known

    def stretch(self) -> Pool:
        """Of a long pool the first stretch of its losses, with a lead in which the queue fills."""
        if len(self.arrive) <= REPLAY_MESSAGES_MAX:
            return self
        start = max(int(np.flatnonzero(self.lost)[0]) - REPLAY_LEAD, 0)
        kept = slice(start, start + REPLAY_MESSAGES_MAX)
        return Pool(
            self.scope,
            self.rows[kept],
            self.arrive[kept],
            self.first[kept],
            self.done[kept],
            self.received[kept],
            self.lost[kept],
            self.failed[kept],
            self.shift_ns,
            self.known,
        )


def lossy(rows: pl.DataFrame, services: pl.DataFrame) -> pl.DataFrame:
    """The subscriptions that lost enough to be replayed, and whose receipts can be trusted.

    Args:
        rows: judged message rows.
        services: SUBSCRIPTION columns and `services`.

    Returns:
        SUBSCRIPTION columns and `pool` (String: the services), sorted.
    """
    lost = rows.lazy().filter(pl.col("proof").is_in(LOST) & (pl.col("relation") == "expected"))
    found = (
        lost.group_by(SUBSCRIPTION)
        .agg(pl.len().alias("lost"), pl.col("tossed").any())
        .filter(pl.col("subscription").is_not_null() & ~pl.col("tossed") & (pl.col("lost") >= REPLAY_LOST_MIN))
        .collect()
    )
    return (
        found.join(services, on=SUBSCRIPTION)
        .select(*SUBSCRIPTION, pl.col("services").list.join(" | ").alias("pool"))
        .sort(SUBSCRIPTION)
    )


def pools(rows: pl.DataFrame, services: pl.DataFrame) -> Iterator[tuple[pl.DataFrame, list[Pool]]]:
    """The readings of each group of lossy subscriptions that may share a queue.

    Args:
        rows: judged message rows.
        services: SUBSCRIPTION columns and `services` (List(String)).

    Yields:
        The lossy subscriptions of the group (SUBSCRIPTION columns), and the readings that hold any of them.
    """
    wanted = lossy(rows, services)
    if wanted.is_empty():
        return
    key = ["tenant", "environment", "pool"]
    members = services.with_columns(pl.col("services").list.join(" | ").alias("pool")).join(wanted, on=key, how="semi")
    columns = [*SUBSCRIPTION, "relation", "queue", *_COLUMNS, *(name for name in _BY_BROKER if name in rows.columns)]
    messages = (
        # One column first: the join of five is for the few that are left.
        rows.select(columns)
        .filter(
            pl.col("channel").is_in(members["channel"].unique().implode())
            & (pl.col("relation") == "expected")
            & (pl.col("sent_ns") > 0)
        )
        .join(members.select(*SUBSCRIPTION, "pool"), on=SUBSCRIPTION)
        .with_columns(
            pl.lit(None, dtype=dtype).alias(name) for name, dtype in _BY_BROKER.items() if name not in rows.columns
        )
        .select(*SUBSCRIPTION, "pool", "queue", *_COLUMNS, *_BY_BROKER)
        .sort("sent_ns", "send")
    )
    for name, part in messages.group_by(key, maintain_order=True):
        mine = wanted.filter(pl.all_horizontal(pl.col(k) == v for k, v in zip(key, name, strict=True)))
        yield mine.select(SUBSCRIPTION), list(_readings(mine, part))


def _readings(wanted: pl.DataFrame, messages: pl.DataFrame) -> Iterator[Pool]:
    """By queue, whole, and each lossy subscription alone; raw, and with the clocks set by what idle receivers show."""
    several = messages.select(SUBSCRIPTION).n_unique() > 1
    aligned = _aligned(messages)
    for read in (messages,) if aligned is None else (messages, aligned.sort("sent_ns", "send")):
        if read["queue"].null_count() < read.height:
            named = read.with_columns(pl.col("queue").drop_nulls().unique().first().over(SUBSCRIPTION).alias("queue"))
            yield from (_pool("queue", part) for (name,), part in named.group_by("queue") if name is not None)
        yield _pool("pool", read)
        if several:
            alone = read.join(wanted, on=SUBSCRIPTION, how="semi", maintain_order="left")
            yield from (_pool("own", part) for _, part in alone.group_by(SUBSCRIPTION, maintain_order=True))


def _pool(scope: str, messages: pl.DataFrame) -> Pool:
    received = pl.col("row").is_not_null() & pl.col("first_ns").is_not_null()
    told = messages.select(
        first=pl.col("first_ns").fill_null(0),
        done=pl.max_horizontal("first_ns", "done_ns").fill_null(0),
        received=received,
        # A send that failed and was made good by a later one was refused all the same.
        lost=(pl.col("proof").is_in(LOST) | pl.col("failed")) & ~received,
        failed="failed",
    )
    shift = int(messages["shift_ns"].abs().max() or 0) if "shift_ns" in messages.columns else 0  # type: ignore[arg-type]
    rows = messages.select(
        *SUBSCRIPTION, "send", "service", "routing_key", "journey_type", "deadline_at_ns", "proof", "queue"
    )
    return Pool(
        scope,
        rows,
        messages["sent_ns"].to_numpy(),
        told["first"].to_numpy(),
        told["done"].to_numpy(),
        told["received"].to_numpy(),
        told["lost"].to_numpy(),
        told["failed"].to_numpy(),
        shift,
        _known(messages),
    )


def _known(messages: pl.DataFrame) -> Known:
    def one(name: str) -> object:
        values = messages[name].unique()
        return values.item() if len(values) == 1 else None

    ages = messages["limit_age_ns"]
    fresh = not ages.has_nulls() and bool((ages.abs() <= FACT_AGE_NS_FRESH).all())
    priorities = messages["limit_priorities"].fill_null(0) > 0
    guarded = messages["letters"].fill_null(value=False) | priorities
    bare = messages["no_letters"].fill_null(value=False) & ~priorities
    limit, ttl_ns = one("limit_max"), one("limit_ttl_ns")
    return Known(
        limit=limit if isinstance(limit, int) else 0,
        ttl_ns=ttl_ns if isinstance(ttl_ns, int) else 0,
        policy=str(one("limit_overflow")) if fresh and one("limit_overflow") in (DROP_HEAD, REJECT_PUBLISH) else None,
        unlimited=fresh and one("unlimited") is True,
        guarded=True if guarded.any() else False if bare.all() else None,
    )


def _aligned(messages: pl.DataFrame) -> pl.DataFrame | None:
    """Sends on their receiver's clock; None where the clocks agree, or nothing tells how they differ.

    A receiver that had been idle for longer than a receipt takes found the queue empty: what its next message seems to
    have waited is the way there, and the difference of the clocks.
    """
    taken = messages.head(REPLAY_MESSAGES_MAX).filter(pl.col("first_ns").is_not_null()).sort("first_ns")
    busy_until = pl.col("done_ns").cum_max().shift().over("receiver", "instance")
    took = (pl.col("done_ns") - pl.col("first_ns")).median().over("receiver", "instance")
    ways = ["service", "receiver"]
    offsets = (
        taken.filter(pl.col("first_ns") - busy_until > pl.max_horizontal(took, pl.lit(ALIGN_NS_MIN)))
        .group_by(ways)
        .agg((pl.col("first_ns") - pl.col("sent_ns")).median().cast(pl.Int64).alias("shift_ns"), pl.len())
        .filter((pl.col("len") >= ALIGN_RECEIPTS_MIN) & (pl.col("shift_ns").abs() > ALIGN_NS_MIN))
    )
    if offsets.is_empty():
        return None
    by_sender = offsets.group_by("service").agg(pl.col("shift_ns").median().cast(pl.Int64))
    # A sender that no idle receiver heard: senders' clocks rather agree with each other than with the receiver's.
    usual_ns = pl.lit(offsets["shift_ns"].median()).cast(pl.Int64)
    return messages.join(by_sender, on="service", how="left").with_columns(
        pl.col("sent_ns") + pl.col("shift_ns").fill_null(usual_ns), pl.col("shift_ns").fill_null(usual_ns)
    )
