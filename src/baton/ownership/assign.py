"""The ownership stage: spans gain their team, names their owner."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import polars as pl

from baton.limits import TIME_NS_MAX
from baton.ownership.attributes import CLAIM, claimed
from baton.ownership.periods import PERIOD, periods, within
from baton.ownership.rules import TELEMETRY, compile_rules
from baton.ownership.told_by import TOLD, TOLD_BY, hear, resources
from baton.ownership.unique import per_unique
from baton.schema import OWNER_ATTRIBUTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from baton.looks import Spans
    from baton.ownership.catalog import Catalog
    from baton.ownership.rules import Fact

_WORDS = ("rpc_service", "http_route", "service", "namespace")


def assign(spans: Spans, catalog: Catalog, owner_attributes: Sequence[str] = OWNER_ATTRIBUTES) -> Spans:
    """Map every span to the team that owns it, as the rules hold when it begins.

    Args:
        spans: repaired.
        catalog: the ownership files.
        owner_attributes: resource attributes in which telemetry names an owner, see `told_by.hear`.

    Returns:
        The spans with the column `team` of their looks (String, never null; `schema.UNOWNED` where nobody owns them, or
        several do with equal right), and, where there are such, PERIOD, CLAIM and the columns of `told_by`. Spans of
        one look that belong to several are of several looks then.
    """
    rules = compile_rules(catalog)
    if rules.cuts:
        spans = spans.split(PERIOD, periods(spans.rows["start_ns"], rules.cuts))
    said = resources(spans)
    spans = hear(spans, said, owner_attributes)
    if rules.attribute_keys:
        spans = claimed(spans, rules, said)

    columns = tuple(name for name in (*_COLUMNS, *_FURTHER) if name in spans.looks.columns)

    def owner(*values: str | int | None) -> str:
        known = dict(zip(columns, values, strict=True))
        period = known.get(PERIOD)
        at_ns = within(period if isinstance(period, int) else None, rules.cuts)
        return rules.explain(*facts(known), at_ns=at_ns).owner

    team = per_unique(columns, owner, pl.String())
    if rules.attribute_keys:
        team = pl.coalesce(CLAIM, team)
    return spans.telling(team.alias("team"))
