"""What the ownership file names and no span of late did: its stale entries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from baton.limits import DAY_NS
from baton.ownership.gaps import frame
from baton.ownership.rules import Rule, Rules

if TYPE_CHECKING:
    import polars as pl

    from baton.ownership.catalog import Catalog
    from baton.ownership.rules import Fact

_KIND = {
    "entry": "journey type",
    "step": "journey step",
    "deadline": "channels entry",
    "sampling": "services entry",
    "rpc_service": "RPC service",
    "http_route": "HTTP route",
}
_BY_CLAIMANT = ("entry", "step")
"""Kinds of rules that are known by what they speak for, not by their patterns."""
_OWNERLESS = ("entry", "step", "deadline", "sampling")
"""Kinds of rules whose claimant is no team."""
_WHOLE_DAYS = 10
"""From so many on, a tenth of a day tells nothing."""


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
    def held_ns(self) -> int:
        """How long a time the store holds spans of."""
        return 0 if self.reach_ns is None else max(0, self.as_of_ns - self.reach_ns)

    def judged(self, seen_ns: int | None, from_ns: int | None = None) -> tuple[str, str] | None:
        """Section and sentence of what was seen last at that time; null where that is not long ago.

        Args:
            seen_ns: null is never.
            from_ns: since when it could be seen; null is ever.
        """
        late_ns = self.as_of_ns - self.days * DAY_NS
        if seen_ns is not None and seen_ns > late_ns:
            return None
        spans = "no span" if self.tenant is None else f"no span of tenant {self.tenant}"
        if from_ns is not None and from_ns > late_ns:
            return "unseen", f"{spans} in the {_days(self.as_of_ns - from_ns)} since it holds: too few to call it stale"
        if seen_ns is not None:
            return "stale", f"{spans} for {_days(self.as_of_ns - seen_ns)}: take it out, or ask where its spans went"
        held = f"{spans} in the {_days(self.held_ns)} that the store holds"
        if self.held_ns >= self.days * DAY_NS:
            return "stale", f"{held}: take it out, or correct it"
        return "unseen", f"{held}: too few to call it stale"


def _days(duration_ns: int) -> str:
    days = duration_ns / DAY_NS
    return f"{days:.0f} days" if days >= _WHOLE_DAYS else f"{days:.1f} days"


def idle(catalog: Catalog, rules: Rules, seen: dict[Fact, int], horizon: Horizon) -> pl.DataFrame:
    """COVERAGE's sections stale and unseen.

    A rule that does not hold now is neither: who owned last month's incident stays written.

    Args:
        catalog: the ownership file.
        rules: its rules.
        seen: the answer of `seen.facts`.
        horizon: how far back that reaches.
    """
    steps = {
        Rule("step", (step.service, step.span), kind.name): kind.owner
        for kind in catalog.journey_types
        for step in kind.steps
    }
    every = [rule for rule in (*rules.every, *steps) if rule.holds(horizon.as_of_ns)]
    last = _last(Rules(every), seen)
    owners = {kind.name: kind.owner for kind in catalog.journey_types}
    named = [
        *(
            (_KIND.get(rule.kind, rule.kind), *_told(rule, owners), last.get(rule), rule.from_ns, rule.source)
            for rule in every
        ),
        *(("queues entry", queue.name, None, seen.get(("queue", queue.name)), None, "") for queue in catalog.queues),
    ]
    several = len({rule.source for rule in every if rule.source}) > 1
    return frame(
        (section, kind, None, None, name, owner, 0, seen_ns, f"{source}: {detail}" if source and several else detail)
        for kind, name, owner, seen_ns, from_ns, source in dict.fromkeys(named)
        if (judged := horizon.judged(seen_ns, from_ns))
        for section, detail in [judged]
    )


def _last(rules: Rules, seen: dict[Fact, int]) -> dict[Rule, int]:
    """When each rule last matched anything."""
    last: dict[Rule, int] = {}
    for fact, at_ns in seen.items():
        for rule in rules.explain(fact, at_ns=at_ns).matched:
            last[rule] = max(at_ns, last.get(rule, at_ns))
    return last


def _told(rule: Rule, owners: dict[str, str]) -> tuple[str, str | None]:
    """A rule's name and owner."""
    pattern = "=".join(rule.patterns) if rule.kind == "attribute" else " ".join(rule.patterns)
    name = f"{rule.claimant}: {pattern}" if rule.kind in _BY_CLAIMANT else pattern
    return name, owners.get(rule.claimant) if rule.kind in _OWNERLESS else rule.claimant
