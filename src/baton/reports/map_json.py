"""The map as JSON: networkx's node-link form, with the review beside it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from baton.reports.documents import as_json

if TYPE_CHECKING:
    from baton.reports.map_model import Map


def as_node_link(drawn: Map) -> str:
    """`networkx.node_link_graph` reads it back; `review` has the fields of `map_model.Review`.

    Nodes have the attributes of MAP_NODES, edges those of MAP_EDGES; what is null of them is left out.
    """
    from networkx import node_link_data  # noqa: PLC0415 - it takes a fifth of a second

    names = ("as_of_ns", "since_ns", "until_ns", "journey_type")
    asked = {name: getattr(drawn, name) for name in names}
    linked = node_link_data(drawn.graph, edges="edges")
    return as_json({**linked, "graph": {**linked["graph"], **asked}, "review": asdict(drawn.review)})
