"""The ownership stage: spans gain their team, names their owner."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import polars as pl

from baton.ownership.attributes import team_by_attribute
from baton.ownership.rules import compile_rules
from baton.ownership.unique import per_unique

if TYPE_CHECKING:
    from collections.abc import Iterable

    from baton.ownership.catalog import Catalog
    from baton.ownership.rules import Fact


def assign(spans: pl.LazyFrame, catalog: Catalog) -> pl.LazyFrame:
    """Map every span to the team that owns it.

    Args:
        spans: a frame with the columns of `schema.SPANS`, and any others.
        catalog: the ownership file.

    Returns:
        the same rows in the same order with the column `team` (String, never null; `schema.UNOWNED` where nobody owns
        the span, or several do with equal right).
    """
    rules = compile_rules(catalog)

    def owner(service: str | None, namespace: str | None) -> str:
        return rules.explain(*service_facts(service, namespace)).owner

    team = per_unique(("service", "service_namespace"), owner, pl.String())
    # Reading every attribute list costs; most catalogs have no rule that asks for it.
    if rules.attribute_keys:
        team = pl.coalesce(team_by_attribute(rules), team)
    return spans.with_columns(team=team)


def by_attribute(catalog: Catalog) -> bool:
    """Whether a span's attributes may decide who owns it."""
    return bool(compile_rules(catalog).attribute_keys)


def owners(names: Iterable[str], kind: Literal["service", "channel", "queue"], catalog: Catalog) -> dict[str, str]:
    """The owner of each name by the rules of one kind; `schema.UNOWNED` where it has none or several."""
    rules = compile_rules(catalog)
    return {name: rules.explain((kind, name)).owner for name in set(names)}


def service_facts(service: str | None, namespace: str | None) -> tuple[Fact, ...]:
    """What is known of a service, for `Rules.explain` and `gray_areas`; null words are left out."""
    words = (("service", service), ("namespace", namespace))
    return tuple((kind, word) for kind, word in words if word is not None)
