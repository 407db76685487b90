"""Commands that tell who hands to whom, and who owns what."""
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


@click.command()
@click.argument("name")
@WINDOW
@click.option("--explain", is_flag=True, help="Show every rule that matched, which one decided and why.")
@format_option("text", "json")
def who(name: str, output: str, *, explain: bool, **asked: Unpack[Asked]) -> None:
    """Say who owns NAME, and what owning it means.

    NAME is a service, a channel, a queue, a journey type, a team or an external party. Of a service: what it does, the
    journeys that depend on it, what it depends on, and how it runs.
    """
    from baton import queries
    from baton.reports import who, who_json

    answer = queries.who(question_of(asked), name)
    write(who_json.as_json(answer).encode() if output == "json" else who.as_text(answer, explain=explain, **screen()))


COMMANDS = (draw, who)
