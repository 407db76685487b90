"""The map as JSON: networkx's node-link form, with the review beside it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from baton.reports.documents import as_json
from baton.reports.times import rfc3339

if TYPE_CHECKING:
    from baton.reports.map_model import Map


def as_node_link(drawn: Map) -> str:
    """`networkx.node_link_graph` reads it back; `review` has the fields of `map_model.Review`.

    Nodes have the attributes of MAP_NODES, edges those of MAP_EDGES; what is null of them is left out.
    """
    from networkx import node_link_data  # noqa: PLC0415 - it takes a fifth of a second

    since, until = (None if time is None else rfc3339(time) for time in (drawn.since_ns, drawn.until_ns))
    asked = {"as_of": rfc3339(drawn.as_of_ns), "since": since, "until": until, "journey_type": drawn.journey_type}
    linked = node_link_data(drawn.graph, edges="edges")
    return as_json({**linked, "graph": {**linked["graph"], **asked}, "review": asdict(drawn.review)})
