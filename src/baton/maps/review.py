"""What a reviewer asks of the map: which teams a journey crosses, where it comes back, what all of them depend on.

Frames in, plain values out; no Python a journey. A journey that lost something, or is under way, may not have come to
where the others went, so what all journeys pass is told of those of which nothing was lost or is open. What could not
be observed is neither: a receiver without telemetry would else leave no journey whole.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import polars as pl

from baton.maps.circles import cycles, knots
from baton.maps.graph import HOME, MAPPED
from baton.maps.returns import is_team, returns
from baton.reports.map_model import Crossing, Doubt, Point, Return, Review, Weight
from baton.summaries import BOUNDARY, between

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import networkx as nx

REVIEWED = (*MAPPED, "channel_team", "journey_id", "journey_type")
"""Columns of HANDOFFS that a review reads."""

_CRITICAL = "critical"
_RANKS = (_CRITICAL, "high", "normal", "low")
_KIND = (*HOME, "journey_type")
_ARRIVED = pl.col("verdict").is_in(["delivered", "retried"])
_LOST = pl.col("verdict").is_in(["dropped", "stuck"])
_HOP = ("journey", "from_service", "from_team", "to_service", "to_team", "sent_at", "received_at")


def review(rows: pl.DataFrame, graph: nx.MultiDiGraph[int], criticality: Mapping[str, str]) -> Review:
    """The review of a map.

    Args:
        rows: HANDOFFS, of its columns at least REVIEWED.
        graph: the map of teams of the same rows.
        criticality: critical, high, normal or low of each declared journey type.
    """
    numbered = _numbered(rows)
    crossed = numbered.filter(pl.col("kind") != "step")
    journeys = _journeys(crossed, numbered)
    critical = sorted(name for name, rank in criticality.items() if rank == _CRITICAL)
    whole = journeys.filter("whole", pl.col("journey_type").is_in(critical))
    back, doubted = _returned(crossed, journeys)
    circles, more = cycles(graph)
    return Review(
        crossings=tuple(_crossings(crossed, journeys, criticality)),
        returns=tuple(_returns(back, journeys)),
        doubts=tuple(Doubt(**row) for row in doubted.iter_rows(named=True)),
        critical_types=tuple(critical),
        unseen_types=tuple(sorted(set(critical) - set(whole["journey_type"]))),
        points=tuple(_points(crossed, whole)),
        knots=tuple(knots(graph)),
        cycles=tuple(circles),
        more_cycles=more,
        weights=tuple(_weights(crossed, critical)),
    )


def _numbered(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows of journeys, with `journey`: 64 bits that stand for home and id.

    The seed is drawn anew each time, so that nobody can choose two that meet. Of a million two meet by chance with a
    probability of 1 in 4e7; then two journeys are counted as one, in that one answer.
    """
    known = rows.filter(pl.col("journey_id").is_not_null())
    return known.with_columns(pl.struct(*HOME, "journey_id").hash(secrets.randbits(64)).alias("journey"))


def _journeys(crossed: pl.DataFrame, numbered: pl.DataFrame) -> pl.DataFrame:
    """A row a journey that has handoffs.

    `journey`, HOME, `journey_type`, `journey_id`, `between` (UInt32: handoffs from team to team), `untold` (Boolean: a
    side is no team), `whole` (Boolean: nothing of it is dropped, stuck or pending).
    """
    teams = is_team("from_team") & is_team("to_team")
    gone = numbered.lazy().filter(_LOST | (pl.col("verdict") == "pending")).select("journey").unique()
    return (
        crossed.lazy()
        .group_by("journey")
        .agg(
            *(pl.col(name).first() for name in (*_KIND, "journey_id")),
            (teams & (pl.col("from_team") != pl.col("to_team"))).sum().alias("between"),
            (~teams).any().alias("untold"),
        )
        .join(gone.with_columns(pl.lit(value=False).alias("whole")), on="journey", how="left")
        .with_columns(pl.col("whole").fill_null(value=True))
        .collect()
    )


def _crossings(crossed: pl.DataFrame, journeys: pl.DataFrame, criticality: Mapping[str, str]) -> Iterator[Crossing]:
    sides = [
        crossed.lazy().filter(is_team(side)).select(*_KIND, pl.col(side).alias("team")).unique()
        for side in ("from_team", "to_team")
    ]
    teams = pl.concat(sides).group_by(_KIND).agg(pl.col("team").unique().sort().alias("teams"))
    told = (
        journeys.lazy()
        .group_by(_KIND)
        .agg(
            pl.len().alias("journeys"),
            pl.col("between").median().alias("between_median"),
            pl.col("between").max().alias("between_max"),
            pl.col("untold").sum(),
        )
        .join(teams, on=_KIND, how="left", nulls_equal=True)
        .collect()
    )
    known = {name: _RANKS.index(rank) for name, rank in criticality.items()}
    rank = pl.col("journey_type").replace_strict(known, default=len(_RANKS), return_dtype=pl.Int8)
    for row in told.sort(*HOME, rank, -pl.col("journeys").cast(pl.Int64), "journey_type").iter_rows(named=True):
        of_type = {"criticality": criticality.get(row["journey_type"]), "teams": tuple(row["teams"] or ())}
        yield Crossing(**{**row, **of_type})


def _returned(crossed: pl.DataFrame, journeys: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What `returns` finds for certain, and how many journeys of each type may come back besides."""
    hops = crossed.lazy().filter(_ARRIVED & pl.col("received_at").is_not_null()).select(_HOP).collect()
    sure = returns(hops)
    others = hops.join(sure, on="journey", how="anti")
    maybe = returns(others, strict=False).select("journey").unique()
    doubted = maybe.join(journeys, on="journey").group_by(_KIND).agg(pl.len().alias("journeys"))
    return sure, doubted.sort(-pl.col("journeys").cast(pl.Int64), *_KIND)


def _returns(back: pl.DataFrame, journeys: pl.DataFrame) -> Iterator[Return]:
    kinds = journeys.group_by(_KIND).agg(pl.len().alias("of"))
    told = (
        back.join(journeys, on="journey")
        .group_by(*_KIND, "team", "via")
        .agg(pl.len().alias("journeys"), pl.col("journey_id").min().alias("exemplar"))
        .join(kinds, on=_KIND, nulls_equal=True)
        .sort(-pl.col("journeys").cast(pl.Int64), *_KIND, "team", "via")
    )
    yield from (Return(**row) for row in told.iter_rows(named=True))


def _points(crossed: pl.DataFrame, whole: pl.DataFrame) -> Iterator[Point]:
    """What every whole journey passed, of each critical type of its home that has one."""
    totals = whole.group_by(_KIND).agg(pl.len().alias("of"))
    types = totals.group_by(HOME).agg(
        pl.len().alias("types"),
        pl.col("of").sum().alias("journeys"),
        pl.struct("journey_type", "of").sort().alias("journey_types"),
    )
    rows = crossed.lazy().join(whole.lazy().select("journey"), on="journey", how="semi")
    places = [("service", "from_service"), ("service", "to_service"), ("team", "from_team"), ("team", "to_team")]
    places += [("channel", "channel"), ("queue", "queue")]
    passed = [
        rows.filter(is_team(column)).select("journey", *_KIND, pl.lit(kind).alias("kind"), pl.col(column).alias("name"))
        for kind, column in places
    ]
    told = (
        pl.concat(passed)
        .group_by(*_KIND, "kind", "name")
        .agg(pl.col("journey").n_unique().alias("len"))
        .join(totals.lazy(), on=_KIND)
        .filter(pl.col("len") == pl.col("of"))
        .group_by(*HOME, "kind", "name")
        .agg(pl.len().alias("passing"))
        .join(types.lazy(), on=HOME)
        .filter(pl.col("passing") == pl.col("types"))
        .sort(*HOME, "kind", "name")
        .drop("passing", "types")
        .collect()
    )
    for row in told.iter_rows(named=True):
        kinds = {kind["journey_type"]: kind["of"] for kind in row["journey_types"]}
        yield Point(**{**row, "journey_types": kinds})


def _weights(crossed: pl.DataFrame, critical: list[str]) -> Iterator[Weight]:
    hit = pl.col("journey_type").is_in(critical).fill_null(value=False)
    same = (pl.col("from_team") == pl.col("to_team")).fill_null(value=False)
    # A team that sends to itself over what another owns, or nobody, depends on that as any two teams do.
    over_its_own = pl.col("channel_team").is_null() | (pl.col("channel_team") == pl.col("from_team"))
    within = is_team("from_team") & same & over_its_own

    def count(of: pl.Expr, name: str) -> pl.Expr:
        return pl.col("journey").filter(of).n_unique().alias(name)

    told = (
        between(crossed.filter(~within).select(*BOUNDARY, "journey", "journey_type", "verdict"))
        .lazy()
        .group_by(BOUNDARY)
        .agg(
            count(hit & _LOST, "critical_lost"),
            count(_LOST, "lost"),
            count(hit, "critical"),
            pl.col("journey").n_unique().alias("journeys"),
        )
        .collect()
    )
    order = ["critical_lost", "lost", "critical", "journeys"]
    ranked = told.sort(*order, *BOUNDARY, descending=[True] * len(order) + [False] * len(BOUNDARY))
    yield from (Weight(**row) for row in ranked.iter_rows(named=True))
