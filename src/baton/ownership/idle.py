"""What the ownership file names and no span of late did: its stale entries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from baton.limits import DAY_NS
from baton.ownership.rules import Rule, Rules
from baton.schema import COVERAGE

if TYPE_CHECKING:
    from baton.ownership.catalog import Catalog
    from baton.ownership.rules import Fact

_KIND = {"entry": "journey type", "step": "journey step", "deadline": "channels entry", "sampling": "services entry"}
_BY_CLAIMANT = ("entry", "step")
"""Kinds of rules that are known by what they speak for, not by their patterns."""
_OWNERLESS = ("entry", "step", "deadline", "sampling")
"""Kinds of rules whose claimant is no team."""


@dataclass(frozen=True, slots=True)
class Horizon:
    """How far back a store can be asked.

    Attributes:
        as_of_ns: now.
        days: what was not seen for so long is stale.
        reach_ns: since when the store holds spans; null where it holds next to none.
        tenant: whose spans alone are heard; null is everybody's.
    """

    as_of_ns: int
    days: int
    reach_ns: int | None
    tenant: str | None = None

    @property
    def held_days(self) -> float:
        """How many days the store holds."""
        return 0.0 if self.reach_ns is None else max(0, self.as_of_ns - self.reach_ns) / DAY_NS

    @property
    def _far(self) -> bool:
        return self.reach_ns is not None and self.reach_ns <= self.as_of_ns - self.days * DAY_NS

    def judged(self, seen_ns: int | None) -> tuple[str, str] | None:
        """Section and sentence of what was seen last at that time; null where that is not long ago."""
        if seen_ns is not None and seen_ns > self.as_of_ns - self.days * DAY_NS:
            return None
        spans = "no span" if self.tenant is None else f"no span of tenant {self.tenant}"
        if seen_ns is not None:
            ago = (self.as_of_ns - seen_ns) // DAY_NS
            return "stale", f"{spans} for {ago} days: take it out, or find out where its spans went"
        if self._far:
            return "stale", f"{spans} in the {self.held_days:.0f} days that the store holds: take it out, or correct it"
        return "unseen", f"{spans} in the {self.held_days:.1f} days that the store holds: too few to call it stale"


def idle(catalog: Catalog, rules: Rules, seen: dict[Fact, int], horizon: Horizon) -> pl.DataFrame:
    """COVERAGE's sections stale and unseen.

    Args:
        catalog: the ownership file.
        rules: its rules.
        seen: the answer of `seen.facts`.
        horizon: how far back that reaches.
    """
    steps = {
        Rule("step", (step.service, step.span), kind.name): kind.owner
        for kind in catalog.journey_types
        for step in getattr(kind, "steps", ())
    }
    last = _last(Rules([*rules.every, *steps]), seen)
    owners = {kind.name: kind.owner for kind in catalog.journey_types}
    named = [
        *((_KIND.get(rule.kind, rule.kind), *_told(rule, owners), last.get(rule)) for rule in (*rules.every, *steps)),
        *(("queues entry", queue.name, None, seen.get(("queue", queue.name))) for queue in catalog.queues),
    ]
    rows = [
        (section, kind, None, None, name, owner, 0, seen_ns, detail)
        for kind, name, owner, seen_ns in named
        if (judged := horizon.judged(seen_ns))
        for section, detail in [judged]
    ]
    return pl.DataFrame(rows, schema=COVERAGE.schema, orient="row").unique(maintain_order=True)


def _last(rules: Rules, seen: dict[Fact, int]) -> dict[Rule, int]:
    """When each rule last matched anything."""
    last: dict[Rule, int] = {}
    for fact, at_ns in seen.items():
        for rule in rules.explain(fact).matched:
            last[rule] = max(at_ns, last.get(rule, at_ns))
    return last


def _told(rule: Rule, owners: dict[str, str]) -> tuple[str, str | None]:
    """A rule's name and owner."""
    pattern = "=".join(rule.patterns) if rule.kind == "attribute" else " ".join(rule.patterns)
    name = f"{rule.claimant}: {pattern}" if rule.kind in _BY_CLAIMANT else pattern
    return name, owners.get(rule.claimant) if rule.kind in _OWNERLESS else rule.claimant
