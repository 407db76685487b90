from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from baton.limits import SECOND_NS
from baton.ownership.catalog import EMPTY, Catalog
from baton.ownership.declared import deadlines, entries, facts, tail_sampled
from baton.schema import FACTS

if TYPE_CHECKING:
    from collections.abc import Callable

TYPES = """
teams: [{name: wealth}]
journey_types:
  - {name: trade, entry: {service: wealth-gateway, span: "POST /trades*"}, owner: wealth}
  - {name: cancel, entry: {service: wealth-gateway, span: "POST /trades/*/cancel"}, owner: wealth}
  - {name: any, entry: {service: "wealth-*"}, owner: wealth}
  - {name: left, entry: {service: shared, span: "a*"}, owner: wealth}
  - {name: right, entry: {service: shared, span: "*a"}, owner: wealth}
"""


def test_spans_enter_the_most_specific_journey_type(catalog: Callable[[str], Catalog]) -> None:
    """The service's pattern decides before the span's; spans of no type, or of two with equal right, enter none."""
    spans = pl.LazyFrame(
        [
            ("wealth-gateway", "POST /trades"),
            ("wealth-gateway", "POST /trades/7/cancel"),
            ("wealth-gateway", "GET /trades"),
            ("wealth-batch", None),
            ("shared", "a"),
            ("shared", "ab"),
            (None, "POST /trades"),
        ],
        schema={"service": pl.String, "name": pl.String},
        orient="row",
    )
    marked = entries(spans, catalog(TYPES)).collect()["journey_type"]
    assert marked.to_list() == ["trade", "cancel", "any", "any", None, "left", None]
    assert entries(spans, EMPTY).collect()["journey_type"].to_list() == [None] * 7


def test_channels_have_the_most_specific_declared_deadline(catalog: Callable[[str], Catalog]) -> None:
    """Name before environment, exact before glob; of equal declarations the longest; calls and the undeclared none."""
    declared = catalog(
        """
        channels:
          - {name: wealth.events, deadline: 2s, environment: prod}
          - {name: wealth.events, deadline: 20s}
          - {name: "wealth.*", deadline: 1m, environment: prod}
          - {name: "*.events", deadline: 2m, environment: prod}
        """
    )
    channels = pl.LazyFrame(
        [
            ("wealth.events", "prod"),
            ("wealth.events", ""),
            ("wealth.mail", "prod"),
            ("wealth.mail", "test"),
            ("fx.events", "prod"),
            (None, "prod"),
        ],
        schema={"channel": pl.String, "environment": pl.String},
        orient="row",
    )
    found = deadlines(channels, declared).collect()["declared_ns"]
    assert found.to_list() == [2 * SECOND_NS, 20 * SECOND_NS, 60 * SECOND_NS, None, 120 * SECOND_NS, None]
    assert found.dtype == pl.Int64


def test_equal_deadlines_in_doubt_wait(catalog: Callable[[str], Catalog]) -> None:
    """Two globs of the same rank: the longer deadline holds, in either order of the file."""
    one, two = '{name: "ab*", deadline: 1s}', '{name: "*bc", deadline: 2s}'
    channels = pl.LazyFrame({"channel": ["abc"], "environment": ["prod"]})
    for order in (f"channels: [{one}, {two}]", f"channels: [{two}, {one}]"):
        assert deadlines(channels, catalog(order)).collect()["declared_ns"].to_list() == [2 * SECOND_NS]


def test_declared_queues_are_facts_that_always_hold(catalog: Callable[[str], Catalog]) -> None:
    """Limits and routes of every tenant, of any broker; without a word on overflow a limit drops the head."""
    declared = catalog(
        """
        queues:
          - name: notify-q
            limit: 1_000
            ttl: 5m
            priorities: 9
            dead_letter: dlx
            from: [{exchange: wealth.events, key: "trade.#"}, {exchange: audit}]
            environment: prod
          - {name: orders, bytes: 4096, overflow: reject-publish}
          - {name: open}
        """
    )
    known = facts(declared, ["a", "b"])
    assert known.schema == FACTS.schema
    assert known.select("at_ns", "broker", "source").unique().rows() == [(0, "", "declared")]
    queues = known.filter(tenant="b", fact="queue")
    columns = ["environment", "name", "messages_max", "bytes_max", "overflow", "ttl_ns", "priorities", "dead_letter"]
    assert queues.select(columns).rows() == [
        ("prod", "notify-q", 1000, None, "drop-head", 300 * SECOND_NS, 9, "dlx"),
        (None, "orders", None, 4096, "reject-publish", None, None, None),
        (None, "open", None, None, None, None, None, None),
    ]
    routes = known.filter(tenant="a", fact="route", to="notify-q")
    assert routes.select("environment", "name", "kind", "routing_key", "to_kind").rows() == [
        ("prod", "", "default", "notify-q", "queue"),
        ("prod", "wealth.events", "topic", "trade.#", "queue"),
        ("prod", "audit", "topic", None, "queue"),
    ]
    assert facts(EMPTY, ["a"]).equals(FACTS.empty())


def test_services_are_sampled_by_tail_where_declared(catalog: Callable[[str], Catalog]) -> None:
    """By name and environment, both globs; without a declaration nobody is."""
    services = pl.LazyFrame(
        [("promo-mail", "prod"), ("promo-mail", "test"), ("trade", "prod"), (None, None)],
        schema={"service": pl.String, "environment": pl.String},
        orient="row",
    )
    declared = catalog('services: [{name: "promo-*", environment: prod, sampling: tail}]')
    assert tail_sampled(services, declared).collect()["tail"].to_list() == [True, False, False, False]
    assert not tail_sampled(services, EMPTY).collect()["tail"].any()
