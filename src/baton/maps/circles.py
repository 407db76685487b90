"""Teams that hand to each other in a circle, in whatever journeys: such teams cannot be understood one by one."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from baton.limits import MAP_CYCLE_TEAMS_MAX, MAP_CYCLES_MAX
from baton.maps.graph import HOME
from baton.reports.map_model import Cycle, Knot

if TYPE_CHECKING:
    from collections.abc import Iterator

    import networkx as nx


def knots(graph: nx.MultiDiGraph[int]) -> list[Knot]:
    """Of a map of teams, those that all reach each other, the largest first."""
    found = [Knot(*_home(graph, knot[0]), _names(graph, knot)) for knot in _knots(_teams(graph))]
    return sorted(found, key=lambda knot: (-len(knot.teams), knot.tenant, knot.environment, knot.teams))


def cycles(graph: nx.MultiDiGraph[int]) -> tuple[list[Cycle], bool]:
    """Of a map of teams its cycles, the shortest first, and whether there are more, or longer ones.

    At most MAP_CYCLES_MAX, each of at most MAP_CYCLE_TEAMS_MAX teams.
    """
    teams = _teams(graph)
    nodes = list(islice(_by_length(teams), MAP_CYCLES_MAX + 1))
    longer = any(len(knot) > MAP_CYCLE_TEAMS_MAX for knot in _knots(teams))
    return [_cycle(graph, teams, found) for found in nodes[:MAP_CYCLES_MAX]], longer or len(nodes) > MAP_CYCLES_MAX


def _teams(graph: nx.MultiDiGraph[int]) -> nx.DiGraph[int]:
    """The owned teams among its nodes, and how many handoffs go from one to another."""
    from networkx import DiGraph  # noqa: PLC0415 - as in `graph`

    teams: nx.DiGraph[int] = DiGraph()
    owned = {node for node, told in graph.nodes(data=True) if told["kind"] == "team"}
    for source, target, told in graph.edges(data=True):
        if source != target and {source, target} <= owned:
            before = teams[source][target]["handoffs"] if teams.has_edge(source, target) else 0
            teams.add_edge(source, target, handoffs=before + told["handoffs"])
    return teams


def _knots(teams: nx.DiGraph[int]) -> list[list[int]]:
    from networkx import strongly_connected_components  # noqa: PLC0415 - as in `graph`

    return [sorted(knot) for knot in strongly_connected_components(teams) if len(knot) > 1]


def _by_length(teams: nx.DiGraph[int]) -> Iterator[tuple[int, ...]]:
    """Cycles within each knot, each from its first node on: nodes are numbered by name."""
    from networkx import simple_cycles  # noqa: PLC0415 - as in `graph`

    parts = [teams.subgraph(knot) for knot in sorted(_knots(teams))]
    for length in range(2, MAP_CYCLE_TEAMS_MAX + 1):
        for part in parts:
            # A bound of n finds shorter ones too, in between: they were told before.
            found = (tuple(cycle) for cycle in simple_cycles(part, length_bound=length) if len(cycle) == length)
            yield from sorted(_turned(cycle) for cycle in islice(found, MAP_CYCLES_MAX + 1))


def _turned(cycle: tuple[int, ...]) -> tuple[int, ...]:
    first = cycle.index(min(cycle))
    return cycle[first:] + cycle[:first]


def _cycle(graph: nx.MultiDiGraph[int], teams: nx.DiGraph[int], nodes: tuple[int, ...]) -> Cycle:
    around = zip(nodes, (*nodes[1:], nodes[0]), strict=True)
    fewest = min(teams[source][target]["handoffs"] for source, target in around)
    return Cycle(*_home(graph, nodes[0]), _names(graph, nodes), fewest)


def _home(graph: nx.MultiDiGraph[int], node: int) -> tuple[str, str]:
    tenant, environment = (graph.nodes[node][part] for part in HOME)
    return tenant, environment


def _names(graph: nx.MultiDiGraph[int], nodes: list[int] | tuple[int, ...]) -> tuple[str, ...]:
    return tuple(graph.nodes[node]["name"] for node in nodes)
