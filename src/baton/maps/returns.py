"""Journeys that come back to a team that they left.

A journey leaves a team with a handoff to a service of another, and is followed from there: by whatever that service
hands on after it received, by its own clock, and so forth. If a handoff then arrives at the team that it left, and some
other team was among those in between, the journey came back. What branches off elsewhere comes back to nobody: two
calls of one gateway to the same team are none. Services that nobody owns are passed on the way; they are no team, to
come back to or to come from. Only what arrived counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from baton.limits import MAP_RETURN_HOPS_MAX
from baton.schema import SEVERAL, UNOWNED

if TYPE_CHECKING:
    from collections.abc import Callable

    import networkx as nx

_STATE = ["journey", "team", "service", "via"]
_FOUND = ["journey", "team", "via"]


def returns(rows: pl.DataFrame, *, strict: bool = True) -> pl.DataFrame:
    """Which journeys come back to which team.

    Args:
        rows: handoffs that arrived: `journey` (any dtype that identifies one), `from_service`, `from_team`,
            `to_service`, `to_team` (String), `sent_at`, `received_at` (one temporal or numeric dtype).
        strict: what a service sends at the very time at which it received is not known to follow; else it counts.

    Returns:
        `journey`, `team` (left, and come back to), `via` (String: the first other team in between); each once, in no
        order. Followed for MAP_RETURN_HOPS_MAX handoffs.
    """
    after = pl.Expr.lt if strict else pl.Expr.le
    hops = _candidates(rows)
    leaving = hops.filter(is_team("from_team") & _elsewhere("from_team"))
    state = _earliest(
        leaving.select("journey", _team("from_team"), pl.col("to_service").alias("service"), _via("to_team"), _at())
    )
    reached, found = state, [state.select(_FOUND).clear()]
    for _ in range(MAP_RETURN_HOPS_MAX):
        if state.is_empty():
            break
        onward = _onward(state, hops, after)
        back = pl.col("to_team") == pl.col("team")
        found.append(onward.filter(back & pl.col("via").is_not_null()).select(_FOUND))
        state = _earliest(
            onward.filter(~back.fill_null(value=False)).select(
                "journey",
                "team",
                pl.col("to_service").alias("service"),
                pl.coalesce("via", _via("to_team")).alias("via"),
                _at(),
            )
        )
        # Only what arrives earlier than before can reach more than before.
        known = reached.rename({"at": "known"})
        state = (
            state.join(known, on=_STATE, how="left", nulls_equal=True)
            .filter(pl.col("known").is_null() | (pl.col("at") < pl.col("known")))
            .drop("known")
        )
        reached = _earliest(pl.concat([reached, state]))
    return pl.concat(found).unique()


def is_team(column: str) -> pl.Expr:
    """Whether it names one team: neither nobody nor one of several."""
    team = pl.col(column)
    known = team.is_not_null() & (team != UNOWNED) & ~team.str.contains(SEVERAL, literal=True)
    return known.fill_null(value=False)


def _candidates(rows: pl.DataFrame) -> pl.DataFrame:
    """All that may be part of a way back, of those journeys in which some team hands away and is handed to."""
    circular = rows.lazy().join(_circular(rows).lazy(), on=["from_service", "to_service"], how="semi").collect()
    away = circular.lazy().filter(pl.col("to_team").ne_missing(pl.col("from_team")))
    left = away.filter(is_team("from_team")).select("journey", _team("from_team")).unique()
    entered = away.filter(is_team("to_team")).select("journey", _team("to_team")).unique()
    both = left.join(entered, on=["journey", "team"], how="semi").select("journey").unique()
    return circular.lazy().join(both, on="journey", how="semi").collect()


def _circular(rows: pl.DataFrame) -> pl.DataFrame:
    """`from_service`, `to_service`: between which handoffs may be part of a way back, in any journey.

    Without a circle, of services and of teams that go from one of their services to another, nothing comes back: most
    flows are told to have no way back by a graph of a few services.
    """
    from networkx import DiGraph, strongly_connected_components  # noqa: PLC0415 - as in `graph`

    known = [pl.when(is_team(side)).then(side).alias(side) for side in ("from_team", "to_team")]
    ways = rows.lazy().select("from_service", "to_service", *known).unique().collect()
    graph: nx.DiGraph[tuple[str, str]] = DiGraph()
    for sender, receiver, from_team, to_team in ways.iter_rows():
        graph.add_edge(("service", sender), ("service", receiver))
        if from_team is not None:
            graph.add_edge(("team", from_team), ("service", sender))
        if to_team is not None:
            graph.add_edge(("service", receiver), ("team", to_team))
    circle = {node: number for number, part in enumerate(strongly_connected_components(graph)) for node in part}
    pairs = ways.select("from_service", "to_service").unique()
    within = [circle["service", sender] == circle["service", receiver] for sender, receiver in pairs.iter_rows()]
    return pairs.filter(pl.Series(within, dtype=pl.Boolean))


def _onward(state: pl.DataFrame, hops: pl.DataFrame, after: Callable[[pl.Expr, pl.Expr], pl.Expr]) -> pl.DataFrame:
    """What the services that were reached handed on after that."""
    sent = hops.select("journey", pl.col("from_service").alias("service"), *_OF_HOP)
    return state.join(sent, on=["journey", "service"]).filter(after(pl.col("at"), pl.col("sent_at")))


_OF_HOP = ("to_service", "to_team", "sent_at", "received_at")


def _earliest(state: pl.DataFrame) -> pl.DataFrame:
    return state.group_by(_STATE).agg(pl.col("at").min())


def _elsewhere(column: str) -> pl.Expr:
    return pl.col("to_team").ne_missing(pl.col(column))


def _team(column: str) -> pl.Expr:
    return pl.col(column).alias("team")


def _via(column: str) -> pl.Expr:
    return pl.when(is_team(column)).then(column).alias("via")


def _at() -> pl.Expr:
    return pl.col("received_at").alias("at")
