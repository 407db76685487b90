"""Owners of what handoffs name: services that should have received, channels, queues; each at its time."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from baton.ownership.assign import service_facts
from baton.ownership.periods import PERIOD, periods, within
from baton.ownership.rules import compile_rules
from baton.ownership.told_by import TOLD, TOLD_BY

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from baton.looks import Spans
    from baton.ownership.catalog import Catalog
    from baton.ownership.rules import Decision, Fact, Rules

Service = tuple[str | None, str | None, str | None]
"""Tenant, environment and name."""


@dataclass(frozen=True, slots=True)
class Owners:
    """Who owns names, by the rules and by what spans say of services.

    Attributes:
        rules: compiled.
        services: what is known of each service that was seen: several, where its processes differ.
    """

    rules: Rules
    services: Mapping[Service, tuple[tuple[Fact, ...], ...]]

    def decisions(self, service: Service, at_ns: int) -> list[Decision]:
        """Why the service as a whole belongs to whom at that time: one of each that is known of it."""
        known = self.services.get(service) or (service_facts(service[2], None),)
        return [self.rules.explain(*facts, at_ns=at_ns) for facts in known]

    def of_services(self, named: pl.DataFrame) -> pl.Series:
        """The owner of each service as a whole, whatever else a route or an attribute of it says.

        Args:
            named: `tenant`, `environment`, `name` (String) and `at_ns` (Int64).

        Returns:
            String; null where the name is null, and where it has no owner, or several.
        """
        return self._each(named, ["tenant", "environment", "name"], self._service)

    def of_channels(self, named: pl.DataFrame) -> pl.Series:
        """The owner of each channel: `name` and `at_ns`, as of `of_services`."""
        return self._names("channel", named)

    def of_queues(self, named: pl.DataFrame) -> pl.Series:
        """The owner of each queue: `name` and `at_ns`, as of `of_services`."""
        return self._names("queue", named)

    def _names(self, kind: str, named: pl.DataFrame) -> pl.Series:
        if kind not in self.rules.kinds:
            return _nobody(named)
        return self._each(named, ["name"], lambda name, at_ns: self.rules.explain((kind, name), at_ns=at_ns).claimant)

    def _service(self, tenant: str | None, environment: str | None, name: str, at_ns: int) -> str | None:
        decided = self.decisions((tenant, environment, name), at_ns)
        # Where one process names an owner and another none, it is that one's; where two differ, nobody's.
        claimants = {one.claimant for one in decided if one.matched}
        return claimants.pop() if len(claimants) == 1 else None

    def _each(self, named: pl.DataFrame, columns: list[str], owner: Callable[..., str | None]) -> pl.Series:
        """Python sees each name once in each period, the rest is one join."""
        cuts = self.rules.cuts
        asked = named.select(columns)
        if cuts:
            asked = asked.with_columns(pl.Series(PERIOD, periods(named["at_ns"], cuts)))
        known = asked.unique().filter(pl.col("name").is_not_null())
        told = [owner(*one[: len(columns)], within(one[-1] if cuts else None, cuts)) for one in known.iter_rows()]
        owned = known.with_columns(pl.Series("owner", told, dtype=pl.String)).drop_nulls("owner")
        if owned.is_empty():
            return _nobody(named)
        return asked.join(owned, on=asked.columns, how="left", nulls_equal=True, maintain_order="left")["owner"]


def _nobody(named: pl.DataFrame) -> pl.Series:
    return pl.repeat(None, len(named), dtype=pl.String, eager=True)


def owners_of(spans: Spans, catalog: Catalog) -> Owners:
    """The owners of what these spans hand over.

    Args:
        spans: assigned, see `assign.assign`.
        catalog: the ownership files.
    """
    said = [name for name in (TOLD_BY, TOLD) if name in spans.looks.columns]
    seen = spans.looks.select("tenant", "environment", "service", "service_namespace", *said).unique().sort(pl.all())
    services: defaultdict[Service, list[tuple[Fact, ...]]] = defaultdict(list)
    for tenant, environment, service, *known in seen.iter_rows():
        services[tenant, environment, service].append(service_facts(service, *known))
    return Owners(compile_rules(catalog), {service: tuple(facts) for service, facts in services.items()})
