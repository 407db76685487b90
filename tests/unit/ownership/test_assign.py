from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import polars as pl
import pytest

from baton.ownership.assign import assign, owners, service_facts
from baton.ownership.catalog import EMPTY, Catalog
from baton.ownership.rules import compile_rules
from baton.schema import UNOWNED

if TYPE_CHECKING:
    from collections.abc import Callable

BANK = """
teams:
  - name: trading
    owns: {services: [trade-execution, "trade-*"], channels: ["trade.*"], queues: [notify-q]}
  - {name: wealth, owns: {namespaces: [wealth], channels: [trade.events]}}
  - {name: risk, owns: {services: ["*-risk"], queues: ["notify-*"]}}
"""


def test_spans_gain_the_team_of_their_service(
    catalog: Callable[[str], Catalog], spans: Callable[..., pl.LazyFrame]
) -> None:
    """Service rules come before namespace rules, what no rule matches is unowned, rows keep their order."""
    frame = spans(
        {"service": "trade-execution", "service_namespace": "wealth"},
        {"service": "gateway", "service_namespace": "wealth"},
        {"service": "gateway", "service_namespace": None},
        {"service": "trade-risk", "service_namespace": "wealth"},
        {"service": "trade-execution", "service_namespace": None},
    )
    teams = assign(frame, catalog(BANK)).collect()["team"]
    # trade-risk: "trade-*" has six literal characters, "*-risk" five.
    assert teams.to_list() == ["trading", "wealth", UNOWNED, "trading", "trading"]


def test_a_gray_area_is_unowned(catalog: Callable[[str], Catalog], spans: Callable[..., pl.LazyFrame]) -> None:
    """Two teams that name the same service make it unowned, though its namespace has an owner."""
    two = catalog(
        "teams: [{name: a, owns: {services: [s]}}, {name: b, owns: {services: [s]}}, "
        "{name: c, owns: {namespaces: [n]}}]"
    )
    frame = spans({"service": "s", "service_namespace": "n"}, {"service": "t", "service_namespace": "n"})
    assert assign(frame, two).collect()["team"].to_list() == [UNOWNED, "c"]


@pytest.mark.parametrize("engine", ["in-memory", "streaming"])
def test_without_a_catalog_all_is_unowned(
    spans: Callable[..., pl.LazyFrame], engine: Literal["in-memory", "streaming"]
) -> None:
    """The empty catalog leaves no team null, and changes nothing else of the frame."""
    frame = spans({"service": "a"}, {"service": None})
    assigned = assign(frame, EMPTY)
    assert assigned.collect(engine=engine)["team"].to_list() == [UNOWNED, UNOWNED]
    assert assigned.drop("team").collect(engine=engine).equals(frame.collect())


def test_a_frame_without_spans_gains_the_column(
    catalog: Callable[[str], Catalog], spans: Callable[..., pl.LazyFrame]
) -> None:
    """No rows in, no rows out, with the column `team` of dtype String, also where attributes are asked."""
    attributes = catalog("teams: [{name: a, owns: {attributes: {k: v}}}]")
    for rules in (EMPTY, attributes):
        assigned = assign(spans(), rules).collect()
        assert (assigned.height, assigned.schema["team"]) == (0, pl.String())


def test_attributes_come_first(catalog: Callable[[str], Catalog], spans: Callable[..., pl.LazyFrame]) -> None:
    """An attribute rule outranks the rule on the service; spans without the attribute fall back to it."""
    both = catalog("teams: [{name: a, owns: {services: [s]}}, {name: b, owns: {attributes: {app.domain: 'pay*'}}}]")
    domain: dict[str, Any] = {"key": "app.domain", "value": "payments", "type": 1}
    frame = spans({"service": "s"}, {"service": "s", "attributes": [domain]}, {"service": "t", "resource": [domain]})
    assert assign(frame, both).collect()["team"].to_list() == ["a", "b", "b"]


def test_other_columns_may_stand_beside(catalog: Callable[[str], Catalog], spans: Callable[..., pl.LazyFrame]) -> None:
    """Columns of earlier stages pass through, and a `row` column among them is left alone."""
    named = catalog("teams: [{name: a, owns: {services: [s], attributes: {k: v}}}]")
    frame = spans({"service": "s"}, {"service": "t"}).with_columns(row=pl.Series([7, 9], dtype=pl.UInt32))
    assert assign(frame, named).select("row", "team").collect().rows() == [(7, "a"), (9, UNOWNED)]


def test_names_have_owners(catalog: Callable[[str], Catalog]) -> None:
    """Channels, queues and services are looked up among the rules of their kind: exact over glob, else unowned."""
    bank = catalog(BANK)
    assert owners(["trade.events", "trade.new", "mail", "mail"], "channel", bank) == {
        "trade.events": "wealth",
        "trade.new": "trading",
        "mail": UNOWNED,
    }
    assert owners(pl.Series(["notify-q", "notify-x"]), "queue", bank) == {"notify-q": "trading", "notify-x": "risk"}
    assert owners(["notify-q"], "service", bank) == {"notify-q": UNOWNED}


def test_facts_leave_out_what_is_unknown(catalog: Callable[[str], Catalog]) -> None:
    """A service without a namespace has one fact, and explains as a span of it is assigned."""
    assert service_facts("s", "n") == (("service", "s"), ("namespace", "n"))
    assert service_facts("s", None) == (("service", "s"),)
    rules = compile_rules(catalog(BANK))
    assert [str(rule) for rule in rules.explain(*service_facts("trade-execution", "wealth")).matched] == [
        "service trade-execution -> trading",
        "service trade-* -> trading",
        "namespace wealth -> wealth",
    ]
