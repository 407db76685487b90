from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from baton.ownership.assign import assign
from baton.ownership.named import Owners, owners_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from baton.looks import Spans
    from baton.ownership.catalog import Catalog

FILE = """
teams:
  - {name: old, until: "1970-01-01T00:00:00.000000100Z", owns: {services: [s], channels: [c], queues: ["q*"]}}
  - {name: new, from: "1970-01-01T00:00:00.000000100Z", owns: {services: [s], channels: [c]}}
  - {name: wealth, owns: {namespaces: [w], http_routes: ["/*"]}}
  - {name: rival, owns: {namespaces: [v]}}
"""


def services(owners: Owners, *named: tuple[str, str | None, int]) -> list[str | None]:
    """Owners of these (tenant, service, time)."""
    schema = {"tenant": pl.String, "name": pl.String, "at_ns": pl.Int64}
    frame = pl.DataFrame(named, schema=schema, orient="row").with_columns(environment=pl.lit(""))
    return owners.of_services(frame).to_list()


def names(*named: tuple[str | None, int]) -> pl.DataFrame:
    """These (name, time)."""
    return pl.DataFrame(named, schema={"name": pl.String, "at_ns": pl.Int64}, orient="row")


def told(owner: str) -> dict[str, Any]:
    """A resource that names its owner."""
    return {"resource": [{"key": "service.owner", "value": owner, "type": 1}]}


def test_a_service_is_whose_it_was_then(catalog: Callable[[str], Catalog], mended: Callable[..., Spans]) -> None:
    """By its name at that time, seen or unseen, and whatever one of its routes is; a null name has no owner."""
    bank = catalog(FILE)
    owners = owners_of(assign(mended({"service": "s", "http_route": "/a", "tenant": "bank"}), bank), bank)
    asked = [("bank", "s", 99), ("bank", "s", 100), ("other", "s", 100), ("bank", "x", 100), ("bank", None, 100)]
    assert services(owners, *asked) == ["old", "new", "new", None, None]


def test_what_spans_say_of_a_service_counts(catalog: Callable[[str], Catalog], mended: Callable[..., Spans]) -> None:
    """Its namespace's owner, else whom its processes name, in their tenant; nobody where they differ."""
    bank = catalog(FILE)
    spans = mended(
        {"service": "gateway", "service_namespace": "w"},
        {"service": "both", "service_namespace": "w"},
        {"service": "both", "service_namespace": "v"},
        {"service": "job", **told("ops")},
        {"service": "job", "service_instance": "2"},
        {"service": "torn", **told("ops")},
        {"service": "torn", "service_instance": "2", **told("dev")},
    )
    owners = owners_of(assign(spans, bank), bank)
    asked = [("bank", name, 0) for name in ("gateway", "both", "job", "torn")]
    assert services(owners, *asked, ("other", "job", 0)) == ["wealth", None, "ops", None, None]


def test_decisions_tell_why_a_service_is_whose(catalog: Callable[[str], Catalog], mended: Callable[..., Spans]) -> None:
    """One for each that is known of it; telemetry that contradicts the file is a conflict there."""
    bank = catalog(FILE)
    owners = owners_of(assign(mended({"service": "s", **told("ops")}), bank), bank)
    (decision,) = owners.decisions(("bank", "", "s"), 100)
    assert (decision.owner, [rule.claimant for rule in decision.conflicts]) == ("new", ["ops"])
    assert [rule.claimant for rule in decision.lapsed] == ["old"]


def test_channels_and_queues_are_looked_up_by_their_time(
    catalog: Callable[[str], Catalog], mended: Callable[..., Spans]
) -> None:
    """Each by the rules of its own kind; null where nobody owns it then."""
    bank = catalog(FILE)
    owners = owners_of(assign(mended({"service": "s"}), bank), bank)
    asked = names(("c", 99), ("c", 100), ("q1", 99), ("q1", 100), (None, 0))
    assert owners.of_channels(asked).to_list() == ["old", "new", None, None, None]
    assert owners.of_queues(asked).to_list() == [None, None, "old", None, None]


def test_without_rules_of_a_kind_nobody_owns(mended: Callable[..., Spans], catalog: Callable[[str], Catalog]) -> None:
    """As many nulls as names."""
    bare = catalog("teams: [{name: a, owns: {services: [s]}}]")
    owners = owners_of(assign(mended({"service": "s"}), bare), bare)
    assert owners.of_queues(names(("c", 0), ("d", 0))).to_list() == [None, None]
