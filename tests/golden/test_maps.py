"""Every form of a map, and of who, of a small bank, as people and programs read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import crossings
import incident
from baton.reports import dot, graphml, map_json, map_table, mermaid, who, who_json
from crossings import CRITICALITY, drawn

if TYPE_CHECKING:
    from collections.abc import Callable

    Golden = Callable[[str, str], None]

TEAMS = drawn(crossings.bank(), criticality=CRITICALITY)
SERVICES = drawn(crossings.bank(), "services", CRITICALITY)
EMPTY = drawn(crossings.bank().clear())

TERMINALS = {
    "map-teams": lambda **screen: map_table.as_table(TEAMS, **screen),
    "map-services": lambda **screen: map_table.as_table(SERVICES, **screen),
    "map-empty": lambda **screen: map_table.as_table(EMPTY, **screen),
    "who": lambda **screen: who.as_text(incident.WHO, **screen),
    "who-explained": lambda **screen: who.as_text(incident.WHO, explain=True, **screen),
    "who-service": lambda **screen: who.as_text(incident.WHO_SERVICE, explain=True, **screen),
    "who-parties": lambda **screen: who.as_text(incident.WHO_PARTIES, explain=True, **screen),
    "who-unowned": lambda **screen: who.as_text(incident.WHO_UNOWNED, **screen),
}

FILES = {
    "map-teams.mmd": lambda: mermaid.as_mermaid(TEAMS.graph),
    "map-teams.dot": lambda: dot.as_dot(TEAMS.graph),
    "map-teams.graphml": lambda: graphml.as_graphml(TEAMS.graph),
    "map-teams.json": lambda: map_json.as_node_link(TEAMS),
    "map-services.mmd": lambda: mermaid.as_mermaid(SERVICES.graph),
    "map-services.dot": lambda: dot.as_dot(SERVICES.graph),
    "map-hostile.mmd": lambda: mermaid.as_mermaid(drawn(crossings.hostile(), "services").graph),
    "map-hostile.dot": lambda: dot.as_dot(drawn(crossings.hostile(), "services").graph),
    "who-service.json": lambda: who_json.as_json(incident.WHO_SERVICE),
}


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("name", TERMINALS)
def test_terminal(name: str, width: int, golden: Golden) -> None:
    """What a terminal of 80 or 120 columns shows is what was last read and approved, and no line is wider."""
    text = TERMINALS[name](width=width, color=False)
    assert max(map(len, text.splitlines())) <= width
    golden(f"{name}.{width}.txt", text)


@pytest.mark.parametrize("name", FILES)
def test_file(name: str, golden: Golden) -> None:
    """What a file or a paste holds is what was last read and approved."""
    golden(name, FILES[name]())
