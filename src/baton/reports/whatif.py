"""`baton whatif` for a terminal: of each queue the alternatives, and the one change that the replay supports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from baton.reports.table import bullets, columns, grid, line, owner, render
from baton.reports.times import duration

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType

    from baton.reports.model import Saving, WhatIf

_ASSUMED = (
    "receivers with more to do would have gone on at their usual pace",
    "sends would have come as they came, refused ones apart",
    "the rules are RabbitMQ's: drop-head evicts the highest priority first",
)


def as_text(answers: Sequence[WhatIf], why: str, *, width: int, color: bool) -> str:
    """The answers as text of at most `width` columns; where there are none, why."""
    return render(_parts(answers, why), width=width, color=color)


def _parts(answers: Sequence[WhatIf], why: str) -> Iterator[RenderableType]:
    """Queue by queue."""
    if not answers:
        yield line(f"Nothing to try, and nothing is recommended: {why}.")
    for number, answer in enumerate(answers):
        if number:
            yield ""
        yield from _queue(answer)


def _queue(answer: WhatIf) -> Iterator[RenderableType]:
    """One queue, top to bottom: what it was, the alternatives, the change."""
    yield line(f"What would have saved the {_lost(answer)} that {answer.queue} lost?", "bold")
    yield ""
    yield grid((label, line(value)) for label, value in _facts(answer))
    yield ""
    critical = answer.savings[0].lost_critical is not None
    heads = [("alternative", False), ("setting", False), *([("critical lost", True)] if critical else [])]
    table = columns([*heads, ("lost", True), ("late", True), ("longest wait", True), ("most waiting", True)])
    for saving in answer.savings:
        best = "bold green" if saving.alternative == answer.best else ""
        table.add_row(*(line(cell, best) for cell in _cells(saving, critical=critical)))
    yield table
    yield ""
    yield from _change(answer)
    yield bullets([*_warnings(answer), *_ASSUMED])


def _lost(answer: WhatIf) -> str:
    """`20 critical and 466 other messages`."""
    if not answer.lost_critical:
        return f"{answer.lost:,} messages"
    return f"{answer.lost_critical:,} critical and {answer.lost - answer.lost_critical:,} other messages"


def _facts(answer: WhatIf) -> Iterator[tuple[str, str]]:
    """What is known of the queue."""
    yield "owner", owner(answer.team)
    yield "queue", f"{answer.described}, as a replay tells (fit {answer.fit:.2f})"
    flow = f", {answer.critical:,} of them critical ({answer.flow})" if answer.critical else ""
    yield "sent", f"{answer.messages:,} messages{flow}"
    if answer.crowding:
        shares = ", ".join(f"{service} ({team}) held {share:.0%}" for service, team, share in answer.crowding)
        yield "crowded by", shares


def _cells(saving: Saving, *, critical: bool) -> Iterator[str]:
    yield saving.alternative
    yield saving.setting
    if critical:
        yield f"{saving.lost_critical or 0:,}"
    yield f"{saving.lost:,}" + (f" ({saving.held:,} held)" if saving.held else "")
    yield "-" if saving.late is None else f"{saving.late:,}"
    yield duration(saving.wait_ns)
    yield f"{saving.peak:,}"


def _change(answer: WhatIf) -> Iterator[RenderableType]:
    """The one change, or why there is none."""
    if answer.best is None:
        yield line(f"Recommended: nothing; {answer.why}.", "bold")
        return
    setting = next(one.setting for one in answer.savings if one.alternative == answer.best)
    yield line(f"Recommended: {answer.best} ({setting}): {answer.why}.", "bold")
    reach = f", escalation {answer.escalation}" if answer.escalation else ""
    yield line(f"Owner of the change: {owner(answer.owner)}{reach}")


def _warnings(answer: WhatIf) -> Iterator[str]:
    """How near the model is, and which alternatives would have made it worse."""
    was = answer.savings[0]
    yield (
        f"the model of the queue as it was loses {was.lost:,} messages; of those lost in truth, in the model or in "
        f"both, {answer.agreement:.0%} are lost in both"
    )
    yield from _memory(answer)
    worse = [one for one in answer.savings[1:] if (one.lost_critical or 0) > (was.lost_critical or 0)]
    if worse:
        told = "; ".join(f"{one.alternative} ({one.lost_critical:,})" for one in worse)
        yield f"worse for the critical flow, which lost {was.lost_critical:,}: {told}"


def _memory(answer: WhatIf) -> Iterator[str]:
    """What a queue without limit would have held."""
    free = answer.unlimited
    if free is None:
        return
    if answer.sized is None:
        yield f"{free.alternative}: {free.peak:,} messages at most; how much memory they take, no span says"
        return
    mean, count = answer.sized
    yield (
        f"{free.alternative}: {free.peak:,} messages at most, {_size(free.peak * mean)} without the broker's own "
        f"overhead (mean size {_size(mean)}, as {count:,} sends say)"
    )


def _size(count: int) -> str:
    """`1.2 MB`; powers of 1,000."""
    for unit, scale in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= scale:
            return f"{count / scale:,.1f} {unit}"
    return f"{count} B"
