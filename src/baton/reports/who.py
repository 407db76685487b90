"""`baton who` for a terminal: the owner, how to reach them, and who depends on what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from baton.reports.table import bullets, grid, line, owner, render, some
from baton.schema import UNOWNED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from baton.reports.model import Who


def as_text(who: Who, *, width: int, color: bool) -> str:
    """The answer as text of at most `width` columns."""
    return render(_parts(who), width=width, color=color)


def _parts(who: Who) -> Iterator[RenderableType]:
    """The answer, top to bottom."""
    yield line(f"{who.name}: {who.kind}, owned by {owner(who.team)}", "bold")
    yield ""
    yield grid((label, line(value)) for label, value in _facts(who))
    yield ""
    yield from _list("Journeys that depend on it", [f"{kind}: {count:,}" for kind, count in who.journeys])
    yield from _list("Upstream", [_upstream(*link) for link in who.upstream])


def _facts(who: Who) -> Iterator[tuple[str, str]]:
    """Owner, escalation, contact, and the rules that say so."""
    yield "owner", owner(who.team)
    if who.team != UNOWNED:
        yield "escalation", who.escalation or "none stated: add `escalation` to the team in ownership.yaml"
        if who.contact:
            yield "contact", who.contact
    if who.rules:
        yield "by rule", "; ".join(who.rules)
    elif who.team == UNOWNED:
        yield "by rule", f"none matches: add the {who.kind} to a team's `owns` in ownership.yaml"


def _upstream(service: str, team: str, channel: str | None, handoffs: int) -> str:
    """`trade-execution of trading over wealth.events: 60 handoffs`."""
    way = "by call" if channel is None else f"over {channel}"
    return f"{service} of {owner(team)} {way}: {handoffs:,} handoff{'' if handoffs == 1 else 's'}"


def _list(title: str, sentences: list[str]) -> Iterator[RenderableType]:
    """A titled list, or that it is empty."""
    yield line(title if sentences else f"{title}: none seen.", "bold")
    yield bullets(some(sentences))
