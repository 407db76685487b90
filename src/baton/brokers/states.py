"""What a broker said of one queue over time: its limits as they were, and its counters as a series."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from baton.brokers.counts import UNKNOWN, Series

if TYPE_CHECKING:
    import numpy.typing as npt

_FIGURES = ["published", "acknowledged", "waiting", "consumers"]

LIMITS = ["messages_max", "bytes_max", "overflow", "ttl_ns", "priorities", "dead_letter", "policy", "source"]
"""What of FACTS says how a queue loses messages."""


class States(NamedTuple):
    """One queue's limits: LIMITS columns and `at_ns`, in the order of time."""

    limits: pl.DataFrame

    def at(self, sent_ns: npt.NDArray[np.int64]) -> pl.DataFrame:
        """What held when each message was sent: what was said last before, else first after, and `age_ns`."""
        at_ns = self.limits["at_ns"].to_numpy()
        index = np.maximum(np.searchsorted(at_ns, sent_ns, side="right") - 1, 0)
        found = self.limits[index]
        age_ns = np.where(at_ns[index] == 0, 0, np.abs(sent_ns - at_ns[index]))
        return found.with_columns(pl.Series("age_ns", age_ns, dtype=pl.Int64))


def states(known: pl.DataFrame, vhost: str, queue: str) -> States:
    """What is known of a queue's limits; what the broker's management says goes before what people declared.

    Args:
        known: FACTS of one scope, as a history.
        vhost: its namespace.
        queue: its name.
    """
    told = known.filter((pl.col("fact") == "queue") & (pl.col("vhost") == vhost) & (pl.col("name") == queue))
    counted = told.filter(pl.col("waiting").is_not_null())
    said = told if counted.is_empty() else counted
    return States(said.select("at_ns", *LIMITS).sort("at_ns", maintain_order=True))


def series(known: pl.DataFrame, vhost: str, queue: str) -> Series:
    """The queue's counters at every snapshot that looked at it, its groups' offsets where it is a consumer group.

    Args:
        known: FACTS of one scope, as a history.
        vhost: its namespace.
        queue: its name, or a consumer group's.
    """
    mine = (pl.col("vhost") == vhost) & (pl.col("name") == queue)
    told = known.filter(mine & pl.col("fact").is_in(["queue", "queue_gone"]))
    counted = pl.col("waiting").is_not_null()
    # Whoever counts and for once does not (the queue is down) no longer holds what it said before.
    told = told.filter(pl.col("source").is_in(told.filter(counted)["source"].unique().to_list()))
    if told.is_empty():
        told = _offsets(known.filter(mine & (pl.col("fact") == "subscription")))
    looked = known.filter((pl.col("fact") == "snapshot") & (pl.col("vhost") == vhost) & (pl.col("name") == "queue"))
    looked = looked.filter(pl.col("source").is_in(told["source"].unique().to_list()))
    times = pl.concat([told["at_ns"], looked["at_ns"]]).unique().sort()
    last = told.sort("at_ns", "waiting", nulls_last=False, maintain_order=True)
    last = last.unique("at_ns", keep="last", maintain_order=True)
    figures = pl.DataFrame({"at_ns": times}).join_asof(
        last.select("at_ns", *_FIGURES, pl.col("fact").eq("queue_gone").alias("gone")), on="at_ns"
    )
    # A snapshot from before the queue was there says nothing of it.
    figures = figures.filter(pl.col("gone").is_not_null())
    counters = {name: figures[name].fill_null(UNKNOWN).to_numpy() for name in _FIGURES}
    return Series(at_ns=figures["at_ns"].to_numpy(), gone=figures["gone"].to_numpy(), **counters)


def _offsets(subscriptions: pl.DataFrame) -> pl.DataFrame:
    """A consumer group as a queue: what its topic holds was published, what it committed is acknowledged."""
    return (
        subscriptions.group_by("at_ns", "source", maintain_order=True)
        .agg(
            pl.lit("subscription").alias("fact"),
            pl.col("end").sum().alias("published"),
            pl.col("committed").sum().alias("acknowledged"),
            (pl.col("end") - pl.col("committed")).sum().alias("waiting"),
            pl.lit(None, dtype=pl.Int64).alias("consumers"),
        )
        .select("at_ns", "source", "fact", *_FIGURES)
    )
