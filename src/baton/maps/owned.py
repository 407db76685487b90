"""Why a thing is whose, in the words of reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from baton.ownership.teams import ExternalParty
from baton.reports.who_model import Matched, Party, Verdict

if TYPE_CHECKING:
    from baton.ownership.catalog import Catalog
    from baton.ownership.rules import Decision, Rule


def party(name: str, catalog: Catalog) -> Party:
    """An owner as the catalog has it; of one that only telemetry names, or of `unowned`, nothing but the name."""
    owner = catalog.owners.get(name)
    if owner is None:
        return Party(name)
    inside = owner.contract_owner if isinstance(owner, ExternalParty) else None
    answering = catalog.owners.get(inside or "")
    return Party(
        name=name,
        external=inside is not None,
        contract_owner=inside,
        title=owner.title,
        escalation=owner.escalation or (answering.escalation if answering else None),
        contact=owner.contact,
        contacts=dict(owner.contacts),
        on_call=owner.on_call,
        from_ns=owner.from_ns,
        until_ns=owner.until_ns,
    )


def verdict(decision: Decision, spans: int | None = None) -> Verdict:
    """A decision with every rule that matched, and what became of each."""
    return Verdict(
        owner=decision.owner,
        facts=tuple(f"{kind} {'='.join(words)}" for kind, *words in decision.facts),
        why=decision.why,
        gray=decision.claimants if decision.gray else (),
        rules=tuple(_matched(rule, decision) for rule in (*decision.matched, *decision.lapsed)),
        spans=spans,
    )


def _matched(rule: Rule, decision: Decision) -> Matched:
    return Matched(str(rule), rule.claimant, rule.source, _outcome(rule, decision), rule.from_ns, rule.until_ns)


def _outcome(rule: Rule, decision: Decision) -> str:
    if rule in decision.lapsed:
        return "lapsed"
    if rule in decision.deciding:
        return "tied" if decision.gray else "decides"
    return "conflict" if rule in decision.conflicts else "outranked"
