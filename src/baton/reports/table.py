"""Rich's tables and text as plain strings: no console, no markup, no guess at the terminal.

Every renderer for terminals ends in `render`; the command line measures the terminal and prints what comes back.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from baton.limits import LIST_LINES_MAX, NAMES_MAX
from baton.reports.text import shown
from baton.schema import UNOWNED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rich.console import RenderableType

STYLES = {
    "delivered": "green",
    "retried": "green",
    "dropped": "bold red",
    "stuck": "bold yellow",
    "unobserved": "magenta",
    "pending": "cyan",
}
"""Colour of a verdict. Every one of them stands beside the word itself."""


def render(parts: Iterable[RenderableType], *, width: int, color: bool) -> str:
    """The parts below each other as text of at most `width` columns, with ANSI colours only if `color`."""
    buffer = io.StringIO()
    console = Console(
        file=buffer,
        width=width,
        color_system="standard" if color else None,
        force_terminal=color,
        force_jupyter=False,
        markup=False,
        emoji=False,
        highlight=False,
        legacy_windows=False,
    )
    for part in parts:
        # Printing a Text forgets its own no_wrap.
        console.print(part, soft_wrap=isinstance(part, Text) and bool(part.no_wrap))
    return "".join(f"{line.rstrip()}\n" for line in buffer.getvalue().splitlines())


def way(row: Mapping[str, Any]) -> str:
    """How a handoff went: over its channel, or by a call; a step that was not taken went no way."""
    if row["kind"] == "step":
        return ""
    return " by call" if row["channel"] is None else f" over {row['channel']}"


def line(text: str, style: str = "") -> Text:
    """Whatever a span said, safe to show; wraps at spaces, and within a word longer than the line."""
    return Text(shown(text), style=style, overflow="fold")


def lines(*parts: Text) -> Text:
    """Several lines of one cell."""
    return Text("\n", overflow="fold").join(parts)


def grid(rows: Iterable[tuple[str, RenderableType]]) -> Table:
    """A label and its value a row."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for label, value in rows:
        table.add_row(line(label), value)
    return table


def bullets(sentences: Iterable[str]) -> Table:
    """A list, its lines indented under themselves."""
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for sentence in sentences:
        table.add_row("-", line(sentence))
    return table


def numbered(ordinal: str, sentence: Text) -> Table:
    """A sentence, its lines indented under themselves."""
    table = Table.grid()
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row(Text(ordinal, style="bold"), sentence)
    return table


def columns(heads: Sequence[tuple[str, bool]]) -> Table:
    """A table without rows; of each column its head, and whether it holds figures (to the right, never wrapped)."""
    table = Table(box=SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for head, figures in heads:
        table.add_column(head, justify="right" if figures else "left", no_wrap=figures, overflow="fold")
    return table


def names(values: Sequence[str]) -> str:
    """`a, b, c`: at most NAMES_MAX of them, the rest counted."""
    more = len(values) - NAMES_MAX
    return ", ".join(values[:NAMES_MAX]) + (f" and {more:,} more" if more > 0 else "")


def some(sentences: Sequence[str]) -> list[str]:
    """At most LIST_LINES_MAX of them, the rest counted in a last one."""
    more = len(sentences) - LIST_LINES_MAX
    return [*sentences[:LIST_LINES_MAX], *([f"and {more:,} more"] if more > 0 else [])]


def party(team: str, *services: str) -> str:
    """A team within a line; where there is none, the services that need one: `unowned legacy-batch`."""
    return f"{UNOWNED} {names(services)}" if team == UNOWNED and services else team


def sender(row: Mapping[str, Any]) -> str:
    """Who sent a handoff: `party` of a row of HANDOFFS as a dict."""
    return party(row["from_team"], row["from_service"])


def receiver(row: Mapping[str, Any]) -> str | None:
    """Who receives a handoff, likewise; None where nobody is known."""
    return None if row["to_team"] is None else party(row["to_team"], *filter(None, [row["to_service"]]))


def owner(team: str | None) -> str:
    """A team, or that there is none."""
    return "nobody (unowned)" if team in {None, UNOWNED} else str(team)
