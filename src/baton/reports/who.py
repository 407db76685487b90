"""`baton who` for a terminal: whose it is and why, how to reach them, and what owning it means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from baton.limits import LIST_LINES_MAX
from baton.reports.table import bullets, columns, grid, line, lines, names, owner, render, some
from baton.reports.times import duration, moment
from baton.schema import UNOWNED, VERDICTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rich.console import RenderableType

    from baton.reports.who_model import (
        Dependency,
        Figures,
        Holding,
        Link,
        Matched,
        Operation,
        Party,
        Thing,
        Use,
        Verdict,
        Who,
    )

_PARTIES = ("team", "external party")
_OUTCOMES = {
    "decides": "decides",
    "tied": "tied: a gray area",
    "conflict": "conflicts, and lost",
    "outranked": "outranked",
    "lapsed": "does not hold at that time",
}
_HEADS = (("operation", False), ("spans", True), ("errors", True), ("p50, p99", True))


def as_text(who: Who, *, explain: bool = False, width: int, color: bool) -> str:
    """The answer as text of at most `width` columns; with every rule that matched, if they are to be explained."""
    return render(_parts(who, explain=explain), width=width, color=color)


def _parts(who: Who, *, explain: bool) -> Iterator[RenderableType]:
    """The things of that name, one below the other."""
    if len(who.things) > 1:
        kinds = [thing.kind for thing in who.things]
        yield line(f"{who.name} is {len(kinds)} things: {names(kinds)}.", "bold")
    for number, thing in enumerate(who.things):
        if number or len(who.things) > 1:
            yield ""
        yield from _thing(who, thing, explain=explain)


def _thing(who: Who, thing: Thing, *, explain: bool) -> Iterator[RenderableType]:
    """One thing, top to bottom."""
    by = "" if thing.kind in _PARTIES else f", owned by {owner(thing.party.name)}"
    yield line(f"{who.name}: {thing.kind}{by}", "bold")
    yield ""
    yield grid((label, line(value)) for label, value in _facts(who, thing))
    if explain:
        for verdict in thing.verdicts:
            yield ""
            yield from _explained(verdict)
    if thing.declared:
        yield from _list("Declared", list(thing.declared))
    if thing.kind in _PARTIES:
        yield from _list("Owns", [_holding(one) for one in thing.holdings])
    if thing.seen:
        yield from _dimensions(thing)


def _dimensions(thing: Thing) -> Iterator[RenderableType]:
    """What it does, what depends on it, what it depends on, how it runs."""
    if thing.kind == "service":
        yield from _operations(thing)
    yield from _list("Journeys that depend on it", [_use(use) for use in thing.journeys])
    inside = thing.kind == "journey type"
    yield from _list("Handed over in it" if inside else "Upstream", [_link(link) for link in thing.upstream])
    if not inside:
        yield from _list("Downstream", [_link(link) for link in thing.downstream])
    if thing.dependencies:
        yield from _list("Dependencies declared and seen", [_dependency(one) for one in thing.dependencies])
    if thing.figures is not None:
        yield ""
        yield line("How it runs", "bold")
        yield grid((label, line(value)) for label, value in _runs(thing.figures))


def _facts(who: Who, thing: Thing) -> Iterator[tuple[str, str]]:
    """Owner, how to reach it, why it is whose, and where it was seen."""
    party = thing.party
    if thing.kind not in _PARTIES:
        gray = thing.verdicts[0].gray if thing.verdicts else ()
        yield "owner", f"nobody: a gray area between {' and '.join(gray)}" if gray else _named(party)
    elif party.title:
        yield "title", party.title
    if party.name != UNOWNED:
        yield from _reached(party)
    for verdict in thing.verdicts[:LIST_LINES_MAX]:
        of = f" (of {verdict.spans:,} spans)" if len(thing.verdicts) > 1 and verdict.spans is not None else ""
        yield "why", _why(thing.kind, verdict) + of
    yield "owned as of", moment(who.owned_at_ns)
    if {team for team, _ in thing.teams} - {thing.party.name}:
        yield "spans owned by", names([f"{team} ({count:,})" for team, count in thing.teams])
    yield "seen", _seen(thing)


def _named(party: Party) -> str:
    title = f" ({party.title})" if party.title else ""
    return f"{owner(party.name)}{title}"


def _reached(party: Party) -> Iterator[tuple[str, str]]:
    """How to reach a party, and when it owns anything."""
    if party.external:
        yield "contract", f"a party outside; {party.contract_owner} owns the contract"
    yield "escalation", party.escalation or "none stated: add `escalation` to it in ownership.yaml"
    if party.contact:
        yield "contact", party.contact
    yield from (party.contacts or {}).items()
    if party.on_call:
        yield "on call", party.on_call
    if dates := _dates(party.from_ns, party.until_ns):
        yield "owns", dates


def _why(kind: str, verdict: Verdict) -> str:
    if verdict.rules:
        return verdict.why
    return f"{verdict.why}: add the {kind} to a team's `owns` in ownership.yaml"


def _seen(thing: Thing) -> str:
    """In which homes."""
    if not thing.seen:
        return "not in this window"
    several = {tenant for tenant, _ in thing.homes}
    told = [f"environment {environment or 'none stated'}" for _, environment in thing.homes]
    if len(several) > 1:
        told = [f"tenant {tenant}, {where}" for (tenant, _), where in zip(thing.homes, told, strict=True)]
    return names(told)


def _explained(verdict: Verdict) -> Iterator[RenderableType]:
    """Every rule that matched, and what became of it."""
    yield line(f"Rules that match {', '.join(verdict.facts)}", "bold")
    yield bullets(_rule(rule) for rule in verdict.rules)
    if not verdict.rules:
        yield line("none")


def _rule(rule: Matched) -> str:
    """`service trade-* -> trading (ownership.yaml, from 2026-01-01 00:00:00 UTC): decides`."""
    said = ", ".join(filter(None, [rule.source, _dates(rule.from_ns, rule.until_ns)]))
    return f"{rule.rule}{f' ({said})' if said else ''}: {_OUTCOMES[rule.outcome]}"


def _dates(from_ns: int | None, until_ns: int | None) -> str:
    parts = [("from", from_ns), ("until", until_ns)]
    return " ".join(f"{word} {moment(time)}" for word, time in parts if time is not None)


def _operations(thing: Thing) -> Iterator[RenderableType]:
    """What a service does, as a table."""
    yield ""
    yield line("What it does" if thing.operations else "What it does: no span of it is in this window.", "bold")
    if not thing.operations:
        return
    table = columns(_HEADS)
    shown = thing.operations[:LIST_LINES_MAX]
    for operation in shown:
        table.add_row(*_operation(operation))
    yield table
    more = len(thing.operations) - len(shown) + thing.operations_more
    if more:
        yield line(f"and {more:,} more")


def _operation(operation: Operation) -> Iterator[RenderableType]:
    route = "" if operation.route is None or operation.route in operation.name else f", {operation.route}"
    yield lines(line(operation.name), line(f"{operation.kind}{route}", "dim"))
    yield line(f"{operation.spans:,}")
    yield line(f"{operation.errors:,}", "bold red" if operation.errors else "")
    yield lines(*(line(_latency(value)) for value in (operation.p50_ms, operation.p99_ms)))


def _use(use: Use) -> str:
    """`trade-confirmation (critical, of wealth): 60 of 80 journeys, 75.0%`."""
    share = f"{use.journeys:,} of {use.of:,} journey{'' if use.of == 1 else 's'}, {use.journeys / use.of:.1%}"
    if use.journey_type is None:
        return f"no declared type: {share}"
    rank = f" ({use.criticality}, of {use.owner})" if use.criticality else ""
    return f"{use.journey_type}{rank}: {share}"


def _link(link: Link) -> str:
    """`receives from trade-execution of trading over wealth.events: 60 handoffs, 3 lost; in 60 critical journeys`."""
    other = "an unknown service" if link.service is None else f"{link.service} of {owner(link.team)}"
    way = "" if link.channel is None else f" over {link.channel}"
    lost = f", {link.lost:,} lost or stuck" if link.lost else ""
    critical = f"; in {link.critical:,} critical journey{'' if link.critical == 1 else 's'}" if link.critical else ""
    return f"{link.relation} {other}{way}: {_handoffs(link.handoffs)}{lost}{critical}"


def _dependency(one: Dependency) -> str:
    """`ledger: dependsOn (catalog-info.yaml), 60 handoffs`."""
    if one.relation is None:
        return f"{one.on}: seen in {_handoffs(one.seen)}, and declared by no file"
    seen = f"seen in {_handoffs(one.seen)}" if one.seen else "not seen in this window"
    return f"{one.on}: {one.relation}{f' ({one.source})' if one.source else ''}, {seen}"


def _holding(one: Holding) -> str:
    """`service trade-execution: 60 handoffs`, `service trade-* (declared in ownership.yaml, from ...)`."""
    if one.handoffs is not None:
        return f"{one.kind} {one.name}: {_handoffs(one.handoffs)}"
    if one.kind in {"journey type", "contract"}:
        return f"{one.kind}{' with' if one.kind == 'contract' else ''} {one.name}"
    declared = f"declared in {one.source}" if one.source else "declared"
    said = ", ".join(filter(None, [declared, _dates(one.from_ns, one.until_ns)]))
    return f"{one.kind.replace('_', ' ')} {one.name} ({said})"


def _runs(figures: Figures) -> Iterator[tuple[str, str]]:
    """Volume, latency, errors and losses."""
    if figures.handled:
        pace = "" if figures.per_minute is None else f", {figures.per_minute:,.1f} a minute while there were any"
        rate = figures.errors / figures.handled
        yield "server and consumer spans", f"{figures.handled:,}{pace}"
        yield "errors", f"{figures.errors:,} of them, {rate:.1%}"
        yield "durations", f"p50 {_latency(figures.p50_ms)}, p99 {_latency(figures.p99_ms)}"
    if figures.sent:
        yield ("sent" if figures.received else "handoffs"), _verdicts(figures.sent)
    if figures.received:
        yield "handed to it", _verdicts(figures.received)
    if figures.wait_p50_ms is not None:
        late = f", {figures.late:,} late" if figures.late else ""
        yield "sent to received", f"p50 {_latency(figures.wait_p50_ms)}, p99 {_latency(figures.wait_p99_ms)}{late}"
    if figures.first_ns is not None and figures.last_ns is not None:
        yield "window", f"{moment(figures.first_ns)} to {moment(figures.last_ns)}"


def _verdicts(counts: Mapping[str, int]) -> str:
    parts = [f"{counts[verdict]:,} {verdict}" for verdict in VERDICTS if counts.get(verdict)]
    return f"{_handoffs(sum(counts.values()))}: {', '.join(parts)}"


def _latency(latency_ms: float | None) -> str:
    return "-" if latency_ms is None else duration(round(latency_ms * 1_000_000))


def _handoffs(count: int) -> str:
    return f"{count:,} handoff{'' if count == 1 else 's'}"


def _list(title: str, sentences: list[str]) -> Iterator[RenderableType]:
    """A titled list, or that it is empty."""
    yield ""
    yield line(title if sentences else f"{title}: none seen.", "bold")
    yield bullets(some(sentences))
