from __future__ import annotations

from typing import TYPE_CHECKING, Any

import crossings
from baton.maps.graph import service_graph, team_graph
from baton.schema import MAP_EDGES, MAP_NODES
from crossings import frame, hop

if TYPE_CHECKING:
    import networkx as nx
    import polars as pl


def services(rows: pl.DataFrame) -> nx.MultiDiGraph[int]:
    """The map of services."""
    return service_graph(rows, lambda names, kind: dict.fromkeys(names, f"{kind} owner"))


def ways(graph: nx.MultiDiGraph[int]) -> dict[tuple[str, str, str], dict[str, Any]]:
    """Edges by the names of their ends, and their kind."""
    names = {number: f"{node['kind']} {node['name']}" for number, node in graph.nodes(data=True)}
    return {(names[one], names[two], edge["kind"]): edge for one, two, edge in graph.edges(data=True)}


def test_teams_hand_to_each_other() -> None:
    """An edge a direction and kind, with what became of the handoffs and how long they took."""
    graph = ways(team_graph(crossings.bank()))
    edge = graph["team trading", "team messages", "message"]
    assert (edge["handoffs"], edge["delivered"], edge["dropped"], edge["late"]) == (12, 10, 2, 1)
    assert (edge["p50_ms"], edge["p99_ms"], edge["channels"]) == (47.0, 51.0, ["orders"])
    assert graph["team wealth", "team trading", "call"]["handoffs"] == 12
    assert graph["team wealth", "team trading", "call"]["channels"] == []


def test_every_handoff_is_on_one_edge_of_the_map_of_teams() -> None:
    """Nothing is left out, whoever owns it; a step that was not taken is no handoff between parties."""
    rows = crossings.bank()
    graph = team_graph(rows)
    assert sum(edge["handoffs"] for *_, edge in graph.edges(data=True)) == rows.height
    assert not team_graph(frame(hop("trade", "notify", kind="step", verdict="dropped"))).nodes


def test_what_nobody_can_tell_is_no_team() -> None:
    """An unowned service stands for itself; an unknown receiver, or one of several, is neither team nor service."""
    graph = ways(team_graph(crossings.bank()))
    assert ("team wealth", "unknown unknown receiver", "message") in graph
    assert ("team wealth", "several messages | sms", "message") in graph
    assert ("service legacy", "team trading", "call") in graph


def test_a_message_goes_by_its_channel_and_queue() -> None:
    """It is counted on each edge of its way; the time that it took stands at the last."""
    graph = ways(services(frame(hop("trade", "notify", "orders", queue="orders-q"))))
    assert [(*way[:2], edge.get("p50_ms")) for way, edge in graph.items()] == [
        ("service trade", "channel orders", None),
        ("channel orders", "queue orders-q", None),
        ("queue orders-q", "service notify", 5.0),
    ]


def test_ways_that_are_known_in_part() -> None:
    """Without channel, queue or receiver it goes as far as is known; a queue of the channel's name is that place."""
    rows = frame(
        hop("a", "b", "orders"),
        hop("c", "d", None, kind="message", queue="q"),
        hop("e", None, "lost", verdict="unobserved"),
        hop("f", "g", "same", queue="same"),
        hop("h", "i", None, kind="message"),
        hop("j", None, verdict="unobserved"),
    )
    assert {(one, two) for one, two, _ in ways(services(rows))} == {
        ("service a", "channel orders"),
        ("channel orders", "service b"),
        ("service c", "queue q"),
        ("queue q", "service d"),
        ("service e", "channel lost"),
        ("service f", "channel same"),
        ("channel same", "service g"),
        ("service h", "service i"),
        ("service j", "unknown unknown receiver"),
    }


def test_places_are_owned_by_their_own_names() -> None:
    """Whoever owns the queue does not own the channel; a service whose spans are of two teams is of both."""
    rows = frame(
        hop("trade", "notify", "orders", queue="orders-q"), hop("trade", "notify", "orders", from_team="other")
    )
    owners = {node["name"]: node["team"] for _, node in services(rows).nodes(data=True)}
    assert owners == {
        "trade": "other | trading",
        "notify": "messages",
        "orders": "channel owner",
        "orders-q": "queue owner",
    }


def test_homes_are_apart() -> None:
    """The same team in two environments is two nodes, and no edge leads from one to the other."""
    graph = team_graph(frame(hop("gateway", "trade"), hop("gateway", "trade", environment="test")))
    assert graph.number_of_nodes() == 4
    for one, two in graph.edges():
        assert graph.nodes[one]["environment"] == graph.nodes[two]["environment"]


def test_attributes_are_those_of_the_schema() -> None:
    """In its order; what is null is left out."""
    for graph in (team_graph(crossings.bank()), services(crossings.bank())):
        for _, node in graph.nodes(data=True):
            assert list(node) == [name for name in MAP_NODES.names if name in node]
        for *_, edge in graph.edges(data=True):
            assert list(edge) == [name for name in MAP_EDGES.names if name in edge]
            assert None not in edge.values()
