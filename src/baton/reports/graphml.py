"""The map as GraphML, which yEd, Gephi and networkx read.

XML cannot hold every character, in whatever spelling: hidden ones are cleaned as for people, and so are those that are
no character in XML 1.0.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from baton.reports.text import clean, json_escaped

if TYPE_CHECKING:
    import networkx as nx

_NO_CHARACTER = re.compile("[\ufffe\uffff]")


def as_graphml(graph: nx.MultiDiGraph[int]) -> str:
    """The map with the attributes of MAP_NODES and MAP_EDGES, `channels` as the text of a JSON array."""
    import networkx as nx  # noqa: PLC0415 - it takes a fifth of a second

    told: nx.MultiDiGraph[int] = nx.MultiDiGraph(**_told(graph.graph))
    told.add_nodes_from((node, _told(attributes)) for node, attributes in graph.nodes(data=True))
    # A key becomes the edge's id, and an id is one edge's only.
    for number, (source, target, attributes) in enumerate(graph.edges(data=True), start=1):
        told.add_edge(source, target, key=number, **_told(attributes))
    return '<?xml version="1.0" encoding="utf-8"?>\n' + "".join(f"{line}\n" for line in nx.generate_graphml(told))


def _told(attributes: dict[str, Any]) -> dict[str, Any]:
    """Its values as GraphML can hold them."""
    return {name: _value(value) for name, value in attributes.items()}


def _value(value: object) -> object:
    if isinstance(value, list):
        value = json_escaped(json.dumps(value, ensure_ascii=False))
    return _NO_CHARACTER.sub(lambda found: f"\\u{ord(found[0]):04x}", clean(value)) if isinstance(value, str) else value
