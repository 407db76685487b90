"""What the drawings of a map share: the words at nodes and edges, and which edge comes first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from baton.reports.times import duration
from baton.schema import UNOWNED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import networkx as nx

    Attributes = Mapping[str, Any]
    Edge = tuple[int, int, Attributes]

_SHOWN = ("dropped", "stuck", "unobserved", "late")


def edges(graph: nx.MultiDiGraph[int]) -> list[Edge]:
    """Source, target and attributes of the edges, the worst first, as boundaries are told."""
    return sorted(
        graph.edges(data=True),
        key=lambda edge: (*(-edge[2][name] for name in ("dropped", "stuck", "handoffs")), edge[:2], edge[2]["kind"]),
    )


def groups(graph: nx.MultiDiGraph[int]) -> dict[str, list[int]]:
    """Label -> nodes that are drawn together: of a map of services those of a team; one label is empty."""
    found: dict[str, list[int]] = {}
    several = len(homes(graph)) > 1
    for number, node in graph.nodes(data=True):
        words = [team(node)] if graph.graph["of"] == "services" and "team" in node else []
        words += [home(graph, node)] if several else []
        found.setdefault(", ".join(words), []).append(number)
    return found


def homes(graph: nx.MultiDiGraph[int]) -> set[tuple[str, str]]:
    """Tenants and environments of its nodes."""
    return {(node["tenant"], node["environment"]) for _, node in graph.nodes(data=True)}


def home(graph: nx.MultiDiGraph[int], node: Attributes) -> str:
    """Where a node is, as far as the map's nodes differ in it; empty where they do not."""
    return where(node["tenant"], node["environment"], homes(graph))


def where(tenant: str, environment: str, among: Iterable[tuple[str, str]]) -> str:
    """`tenant acme, environment prod`: those parts in which it differs from others; empty where it is the only one."""
    tenants, environments = (set(part) for part in zip(*among, strict=True))
    parts = [f"tenant {tenant}"] if len(tenants) > 1 else []
    parts += [f"environment {environment or 'none stated'}"] if len(environments) > 1 else []
    return ", ".join(parts)


def team(node: Attributes) -> str:
    """A node's owner."""
    return "owned by nobody" if node["team"] == UNOWNED else str(node["team"])


def node_words(node: Attributes) -> str:
    """A node's name; where its kind is not plain from the drawing, that too."""
    if node["kind"] == "several":
        return f"one of {node['name']}"
    if node.get("team") == UNOWNED:
        return f"{node['name']} (unowned)"
    return str(node["name"])


def edge_words(edge: Attributes) -> str:
    """`60 handoffs, 3 dropped, p50 12.0 ms, p99 3.1 s`."""
    count = edge["handoffs"]
    words = [f"{count:,} {'call' if edge['kind'] == 'call' else 'message'}{'' if count == 1 else 's'}"]
    words += [f"{edge[name]:,} {name}" for name in _SHOWN if edge[name]]
    words += [f"{name[:3]} {duration(round(edge[name] * 1_000_000))}" for name in ("p50_ms", "p99_ms") if name in edge]
    return ", ".join(words)


def lossy(edge: Attributes) -> bool:
    """Whether something was dropped or is stuck there."""
    return bool(edge["dropped"] or edge["stuck"])
