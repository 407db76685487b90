"""Many snapshots as one history of FACTS: what each adds to what is known, and what held at a time.

Brokers are looked at every few seconds and most of what they say is what they said before. So a snapshot adds only what
is new or other, what is gone, and that it was made: see FACTS. A thing is gone when a snapshot that tells all of its
kind in its vhost does not tell of it: of a vhost, or a kind of facts, that a document says nothing of, nothing is known
to be gone.
"""

from __future__ import annotations

import polars as pl

from baton.schema import FACTS

SNAPSHOT = "snapshot"
_GONE = "_gone"

_PLACE = ["tenant", "environment", "broker", "source"]
"""Snapshots of one place speak of the same things."""

_IDENTITY = [*_PLACE, "fact", "vhost", "name", "partition", "to", "to_kind", "routing_key", "identity"]
"""What tells one thing from another, once `_known` has added `identity`."""


def woven(history: pl.DataFrame, snapshot: pl.DataFrame) -> pl.DataFrame:
    """What a snapshot adds to the history; snapshots may come in any order, and the same one again adds nothing.

    Args:
        history: FACTS's columns.
        snapshot: FACTS's columns, all of one time and place.

    Returns:
        FACTS's columns; without rows if all of it is there already.
    """
    at_ns, place = snapshot.item(0, "at_ns"), snapshot.head(1).select(_PLACE)
    history = history.join(place, on=_PLACE, how="semi", nulls_equal=True)
    added = _added(history, snapshot, at_ns)
    later = _next_ns(history, at_ns)
    if later is None or added.is_empty():
        return added
    # The next snapshot left out what had not changed since the one before: now this one comes between.
    marks = history.filter(pl.col("at_ns") == later, pl.col("fact") == SNAPSHOT)
    state = held(history, later).with_columns(at_ns=pl.lit(later, pl.Int64))
    next_snapshot = pl.concat([state, marks])
    between = pl.concat([history.filter(pl.col("at_ns") <= at_ns), added])
    again = _added(between, next_snapshot, later)
    return pl.concat([added, again.join(history, on=FACTS.names, how="anti", nulls_equal=True)])


def held(history: pl.DataFrame, at_ns: int) -> pl.DataFrame:
    """The state at a time, FACTS's columns: the last row of each thing that is not gone, with its own time."""
    return latest(history.filter(pl.col("at_ns") <= at_ns)).filter(pl.col("fact") != SNAPSHOT)


def latest(history: pl.DataFrame) -> pl.DataFrame:
    """The last row of each thing that is not gone, and of each kind of snapshot: to what comes after, as good as all.

    Args:
        history: FACTS's columns.

    Returns:
        some of its rows, by time.
    """
    known = _known(history).sort("at_ns", maintain_order=True)
    last = known.unique(_IDENTITY, keep="last", maintain_order=True)
    return last.filter(~pl.col("gone")).select(FACTS.names)


def is_newest(history: pl.DataFrame, snapshot: pl.DataFrame) -> bool:
    """Whether no other snapshot of its place is newer: then `latest` of the history is all that `woven` needs."""
    of_place = history.join(snapshot.head(1), on=_PLACE, how="semi", nulls_equal=True)
    return _next_ns(of_place, snapshot.item(0, "at_ns")) is None


def _next_ns(history: pl.DataFrame, at_ns: int) -> int | None:
    times = history.get_column("at_ns")
    return min(times.filter(times > at_ns), default=None)


def _added(history: pl.DataFrame, snapshot: pl.DataFrame, at_ns: int) -> pl.DataFrame:
    before = held(history, at_ns)
    said = [name for name in FACTS.names if name != "at_ns"]
    fresh = snapshot.filter(pl.col("fact") != SNAPSHOT).join(before, on=said, how="anti", nulls_equal=True)
    covered = snapshot.filter(pl.col("fact") == SNAPSHOT, pl.col("name") != "counter").select("vhost", fact="name")
    missed = (
        _known(before.join(covered, on=["vhost", "fact"], how="semi"))
        .join(_known(snapshot), on=_IDENTITY, how="anti", nulls_equal=True)
        .with_columns(pl.col("fact") + _GONE, at_ns=pl.lit(at_ns, pl.Int64))
        .select(FACTS.names)
    )
    marks = snapshot.filter(pl.col("fact") == SNAPSHOT).join(history, on=FACTS.names, how="anti", nulls_equal=True)
    return pl.concat([fresh, missed, marks])


def _known(facts: pl.DataFrame) -> pl.DataFrame:
    """With `identity` (of routes their kind, which tells two apart; a queue's may change) and `gone`."""
    return facts.with_columns(
        fact=pl.col("fact").str.strip_suffix(_GONE),
        gone=pl.col("fact").str.ends_with(_GONE),
        identity=pl.when(pl.col("fact").str.starts_with("route")).then("kind"),
    )
