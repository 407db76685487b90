"""The map: who hands to whom, teams or services, as a graph of networkx.

A handoff goes from its sender to its receiver. In the map of teams a party is its team; where nobody owns it the
service stands for itself, as at a boundary. In the map of services a message goes by its channel, and by its queue
where one is known, so it is counted on each edge of its way; from sent to received is measured, and shown, at the edge
into the receiver. What nobody can tell is no party: a receiver that is one of several is a node of its own, as is an
unknown one. A step that was not taken crossed nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from baton.schema import MAP_EDGES, MAP_NODES, SEVERAL, UNOWNED, VERDICTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import networkx as nx

    Owners = Callable[[list[str], Literal["channel", "queue"]], dict[str, str]]
    """The owner of each name, by kind (channel, queue)."""

HOME = ("tenant", "environment")
"""Nothing is handed from one home to another."""

MAPPED = (
    *HOME, "kind", "from_service", "from_team", "channel", "queue", "to_service", "to_team", "sent_at", "received_at",
    "verdict", "late",
)  # fmt: skip
"""Columns of HANDOFFS that a map is drawn from."""

_NODE = ("kind", "name", "team")
_NODE_KINDS = ("team", "service", "channel", "queue", "several", "unknown")
_PLACES: tuple[Literal["channel", "queue"], ...] = ("channel", "queue")
_UNKNOWN = "unknown receiver"


def team_graph(rows: pl.DataFrame) -> nx.MultiDiGraph[int]:
    """The map of teams.

    Args:
        rows: HANDOFFS, of its columns at least MAPPED.

    Returns:
        nodes 1, 2, 3 ... with the attributes of MAP_NODES; from one to another at most one edge for messages and one
        for calls, with those of MAP_EDGES. What is null is left out. The graph's own attribute `of` is teams, else
        services.
    """
    return _graph(_ways(rows).select(*HOME, *_party("from"), *_party("to"), *_MEASURED), "teams")


def service_graph(rows: pl.DataFrame, owners: Owners) -> nx.MultiDiGraph[int]:
    """The map of services, channels and queues; arguments and answer as of `team_graph`.

    Args:
        rows: likewise.
        owners: who owns channels and queues.
    """
    apart = pl.when(pl.col("queue") != pl.col("channel").fill_null("")).then("queue").alias("queue")
    ways = _ways(rows).with_columns(apart)
    channel, queue = (pl.col(kind) for kind in _PLACES)
    first = pl.when(channel.is_not_null()).then(pl.lit("channel")).otherwise(pl.lit("queue"))
    last = pl.when(queue.is_not_null()).then(pl.lit("queue")).otherwise(pl.lit("channel"))
    unmeasured = (*_COUNTED, pl.lit(None, dtype=pl.Float64).alias("latency_ms"))
    placed = ways.filter(pl.coalesce(channel, queue).is_not_null())
    edges = [
        placed.select(*HOME, *_service("from"), *_at("to", first, pl.coalesce(channel, queue)), *unmeasured),
        placed.filter(channel.is_not_null() & queue.is_not_null()).select(
            *HOME, *_at("from", pl.lit("channel"), channel), *_at("to", pl.lit("queue"), queue), *unmeasured
        ),
        placed.filter(pl.col("to_service").is_not_null()).select(
            *HOME, *_at("from", last, pl.coalesce(queue, channel)), *_service("to"), *_MEASURED
        ),
        ways.filter(channel.is_null() & queue.is_null()).select(*HOME, *_service("from"), *_service("to"), *_MEASURED),
    ]
    graph = _graph(pl.concat(edges), "services")
    for kind in _PLACES:
        nodes = [node for _, node in graph.nodes(data=True) if node["kind"] == kind]
        owned = owners(sorted({node["name"] for node in nodes}), kind)
        for node in nodes:
            node["team"] = owned[node["name"]]
    return graph


_COUNTED = (pl.col("kind").alias("way"), pl.col("channel"), pl.col("verdict"), pl.col("late"))
_MEASURED = (*_COUNTED, pl.col("latency_ms"))


def _ways(rows: pl.DataFrame) -> pl.LazyFrame:
    """The handoffs that crossed something, with `latency_ms`."""
    took = (pl.col("received_at") - pl.col("sent_at")).dt.total_nanoseconds() / 1_000_000
    return rows.lazy().filter(pl.col("kind") != "step").with_columns(took.alias("latency_ms"))


def _party(side: str) -> list[pl.Expr]:
    """Kind, name and team of a side in the map of teams."""
    team, service = pl.col(f"{side}_team"), pl.col(f"{side}_service")
    several = team.str.contains(SEVERAL, literal=True)
    alone = (team == UNOWNED) & service.str.contains(SEVERAL, literal=True)
    kind = (
        pl.when(team.is_null())
        .then(pl.lit("unknown"))
        .when(several | alone)
        .then(pl.lit("several"))
        .when(team == UNOWNED)
        .then(pl.lit("service"))
        .otherwise(pl.lit("team"))
    )
    name = pl.when(team == UNOWNED).then(service).otherwise(team).fill_null(_UNKNOWN)
    return [
        kind.alias(f"{side}_kind"),
        name.alias(f"{side}_name"),
        pl.when(~several & ~alone).then(team).alias(f"{side}_team"),
    ]


def _service(side: str) -> list[pl.Expr]:
    """Kind, name and team of a side in the map of services."""
    team, service = pl.col(f"{side}_team"), pl.col(f"{side}_service")
    several = service.str.contains(SEVERAL, literal=True)
    kind = (
        pl.when(service.is_null())
        .then(pl.lit("unknown"))
        .when(several)
        .then(pl.lit("several"))
        .otherwise(pl.lit("service"))
    )
    return [
        kind.alias(f"{side}_kind"),
        service.fill_null(_UNKNOWN).alias(f"{side}_name"),
        pl.when(~several).then(team).alias(f"{side}_team"),
    ]


def _at(side: str, kind: pl.Expr, name: pl.Expr) -> list[pl.Expr]:
    """A side that is a channel or queue; who owns it is asked by its name afterwards."""
    unknown = pl.lit(None, dtype=pl.String)
    return [kind.alias(f"{side}_kind"), name.alias(f"{side}_name"), unknown.alias(f"{side}_team")]


def _graph(crossings: pl.LazyFrame, of: str) -> nx.MultiDiGraph[int]:
    """The graph of these crossings: HOME, `from_*` and `to_*` (kind, name, team), `way`, and what is counted."""
    from networkx import MultiDiGraph  # noqa: PLC0415 - it takes a fifth of a second, and only maps need it

    sides = [f"{side}_{part}" for side in ("from", "to") for part in ("kind", "name")]
    figures = (
        crossings.group_by(*HOME, *sides, "way")
        .agg(
            pl.len().cast(pl.Int64).alias("handoffs"),
            *((pl.col("verdict") == verdict).sum().cast(pl.Int64).alias(verdict) for verdict in VERDICTS),
            pl.col("late").sum().cast(pl.Int64),
            pl.col("latency_ms").quantile(0.5).alias("p50_ms"),
            pl.col("latency_ms").quantile(0.99).alias("p99_ms"),
            pl.col("channel").drop_nulls().unique().sort().alias("channels"),
            pl.col("from_team").drop_nulls().unique(),
            pl.col("to_team").drop_nulls().unique(),
        )
        .collect()
    )
    graph: nx.MultiDiGraph[int] = MultiDiGraph(of=of)
    ids: dict[tuple[Any, ...], int] = {}
    for number, node in enumerate(_nodes(figures).iter_rows(named=True), start=1):
        ids[tuple(node[name] for name in (*HOME, "kind", "name"))] = number
        graph.add_node(number, **_told({**node, "id": number}, MAP_NODES.names[1:]))
    for edge in figures.sort(*HOME, *sides, "way").iter_rows(named=True):
        home = tuple(edge[name] for name in HOME)
        source, target = (ids[(*home, edge[f"{side}_kind"], edge[f"{side}_name"])] for side in ("from", "to"))
        graph.add_edge(source, target, **_told({**edge, "kind": edge["way"]}, MAP_EDGES.names[2:]))
    return graph


def _nodes(figures: pl.DataFrame) -> pl.DataFrame:
    """HOME, kind, name and team of every side that occurs; of a service whose spans are several teams', all of them."""
    sides = [
        figures.select(*HOME, *(pl.col(f"{side}_{part}").alias(part) for part in _NODE)) for side in ("from", "to")
    ]
    order = pl.col("kind").replace_strict({kind: at for at, kind in enumerate(_NODE_KINDS)}, return_dtype=pl.Int8)
    teams = pl.col("team").drop_nulls().unique().sort()
    return (
        pl.concat(sides)
        .explode("team", empty_as_null=True)
        .group_by(*HOME, "kind", "name")
        .agg(pl.when(teams.len() > 0).then(teams.str.join(SEVERAL)).alias("team"))
        .sort(*HOME, order, "name")
    )


def _told(row: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """These of its values that are there."""
    return {name: row[name] for name in names if row[name] is not None}
