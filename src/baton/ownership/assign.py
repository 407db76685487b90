"""The ownership stage: spans gain their team, names their owner."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import polars as pl

from baton.limits import TIME_NS_MAX
from baton.ownership.attributes import CLAIM, claimed
from baton.ownership.periods import PERIOD, periods, within
from baton.ownership.rules import compile_rules
from baton.ownership.told_by import TOLD, TOLD_BY, hear, resources
from baton.ownership.unique import per_unique
from baton.schema import OWNER_ATTRIBUTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from baton.looks import Spans
    from baton.ownership.catalog import Catalog
    from baton.ownership.rules import Fact

_FACTS = (PERIOD, "rpc_service", "http_route", "service", "service_namespace", TOLD_BY, TOLD)


def assign(spans: Spans, catalog: Catalog, owner_attributes: Sequence[str] = OWNER_ATTRIBUTES) -> Spans:
    """Map every span to the team that owns it, as the rules hold when it begins.

    Args:
        spans: repaired.
        catalog: the ownership files.
        owner_attributes: resource attributes in which telemetry names an owner, see `told_by.hear`.

    Returns:
        The spans with the column `team` of their looks (String, never null; `schema.UNOWNED` where nobody owns them, or
        several do with equal right), and, where the catalog or telemetry gives cause, PERIOD, CLAIM and the columns of
        `told_by.hear`. Spans of one look that belong to several teams are of several looks then.
    """
    rules = compile_rules(catalog)
    if rules.cuts:
        spans = spans.split(PERIOD, periods(spans.rows["start_ns"], rules.cuts))
    said = resources(spans)
    spans = hear(spans, said, owner_attributes)
    if rules.attribute_keys:
        spans = claimed(spans, rules, said)

    def owner(period: int | None, rpc: str | None, route: str | None, *service: str | None) -> str:
        facts = span_facts(rpc, route, service_facts(*service))
        return rules.explain(*facts, at_ns=within(period, rules.cuts)).owner

    unknown = [pl.lit(None, dtype=pl.String).alias(name) for name in _FACTS if name not in spans.looks.columns]
    team = spans.looks.lazy().with_columns(unknown).select(per_unique(_FACTS, owner, pl.String()).alias("team"))
    teams = team.collect()["team"]
    if rules.attribute_keys:
        claims = spans.looks[CLAIM]
        teams = claims.zip_with(claims.is_not_null(), teams)
    return spans.telling(pl.lit(teams).alias("team"))


def owners(
    names: Iterable[str],
    kind: Literal["service", "channel", "queue"],
    catalog: Catalog,
    at_ns: int = TIME_NS_MAX,
) -> dict[str, str]:
    """The owner of each name by the rules of one kind; `schema.UNOWNED` where it has none or several.

    Args:
        names: of services, channels or queues.
        kind: which of them.
        catalog: the ownership files.
        at_ns: when; by default after every date of the catalog.
    """
    rules = compile_rules(catalog)
    return {name: rules.explain((kind, name), at_ns=at_ns).owner for name in set(names)}


def service_facts(
    service: str | None, namespace: str | None, told_by: str | None = None, told: str | None = None
) -> tuple[Fact, ...]:
    """What is known of a service, for `Rules.explain` and `gray_areas`; null words are left out.

    Args:
        service: its name.
        namespace: its namespace.
        told_by: the resource attribute in which it names its owner.
        told: that owner.
    """
    words = (("service", service), ("namespace", namespace))
    known = tuple((kind, word) for kind, word in words if word is not None)
    return known if told_by is None or told is None else (*known, ("telemetry", told_by, told))


def span_facts(rpc_service: str | None, http_route: str | None, service: tuple[Fact, ...]) -> tuple[Fact, ...]:
    """What is known of a span but its attributes: which part of its service it is, and what is known of that."""
    parts = (("rpc_service", rpc_service), ("http_route", http_route))
    return (*((kind, word) for kind, word in parts if word is not None), *service)
