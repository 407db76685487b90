from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from baton.limits import DAY_NS
from baton.ownership.idle import Horizon, idle
from baton.ownership.rules import compile_rules

if TYPE_CHECKING:
    from collections.abc import Callable

    import polars as pl

    from baton.ownership.catalog import Catalog

NOW = 1_790_000_000_000_000_000  # 2026-09-21
HORIZON = Horizon(NOW, 30, NOW - 100 * DAY_NS)

OWNERS = """
teams:
  - name: trade
    owns:
      services: ["trade-*", {name: reborn, from: 2026-09-15}, {name: past, until: 2026-09-01}]
      attributes: {app.domain: trade}
      rpc_services: [bank.Trades]
journey_types:
  - name: purchase
    entry: {service: shop, span: "buy*"}
    owner: trade
    steps: [{service: trade-execution}]
channels: [{name: orders, deadline: 2s}]
queues: [{name: sms-q, limit: 10}]
services: [{name: promo, sampling: tail}]
"""
ALL = {
    ("attribute", "app.domain", "trade"): NOW,
    ("rpc_service", "bank.Trades"): NOW,
    ("service", "trade-execution"): NOW,
    ("entry", "shop", "buy now"): NOW,
    ("step", "trade-execution", "run"): NOW,
    ("deadline", "orders", "prod"): NOW,
    ("queue", "sms-q"): NOW,
    ("sampling", "promo", "prod"): NOW,
}


def told(frame: pl.DataFrame) -> set[tuple[str, str, str]]:
    """Section, kind and name of each row."""
    return set(frame.select("section", "kind", "name").iter_rows())


def test_what_is_seen_is_not_told(catalog: Callable[[str], Catalog]) -> None:
    """Nothing of what was seen just now; a rule that began of late is too young to say, one that ended is past."""
    declared = catalog(OWNERS)
    found = idle(declared, compile_rules(declared), ALL, HORIZON)
    assert told(found) == {("unseen", "service", "reborn")}
    assert "since it holds" in found["detail"][0]


@pytest.mark.parametrize(
    ("fact", "kind", "name", "owner"),
    [
        (("attribute", "app.domain", "trade"), "attribute", "app.domain=trade", "trade"),
        (("rpc_service", "bank.Trades"), "RPC service", "bank.Trades", "trade"),
        (("service", "trade-execution"), "service", "trade-*", "trade"),
        (("entry", "shop", "buy now"), "journey type", "purchase: shop buy*", "trade"),
        (("step", "trade-execution", "run"), "journey step", "purchase: trade-execution *", "trade"),
        (("deadline", "orders", "prod"), "channels entry", "orders *", None),
        (("queue", "sms-q"), "queues entry", "sms-q", None),
        (("sampling", "promo", "prod"), "services entry", "promo *", None),
    ],
)
def test_each_entry_can_go_stale(
    catalog: Callable[[str], Catalog], fact: tuple[str, ...], kind: str, name: str, owner: str | None
) -> None:
    """Where the one thing that matches it was seen last 30 days ago; a day later it was not stale."""
    declared = catalog(OWNERS)
    rules = compile_rules(declared)
    found = idle(declared, rules, {**ALL, fact: NOW - 30 * DAY_NS}, HORIZON)
    assert ("stale", kind, name, owner) in set(found.select("section", "kind", "name", "owner").iter_rows())
    assert told(idle(declared, rules, {**ALL, fact: NOW - 29 * DAY_NS}, HORIZON)) == {("unseen", "service", "reborn")}


@pytest.mark.parametrize(
    ("reach_ns", "section", "said"),
    [
        (NOW - 30 * DAY_NS, "stale", "no span in the 30 days that the store holds"),
        (NOW - 30 * DAY_NS + 1, "unseen", "too few to call it stale"),
        (None, "unseen", "no span in the 0.0 days"),
    ],
)
def test_a_young_store_calls_nothing_stale(reach_ns: int | None, section: str, said: str) -> None:
    """What was never seen is stale only in a store that reaches back so far."""
    judged = Horizon(NOW, 30, reach_ns).judged(None)
    assert judged is not None
    assert judged[0] == section
    assert said in judged[1]


def test_one_tenant_is_named() -> None:
    """A file is every tenant's: what one tenant's spans do not show, another's may."""
    judged = Horizon(NOW, 30, None, "markets").judged(None)
    assert judged is not None
    assert "of tenant markets" in judged[1]
