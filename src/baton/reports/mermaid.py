"""The map as a Mermaid flowchart, such as Markdown on GitHub and GitLab draws.

Names are whatever a sender wrote, and Mermaid reads its source with regular expressions before it parses it: a comment,
a directive, a style or the word `end` is seen wherever it stands, within quotes or not. So ids are numbers, labels are
quoted, and of a label nothing but letters, digits, spaces and `, . _ - /` stands as it is: all else is an entity code
(`#35;`), which Mermaid turns into the character when it draws. So is what begins a list, which Mermaid refuses to draw.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from baton.limits import MERMAID_CHARS_MAX, MERMAID_EDGES_MAX
from baton.reports import map_words
from baton.reports.text import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import networkx as nx

    from baton.reports.map_words import Edge

_PLAIN = frozenset(" ,._-/")
# Labels are read as Markdown too.
_LIST = re.compile(r" *(?:-|[0-9]+\.)")
_SHAPES = {
    "team": ("([", "])"),
    "service": ("[", "]"),
    "channel": ("[(", ")]"),
    "queue": ("[[", "]]"),
    "several": ("{{", "}}"),
    "unknown": ("{{", "}}"),
}


def as_mermaid(graph: nx.MultiDiGraph[int]) -> str:
    """The map as a flowchart; what lost handoffs is red.

    Mermaid draws no more than MERMAID_EDGES_MAX edges and MERMAID_CHARS_MAX characters: beyond that the edges that lost
    most and then carry most are drawn, and a comment counts the others.
    """
    edges = map_words.edges(graph)
    count = min(len(edges), MERMAID_EDGES_MAX)
    while len(text := "".join(f"{line}\n" for line in _lines(graph, edges, count))) > MERMAID_CHARS_MAX and count:
        count = min(count - 1, count * MERMAID_CHARS_MAX // len(text))
    return text


def label(text: str) -> str:
    """A text within quotes, inert."""
    safe = shown(text)
    mark = begun.end() - 1 if (begun := _LIST.match(safe)) else None
    return "".join(
        one if (one in _PLAIN or one.isalnum()) and at != mark else f"#{ord(one)};" for at, one in enumerate(safe)
    )


def _lines(graph: nx.MultiDiGraph[int], edges: Sequence[Edge], count: int) -> Iterator[str]:
    """The flowchart of the first so many edges."""
    drawn = edges[:count]
    yield "flowchart LR"
    if count < len(edges):
        yield f"  %% {count} of {len(edges)} edges, the worst first. Mermaid draws no more, other formats do."
    touched = {node for source, target, _ in drawn for node in (source, target)}
    for number, (name, nodes) in enumerate(map_words.groups(graph).items(), start=1):
        inner = [_node(graph, node) for node in nodes if node in touched]
        if name and inner:
            yield f'  subgraph g{number}["{label(name)}"]'
            yield from (f"    {line}" for line in inner)
            yield "  end"
        else:
            yield from (f"  {line}" for line in inner)
    for source, target, edge in drawn:
        yield f'  n{source} -->|"{label(map_words.edge_words(edge))}"| n{target}'
    red = [str(number) for number, (_, _, edge) in enumerate(drawn) if map_words.lossy(edge)]
    if red:
        yield f"  linkStyle {','.join(red)} stroke:red,color:red"


def _node(graph: nx.MultiDiGraph[int], number: int) -> str:
    node = graph.nodes[number]
    opening, closing = _SHAPES[node["kind"]]
    return f'n{number}{opening}"{label(map_words.node_words(node))}"{closing}'
