"""One finding in words: the sentence, the facts beside it, the commands to type next. For text and Markdown."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from baton.limits import FINDING_DIGITS_SHOWN, NAMES_MAX
from baton.reports.table import names, owner, party
from baton.reports.times import moment
from baton.schema import UNOWNED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from baton.reports.model import Finding

_NOUNS = {"message": "handoff", "call": "call", "step": "step"}
_WHEREABOUTS = {
    "gone": "gone for good",
    "waiting": "waiting in the queue",
    "dead_lettered": "in a dead-letter queue",
    "parked": "parked in another queue",
    "unknown": "whereabouts unknown",
}
_REPLAYED = ("overflow", "expired")
"""Causes of which a replay may tell what would have saved the messages."""
_STORE_DEFAULT = Path("baton-store")


def headline(finding: Finding) -> str:
    """`27 of 60 handoffs from trading to notification over wealth.events were dropped: overflow (inferred)`.

    Of an overflow it says who held the queue: `... were dropped while market-data held 94% of the queue: ...`.
    """
    if finding.kind == "step":
        journeys = f"{finding.count:,} journey" + ("" if finding.count == 1 else "s")
        at, before = names(finding.from_services), names(finding.to_services)
        return f"{journeys} ended at {at}, before {before}: {finding.cause} ({finding.confidence})"
    noun = _NOUNS[finding.kind] + ("" if finding.handoffs == 1 else "s")
    verb = {"dropped": ("was", "were"), "stuck": ("is", "are")}[finding.verdict][finding.count != 1]
    return (
        f"{finding.count:,} of {finding.handoffs:,} {noun} {way(finding)} "
        f"{verb} {finding.verdict}{_crowded(finding)}: {finding.cause} ({finding.confidence})"
    )


def way(finding: Finding) -> str:
    """`from trading to notification over wealth.events`."""
    sender = party(finding.from_team, *finding.from_services)
    receiver = "an unknown receiver" if finding.to_team is None else party(finding.to_team, *finding.to_services)
    over = "" if finding.channel is None else f" over {finding.channel}"
    return f"from {sender} to {receiver}{over}"


def facts(finding: Finding) -> list[tuple[str, str]]:
    """Label and value of what is known about a finding, most pressing first."""
    known = [
        ("accountable", _accountable(finding)),
        ("because", finding.accountable_why),
        ("ask next", finding.next_to_ask if finding.accountable_team is None else None),
        ("sender", _team(finding.from_team, finding.from_services)),
        ("channel", _channel(finding)),
        ("receiver", "unknown" if finding.to_team is None else _team(finding.to_team, finding.to_services)),
        # Where somebody is accountable, the reason says who filled the queue.
        ("crowded by", None if finding.accountable_why else _crowding(finding)),
        ("sent", _sent(finding)),
        ("changed", "; ".join(finding.changed)),
        ("now", _now(finding)),
        ("journeys", _journeys(finding)),
        ("cost", cost(finding)),
        ("resent", _resent(finding)),
        ("finding", name(finding)),
    ]
    return [(label, value) for label, value in known if value]


def by_boundary(findings: Iterable[Finding]) -> list[Finding]:
    """Findings of one boundary next to each other; boundaries and findings stay worst first."""
    groups: dict[tuple[str, str | None, str | None], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.from_team, finding.to_team, finding.channel), []).append(finding)
    return [finding for group in groups.values() for finding in group]


def commands(finding: Finding, store: Path) -> list[str]:
    """What to type to see its exemplars and its work list; a store that is not the default one is named."""
    at = "" if store == _STORE_DEFAULT else f" --store {shlex.quote(str(store))}"
    seen = [f"baton journey {shlex.quote(trace_id)}{at}" for trace_id in finding.exemplars]
    saved = [f"baton whatif --finding {shlex.quote(name(finding))}{at}"] if finding.cause in _REPLAYED else []
    return [*seen, *saved, f"baton recover {shlex.quote(name(finding))}{at}"]


def name(finding: Finding) -> str:
    """As many digits of its id as name it in any store."""
    return finding.finding_id[:FINDING_DIGITS_SHOWN]


def cost(finding: Finding) -> str:
    """Customers hit and money at risk; nothing where ownership.yaml, or the spans, name neither."""
    people = None if finding.customers is None else _of(finding.customers, "customer")
    money = ", ".join(f"{_money(amount)} {code or 'in an unknown currency'}" for code, amount, _ in finding.amounts)
    unread = f"{_of(finding.unreadable, 'amount')} cannot be read" if finding.unreadable else None
    known = people or money or unread
    missing = f"{_of(finding.unpriced, 'journey')} without an amount" if known and finding.unpriced else None
    segments = ", ".join(f"{count:,} {segment}" for segment, count in finding.segments[:NAMES_MAX])
    told = (people, f"{money} at risk" if money else None, segments and f"by segment {segments}", unread, missing)
    return "; ".join(one for one in told if one)


def _of(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def _money(amount: str) -> str:
    """An exact sum with thousands apart: `12,345.60`."""
    whole, point, rest = amount.partition(".")
    return f"{int(whole):,}{point}{rest}" if whole.isascii() and whole.isdigit() else amount


def _crowded(finding: Finding) -> str:
    """Who held most of the queue, where that was another than the senders."""
    if not finding.crowding or finding.crowding[0][0] in finding.from_services:
        return ""
    service = finding.crowding[0][0]
    share = sum(held for sender, _, _, held in finding.crowding if sender == service)
    return f" while {service} held {share:.0%} of {finding.queue or 'the queue'}"


def _team(team: str, services: tuple[str, ...]) -> str:
    """A team and its services."""
    if team == UNOWNED:
        return f"nobody owns {names(services) or 'it'}"
    return f"{team} ({names(services)})" if services else team


def _accountable(finding: Finding) -> str:
    """Who can prevent it and how to reach them."""
    if finding.accountable_team is None:
        return "not settled"
    reach = f", escalation {finding.escalation}" if finding.escalation else ""
    return f"{owner(finding.accountable_team)}{reach}"


def _channel(finding: Finding) -> str:
    """The channel, its queue and who owns them; nothing for calls."""
    if finding.channel is None:
        return ""
    queue = f"queue {finding.queue}" if finding.queue else ""
    return _team(finding.channel_team or UNOWNED, tuple(filter(None, (finding.channel, queue))))


def _crowding(finding: Finding) -> str:
    """The senders whose messages filled the queue."""
    shares = [
        f"{service} ({team}{f', {urgency}' if urgency else ''}) held {share:.0%}"
        for service, team, urgency, share in finding.crowding
    ]
    return ", ".join(shares) + (" of the queue" if shares else "")


def _sent(finding: Finding) -> str:
    """When the first and the last of them were sent, and whether it goes on."""
    sent = moment(finding.first_at)
    if finding.first_at != finding.last_at:
        sent = f"first {sent}, last {moment(finding.last_at)}"
    if finding.ongoing:
        return f"{sent}; nothing shows that it is over"
    return f"{sent}; it is over: the {finding.since:,} sent since came through"


def _now(finding: Finding) -> str:
    """Where they are now."""
    told = dict(_WHEREABOUTS)
    if finding.cause in _REPLAYED and finding.verdict == "dropped":
        told["unknown"] = f"no longer in {finding.queue or 'the queue'}: gone, unless it has a dead-letter exchange"
    return ", ".join(f"{count:,} {told[state]}" for state, count in finding.dispositions.items() if count)


def _journeys(finding: Finding) -> str:
    """How many undertakings of customers it hit, by declared type."""
    kinds = [f"{count:,} {name} (owned by {owner(team)})" for name, team, count in finding.journey_types]
    return f"{finding.journeys:,}" + (f": {', '.join(kinds)}" if kinds else "")


def _resent(finding: Finding) -> str:
    """The silent losses that customers made good, and what was handled twice: there the duplicates are."""
    again = finding.duplicates - finding.resubmitted
    resent = f"{finding.resubmitted:,} by the customers themselves: look for duplicates" if finding.resubmitted else ""
    return "; ".join(filter(None, (resent, f"{again:,} handled more than once" if again > 0 else "")))
