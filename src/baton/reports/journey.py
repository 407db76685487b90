"""`baton journey` for a terminal: a timeline with a lane a team, the handoffs across, where it stopped and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from rich.table import Table

from baton.limits import INDENT_MAX, JOURNEY_LINES_MAX
from baton.reports.lanes import Lanes
from baton.reports.table import STYLES, bullets, grid, line, owner, party, receiver, render, sender, some, way
from baton.reports.times import duration, rfc3339
from baton.schema import VERDICTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rich.console import RenderableType
    from rich.text import Text

    from baton.reports.model import Journey, SpanLine

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LOST = frozenset({"dropped", "stuck"})


@dataclass(frozen=True, slots=True)
class _Event:
    """A line of the timeline. Lines at one time keep spans before the handoffs that leave them.

    `interest` is 0 for handoffs that did not arrive, 1 for other handoffs, errors and spans at an edge, 2 for the rest.
    """

    at_us: int
    order: int
    interest: int
    took: str
    lanes: str
    text: Text


def as_text(journey: Journey, *, width: int, color: bool) -> str:
    """The journey as text of at most `width` columns."""
    return render(_parts(journey), width=width, color=color)


def _parts(journey: Journey) -> Iterator[RenderableType]:
    """The journey, top to bottom."""
    yield line(f"Journey {journey.journey_id}", "bold")
    yield grid((label, line(value)) for label, value in _facts(journey))
    yield ""
    yield from _timeline(journey)
    yield ""
    if journey.stopped is None:
        yield line("No handoff of this journey was dropped or is stuck.", "bold")
    else:
        yield line(f"Stopped: {journey.stopped}", STYLES["dropped"])
    yield bullets(some([sentence for row in journey.handoffs if row["verdict"] in _LOST for sentence in _verdict(row)]))


def _facts(journey: Journey) -> Iterator[tuple[str, str]]:
    """Label and value of what is known about it as a whole."""
    if journey.journey_type is not None:
        yield "type", f"{journey.journey_type}, owned by {owner(journey.owner)}"
    if journey.correlation is not None:
        yield "correlation", journey.correlation
    starts = [span.start_ns for span in journey.spans if span.start_ns]
    if starts:
        last = max(span.end_ns for span in journey.spans)
        yield "began", f"{rfc3339(min(starts))}, lasted {duration(max(0, last - min(starts)))}"
    verdicts = [row["verdict"] for row in journey.handoffs]
    figures = ", ".join(f"{verdicts.count(verdict):,} {verdict}" for verdict in VERDICTS if verdict in verdicts)
    yield "handoffs", figures or "none"


def _timeline(journey: Journey) -> Iterator[RenderableType]:
    """The lanes' heads, and a line an event."""
    lanes = Lanes(_parties(journey))
    events = [*(_span(span, lanes) for span in journey.spans), *(_handoff(row, lanes) for row in journey.handoffs)]
    shown = sorted(
        sorted(events, key=lambda event: (event.interest, event.at_us, event.order))[:JOURNEY_LINES_MAX],
        key=lambda event: (event.at_us, event.order),
    )
    origin_us = min((event.at_us for event in events if event.at_us), default=0)
    table = Table.grid(padding=(0, 2))
    for justify in ("right", "right", "left"):
        table.add_column(justify=justify, no_wrap=True)
    table.add_column(overflow="fold")
    for head in lanes.heads():
        table.add_row("", "", head[0], line(head[1], "bold"))
    for event in shown:
        table.add_row(
            f"+{(event.at_us - origin_us) / 1000:,.1f} ms" if event.at_us else "no time",
            event.took,
            event.lanes,
            event.text,
        )
    yield table
    if len(events) > len(shown):
        yield line(f"{len(events) - len(shown):,} lines of less interest are left out.")


def _parties(journey: Journey) -> list[str]:
    """Teams by first appearance, an unowned service as a team of its own; a receiver never seen has a lane too."""
    seen = [(span.start_ns // 1000, 0, party(span.team, span.service)) for span in journey.spans]
    for row in journey.handoffs:
        ends = enumerate((sender(row), receiver(row)), start=1)
        seen += [(_us(row["sent_at"]), order, end) for order, end in ends if end is not None]
    return list(dict.fromkeys(end for _, _, end in sorted(seen)))


def _span(span: SpanLine, lanes: Lanes) -> _Event:
    """A span's line."""
    text = line(f"{' ' * min(span.depth, INDENT_MAX)}{span.service}  {span.name}")
    failed = span.status == "error"
    if failed:
        text.append("  error", STYLES["dropped"])
    took = duration(span.end_ns - span.start_ns) if span.end_ns >= span.start_ns else "?"
    interest = 1 if failed or span.role is not None else 2
    return _Event(span.start_ns // 1000, 0, interest, took, lanes.at(party(span.team, span.service)), text)


def _handoff(row: Mapping[str, Any], lanes: Lanes) -> _Event:
    """A handoff's line, right under the span that sent it."""
    verdict = row["verdict"]
    to = receiver(row)
    why = f": {row['cause']} ({row['confidence']})" if row["cause"] is not None else ""
    late = " late" if row["late"] else ""
    text = line(f"{verdict}{late} → {to or 'unknown receiver'}{way(row)}{why}", STYLES[verdict])
    took = "" if row["received_at"] is None else duration((_us(row["received_at"]) - _us(row["sent_at"])) * 1000)
    drawn = lanes.between(sender(row), to, verdict)
    return _Event(_us(row["sent_at"]), 1, 0 if verdict in _LOST else 1, took, drawn, text)


def _verdict(row: Mapping[str, Any]) -> Iterator[str]:
    """Why a handoff is held to be lost, and whom that concerns."""
    yield from row["evidence"] or []
    if row["accountable_team"] is not None:
        yield f"accountable: {owner(row['accountable_team'])}"
    elif row["next_to_ask"] is not None:
        yield f"ask next: {row['next_to_ask']}"


def _us(time: datetime) -> int:
    """Microseconds since 1970: a row as a dict holds no finer times."""
    return (time - _EPOCH) // _MICROSECOND
