"""Messages that no binding took, by the broker's word at the time when they were sent.

Bindings come and go, and a snapshot tells of a change only after it happened. So a message is held to have been
unroutable only where the snapshot before it and the one after it both know of no binding; where there is but one of the
two, how far it is from the message is told with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from baton.brokers.history import SNAPSHOT, held
from baton.brokers.places import SCOPE, of_scope
from baton.brokers.routes import Routes, routes
from baton.limits import ROUTE_CHANGES_MAX

if TYPE_CHECKING:
    import numpy.typing as npt

    Ints = npt.NDArray[np.int64]

UNBOUND = {"send": pl.UInt32(), "lost_in": pl.String(), "parked": pl.String(), "unbound_ns": pl.Int64()}
"""The send; the vhost; the queue that an alternate exchange leads to, null without one; when the broker said so: the
snapshot nearest to it."""

_ASKED = ["channel", "route_key", "_before", "_after"]


def unbound(rows: pl.DataFrame, facts: pl.DataFrame) -> pl.DataFrame:
    """The sends that nobody was seen to receive and that no binding took.

    Args:
        rows: SENT columns, `send`, `sent_ns`, one row a send.
        facts: FACTS, as a history.

    Returns:
        UNBOUND's columns.
    """
    told = facts.filter(pl.col("source") != "declared")
    found = [pl.DataFrame(schema=UNBOUND)]
    for scope, part in rows.group_by(SCOPE, maintain_order=True):
        known = of_scope(told, *scope)
        looked = known.filter((pl.col("fact") == SNAPSHOT) & (pl.col("name") == "route"))["at_ns"].unique().sort()
        # Only what changed between two looks needs another answer.
        changes = known.filter(pl.col("fact").is_in(["route", "route_gone"]))["at_ns"].unique().sort()
        if len(looked) and len(changes) <= ROUTE_CHANGES_MAX:
            found.append(_of_scope(part, known, looked.to_numpy(), changes.to_numpy()))
    return pl.concat(found)


def _of_scope(part: pl.DataFrame, known: pl.DataFrame, looked: Ints, changes: Ints) -> pl.DataFrame:
    sent_ns = part["sent_ns"].to_numpy()
    after = np.searchsorted(looked, sent_ns)
    before = np.maximum(after - 1, 0)
    after = np.minimum(after, len(looked) - 1)
    near = np.where(np.abs(looked[before] - sent_ns) < np.abs(looked[after] - sent_ns), before, after)
    # The state at a snapshot is numbered by the changes up to it; what is sent alike in one state is asked about once.
    sides = [np.searchsorted(changes, looked[side], side="right") for side in (before, after)]
    asked = part.select("send", "channel", "route_key").with_columns(
        pl.Series("_before", sides[0], dtype=pl.Int64),
        pl.Series("_after", sides[1], dtype=pl.Int64),
        pl.Series("unbound_ns", looked[near], dtype=pl.Int64),
    )
    states = {int(state) for side in sides for state in np.unique(side) if state > 0}
    ways = {state: routes(held(known, int(changes[state - 1])), 0) for state in states}
    answers = [
        (*one, *lost)
        for one in asked.select(_ASKED).unique(maintain_order=True).iter_rows()
        if (lost := _lost(ways, *one)) is not None
    ]
    text = dict.fromkeys(("channel", "route_key", "lost_in", "parked"), pl.String())
    states_of = dict.fromkeys(("_before", "_after"), pl.Int64())
    schema = {name: {**text, **states_of}[name] for name in (*_ASKED, "lost_in", "parked")}
    found = pl.DataFrame(answers, schema=schema, orient="row")
    return asked.join(found, on=_ASKED, nulls_equal=True).select(list(UNBOUND))


def _lost(
    ways: dict[int, Routes], channel: str, key: str | None, before: int, after: int
) -> tuple[str, str | None] | None:
    """The vhost in which no binding takes it in either state, and the queue that it is parked in."""
    told = [ways[state].reach(channel, key) if state in ways else None for state in (before, after)]
    if any(reach is None or reach.possible for reach in told) or told[-1] is None:
        return None
    parked = told[-1].parked
    return told[-1].vhost, next(iter(parked)) if len(parked) == 1 else None
