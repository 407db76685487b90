"""Whatever spans say, no drawing of a map obeys it: the forms are read back by strict readers."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET  # what is read here was written here
from dataclasses import replace
from typing import TYPE_CHECKING

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import crossings
from baton.limits import MERMAID_CHARS_MAX, MERMAID_EDGES_MAX
from baton.reports import dot, graphml, map_json, map_table, mermaid
from baton.reports.map_words import edges
from baton.reports.text import HIDDEN_PATTERN, clean, shown
from crossings import HOSTILE, START_NS, drawn, frame, hop

if TYPE_CHECKING:
    from baton.reports.map_model import Map

SIGNS = st.text('"\\<>&;#%-`\n[](){}|=/ ', min_size=1, max_size=9)
NAMES = st.one_of(st.sampled_from(HOSTILE), st.text(min_size=1, max_size=20), SIGNS)
EXAMPLES = 30
"""A map takes some 20 ms to make, and each holds several names."""
XML = "{http://graphml.graphdrawing.org/xmlns}"

# DOT's own grammar of what is used of it: a quoted string ends at the first quote that no backslash stands before.
STRING = r'"(?:[^"\\]|\\.)*"'
NODE = re.compile(rf"n(\d+) \[label=({STRING}), shape=[a-z]+(?:, style=[a-z]+)?\];")
EDGE = re.compile(rf"n(\d+) -> n(\d+) \[label=({STRING})(?:, color=red, fontcolor=red)?\];")
OTHER = re.compile(rf"digraph baton {{|rankdir=LR;|subgraph cluster_\d+ {{|label={STRING};|}}")

# Of Mermaid: nothing but these characters within quotes.
LABEL = r'"((?:[\w ,./-]|#\d+;)*)"'
BOX = re.compile(rf"n(\d+)(?:\(\[|\[\(|\[\[|\[|{{{{){LABEL}(?:\]\)|\)\]|\]\]|\]|}}}})")
ARROW = re.compile(rf"n(\d+) -->\|{LABEL}\| n(\d+)")
PLAIN = re.compile(rf"flowchart LR|subgraph g\d+\[{LABEL}\]|end|linkStyle [\d,]+ stroke:red,color:red")


def map_of(names: list[str], of: str = "services") -> Map:
    """A map in which every name, and every place and team, is one of these."""
    rows = [
        hop(
            one, two, names[0], journey=str(number), queue=names[-1], from_team=two, to_team=one, environment=names[0],
            journey_type=one, verdict="dropped" if number % 2 else "delivered",
        )
        for number, (one, two) in enumerate(zip(names, reversed(names), strict=True))
    ]  # fmt: skip
    return drawn(frame(*rows), of)


@settings(max_examples=EXAMPLES)
@given(st.lists(NAMES, min_size=1, max_size=4), st.sampled_from(["teams", "services"]))
def test_dot_is_read_back(names: list[str], of: str) -> None:
    """Line by line, and label by label, whatever the names: only what was meant is there."""
    graph = map_of(names, of).graph
    found: list[str] = []
    arrows = 0
    for text in dot.as_dot(graph).splitlines():
        if node := NODE.fullmatch(text.strip()):
            found.append(_undone(node[2]))
        elif EDGE.fullmatch(text.strip()):
            arrows += 1
        else:
            assert OTHER.fullmatch(text.strip()), text
    assert arrows == graph.number_of_edges()
    told = {shown(node["name"]) for _, node in graph.nodes(data=True)}
    assert {_bare(label) for label in found} == {_bare(name) for name in told}


def _undone(quoted: str) -> str:
    """What Graphviz shows of a quoted string."""
    text = re.sub(r"\\(.)", r"\1", quoted[1:-1])
    assert not re.search(r"&(?!amp;)", text)
    return text.replace("&amp;", "&")


def _bare(label: str) -> str:
    """A node's name without what is added to it."""
    return label.removesuffix(" (unowned)").removeprefix("one of ")


@settings(max_examples=EXAMPLES)
@given(st.lists(NAMES, min_size=1, max_size=4), st.sampled_from(["teams", "services"]))
def test_mermaid_is_read_back(names: list[str], of: str) -> None:
    """Likewise; a label holds nothing that Mermaid's own expressions look for."""
    graph = map_of(names, of).graph
    found: list[str] = []
    arrows = 0
    for text in mermaid.as_mermaid(graph).splitlines():
        if box := BOX.fullmatch(text.strip()):
            found.append(re.sub(r"#(\d+);", lambda code: chr(int(code[1])), box[2]))
        elif ARROW.fullmatch(text.strip()):
            arrows += 1
        else:
            assert PLAIN.fullmatch(text.strip()), text
    assert arrows == graph.number_of_edges()
    told = {shown(node["name"]) for _, node in graph.nodes(data=True)}
    assert {_bare(label) for label in found} == {_bare(name) for name in told}


@settings(max_examples=EXAMPLES)
@given(st.lists(NAMES, min_size=1, max_size=4), st.sampled_from(["teams", "services"]))
def test_graphml_is_read_back(names: list[str], of: str) -> None:
    """By an XML parser: every node, edge and name, cleaned; ids are one thing's only."""
    graph = map_of(names, of).graph
    root = ET.fromstring(graphml.as_graphml(graph).encode())  # noqa: S314 - it was written here
    keys = {key.get("id"): (key.get("for"), key.get("attr.name")) for key in root.iter(f"{XML}key")}
    nodes, arrows = list(root.iter(f"{XML}node")), list(root.iter(f"{XML}edge"))
    assert len({edge.get("id") for edge in arrows}) == len(arrows) == graph.number_of_edges()
    told = [next(data.text for data in node if keys[data.get("key")] == ("node", "name")) for node in nodes]
    expected = [_in_xml(clean(node["name"])) for _, node in graph.nodes(data=True)]
    assert [text or "" for text in told] == expected


def _in_xml(name: str) -> str:
    return name.replace("\ufffe", "\\ufffe").replace("\uffff", "\\uffff")


@settings(max_examples=EXAMPLES)
@given(st.lists(NAMES, min_size=1, max_size=4), st.sampled_from(["teams", "services"]))
def test_json_is_read_back(names: list[str], of: str) -> None:
    """By networkx: the same graph, names raw; and no hidden character stands in the text."""
    graph = map_of(names, of).graph
    text = map_json.as_node_link(map_of(names, of))
    assert not re.search(HIDDEN_PATTERN, text.replace("\n", ""))
    document = json.loads(text)
    back = nx.node_link_graph(document, edges="edges")
    assert dict(back.nodes(data=True)) == dict(graph.nodes(data=True))
    assert sorted(map(str, back.edges(data=True))) == sorted(map(str, graph.edges(data=True)))


@settings(max_examples=EXAMPLES)
@given(st.lists(NAMES, min_size=1, max_size=4), st.sampled_from(["teams", "services"]))
def test_a_terminal_obeys_nothing(names: list[str], of: str) -> None:
    """Of all that reaches a terminal nothing is hidden."""
    text = map_table.as_table(map_of(names, of), width=80, color=False)
    assert not re.search(HIDDEN_PATTERN, text.replace("\n", ""))


def test_mermaid_begins_no_list() -> None:
    """A name that begins as a Markdown list does is an entity there: Mermaid draws no lists, and no such name."""
    assert [mermaid.label(name) for name in ("- x", " 1. y", "trade-events")] == ["#45; x", " 1#46; y", "trade-events"]


def test_mermaid_draws_no_more_than_it_can() -> None:
    """Beyond its edges or characters the worst are drawn and the others counted; what is not drawn has no node."""
    names = [f"s{number}" for number in range(MERMAID_EDGES_MAX + 9)]
    text = mermaid.as_mermaid(drawn(frame(*(hop("gateway", name, to_team=name) for name in names))).graph)
    assert text.count("-->") == MERMAID_EDGES_MAX
    assert text.count('(["') == MERMAID_EDGES_MAX + 1
    assert f"{MERMAID_EDGES_MAX} of {MERMAID_EDGES_MAX + 9} edges, the worst first" in text
    names = [f"{number:03}" * 100 for number in range(300)]
    wide = mermaid.as_mermaid(drawn(frame(*(hop("gateway", name, to_team=name) for name in names))).graph)
    assert MERMAID_CHARS_MAX * 0.9 < len(wide) <= MERMAID_CHARS_MAX


def test_the_worst_edge_comes_first() -> None:
    """Dropped, then stuck, then how many."""
    rows = frame(
        *(hop("gateway", "trade") for _ in range(3)),
        hop("trade", "notify", verdict="stuck"),
        hop("trade", "risk", verdict="dropped"),
        hop("risk", "trade"),
    )
    worst = [(edge["dropped"], edge["stuck"], edge["handoffs"]) for *_, edge in edges(drawn(rows).graph)]
    assert worst == [(1, 0, 1), (0, 1, 1), (0, 0, 3), (0, 0, 1)]


def test_the_head_says_what_was_asked() -> None:
    """The window, the journey type and as of when."""
    one = replace(drawn(crossings.bank()), since_ns=START_NS, until_ns=START_NS + 1_000_000_000, journey_type="trade")
    text = map_table.as_table(one, width=200, color=False)
    assert (
        "sent in journeys of type trade since 2026-03-14 09:00:00 UTC until 2026-03-14 09:00:01 UTC, judged as of"
    ) in text


@pytest.mark.parametrize(
    ("hops", "words"), [((), "widen --since and --until"), ((hop("a", "b"),), "no journey type is declared critical")]
)
def test_what_cannot_be_told_is_said(hops: tuple[dict[str, object], ...], words: str) -> None:
    """Of an empty map, and of one without critical types."""
    assert words in map_table.as_table(drawn(frame(*hops)), width=200, color=False)
