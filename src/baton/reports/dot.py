r"""The map in Graphviz's DOT language.

Names are whatever a sender wrote, so ids are numbers and every text is a quoted string. Within one, by the language's
grammar, only a quote has to be escaped; but a label reads backslashes (`\N` is the node's id) and HTML entities, so
both are spelled out. A line feed and other hidden characters are cleaned.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from baton.reports import map_words
from baton.reports.text import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    import networkx as nx

_STYLES = {
    "team": "shape=box, style=rounded",
    "service": "shape=box",
    "channel": "shape=cylinder",
    "queue": "shape=cds",
    "several": "shape=box, style=dashed",
    "unknown": "shape=box, style=dashed",
}


def as_dot(graph: nx.MultiDiGraph[int]) -> str:
    """The map as a directed graph; what lost handoffs is red."""
    return "".join(f"{line}\n" for line in _lines(graph))


def quoted(text: str) -> str:
    """A text as a quoted string that is shown as it stands."""
    safe = shown(text).replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"')
    return f'"{safe}"'


def _lines(graph: nx.MultiDiGraph[int]) -> Iterator[str]:
    yield "digraph baton {"
    yield "  rankdir=LR;"
    for number, (label, nodes) in enumerate(map_words.groups(graph).items(), start=1):
        inner = [f"{_node(graph, node)}" for node in nodes]
        if label:
            yield f"  subgraph cluster_{number} {{"
            yield f"    label={quoted(label)};"
            yield from (f"    {line}" for line in inner)
            yield "  }"
        else:
            yield from (f"  {line}" for line in inner)
    for source, target, edge in map_words.edges(graph):
        red = ", color=red, fontcolor=red" if map_words.lossy(edge) else ""
        yield f"  n{source} -> n{target} [label={quoted(map_words.edge_words(edge))}{red}];"
    yield "}"


def _node(graph: nx.MultiDiGraph[int], number: int) -> str:
    node = graph.nodes[number]
    return f"n{number} [label={quoted(map_words.node_words(node))}, {_STYLES[node['kind']]}];"
