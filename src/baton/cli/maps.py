"""The command that draws who hands to whom."""
# ruff: noqa: PLC0415 # late imports, see `baton.cli`

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Unpack

import click

from baton.cli.options import WINDOW, Asked, format_option, question_of
from baton.cli.output import screen, write

if TYPE_CHECKING:
    from baton.reports.map_model import Map


@click.command("map")
@WINDOW
@click.option(
    "--graph",
    type=click.Choice(("teams", "services")),
    default="teams",
    show_default=True,
    help="Teams, or services with their channels and queues.",
)
@click.option("--journey-type", metavar="NAME", help="Only this declared journey type.")
@format_option("table", "mermaid", "dot", "graphml", "json")
def draw(output: str, graph: Literal["teams", "services"], **asked: Unpack[Asked]) -> None:
    """Map who hands to whom, and what all journeys depend on.

    The table and JSON also have a review: the teams that each journey type crosses, journeys that come back to a team
    they left, what all critical journeys pass, cycles between teams, the boundary with the most impact.
    """
    from baton import queries

    write(_drawn(queries.map_of(question_of(asked), graph), output))


def _drawn(drawn: Map, output: str) -> str | bytes:
    """The map as people's text or programs' bytes."""
    from baton.reports import dot, graphml, map_json, map_table, mermaid

    if output == "table":
        return map_table.as_table(drawn, **screen())
    if output == "json":
        return map_json.as_node_link(drawn).encode()
    writers = {"mermaid": mermaid.as_mermaid, "dot": dot.as_dot, "graphml": graphml.as_graphml}
    return writers[output](drawn.graph).encode()


COMMANDS = (draw,)
