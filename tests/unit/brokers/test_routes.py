from __future__ import annotations

import re
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from baton.brokers.routes import Binding, Reach, Routes, matches, routes, takes
from baton.schema import FACTS

WORDS = st.lists(st.sampled_from(["trade", "promo", "eu", ""]), max_size=5).map(".".join)
PATTERNS = st.lists(st.sampled_from(["trade", "promo", "eu", "*", "#", ""]), max_size=5).map(".".join)


def as_expression(pattern: str) -> str:
    """The pattern over words that each end in a dot."""
    word = {"*": r"[^.]*\.", "#": r"(?:[^.]*\.)*"}
    return "".join(word.get(part, re.escape(part) + r"\.") for part in pattern.split(".")) if pattern else ""


@given(PATTERNS, WORDS)
def test_topics_match_as_a_regular_expression_does(pattern: str, key: str) -> None:
    """`*` is one word and `#` any number, for every pattern and key."""
    words = "".join(f"{word}." for word in key.split(".")) if key else ""
    assert matches(pattern, key) == (re.fullmatch(as_expression(pattern), words) is not None)


@pytest.mark.parametrize(
    ("kind", "pattern", "key", "taken"),
    [
        ("direct", "a", "a", True),
        ("direct", "a", "b", False),
        ("direct", "a", None, None),
        ("fanout", None, None, True),
        ("topic", "#", None, True),
        ("topic", "a.#", None, None),
        ("topic", "a.#", "a", True),
        ("topic", "a.*", "a", False),
        ("headers", None, "a", None),
        ("x-consistent-hash", "1", "1", None),
        (None, "a", "a", None),
    ],
)
def test_a_binding_takes_what_its_kind_says(
    kind: str | None,
    pattern: str | None,
    key: str | None,
    taken: bool | None,  # noqa: FBT001 - a parameter of the table
) -> None:
    """True or False only where the key decides and is known."""
    assert takes(Binding(kind, pattern, "q", "queue"), key) is taken


def known(*bindings: tuple[str, str, str | None, str, str], queues: tuple[str, ...] = ()) -> Routes:
    """Routes of one vhost from (exchange, kind, key, to, to_kind)."""
    found: dict[tuple[str, str], tuple[Binding, ...]] = {}
    for exchange, kind, key, to, to_kind in bindings:
        found["/", exchange] = (*found.get(("/", exchange), ()), Binding(kind, key, to, to_kind))
    named = {to for _, _, _, to, to_kind in bindings if to_kind == "queue"}
    return Routes(found, {"/": frozenset(named) | frozenset(queues)})


def reached(found: Reach | None) -> tuple[set[str], set[str], set[str], bool]:
    """Always, possible, parked, one_set."""
    assert found is not None
    return set(found.always), set(found.possible), set(found.parked), found.one_set


def test_one_binding_leads_to_one_set_whatever_the_key() -> None:
    """Without a key a single topic binding may or may not take; if anything does, it is that queue."""
    ways = known(("trade", "topic", "trade.#", "notify", "queue"))
    assert reached(ways.reach("trade", None)) == (set(), {"notify"}, set(), True)
    assert reached(ways.reach("trade", "trade.done")) == ({"notify"}, {"notify"}, set(), True)
    assert reached(ways.reach("trade", "promo")) == (set(), set(), set(), True)


def test_bindings_that_part_ways_are_ambiguous_without_a_key() -> None:
    """Two keys for two queues: without the key it is either."""
    ways = known(("trade", "direct", "a", "qa", "queue"), ("trade", "direct", "b", "qb", "queue"))
    assert reached(ways.reach("trade", None)) == (set(), {"qa", "qb"}, set(), False)
    assert reached(ways.reach("trade", "b")) == ({"qb"}, {"qb"}, set(), True)


def test_a_catch_all_beside_a_pattern_is_sure_of_the_one_only() -> None:
    """`#` takes all; `trade.#` perhaps."""
    ways = known(("trade", "topic", "#", "audit", "queue"), ("trade", "topic", "trade.#", "notify", "queue"))
    assert reached(ways.reach("trade", None)) == ({"audit"}, {"audit", "notify"}, set(), False)


def test_exchanges_lead_on_to_exchanges_and_may_go_in_circles() -> None:
    """A hop keeps the key; a circle ends."""
    ways = known(
        ("in", "fanout", None, "out", "exchange"),
        ("out", "topic", "eu.#", "eu", "queue"),
        ("out", "fanout", None, "in", "exchange"),
    )
    assert set(reached(ways.reach("in", "eu.trade"))[1]) == {"eu"}


def test_an_alternate_exchange_parks_what_no_binding_takes() -> None:
    """Only what nothing else takes goes there."""
    ways = known(
        ("trade", "direct", "a", "qa", "queue"),
        ("trade", "alternate", None, "ae", "exchange"),
        ("ae", "topic", "#", "unrouted", "queue"),
    )
    assert reached(ways.reach("trade", "b")) == (set(), set(), {"unrouted"}, True)
    assert reached(ways.reach("trade", "a")) == ({"qa"}, {"qa"}, set(), True)


def test_a_queues_name_is_the_default_exchange() -> None:
    """Clients name the queue where they publish to the default exchange."""
    assert reached(known(queues=("orders",)).reach("orders", None)) == ({"orders"}, {"orders"}, set(), True)


def test_a_name_that_is_exchange_and_queue_counts_where_both_agree() -> None:
    """Celery names both alike; where they differ nobody can tell which was meant."""
    same = known(("jobs", "direct", "jobs", "jobs", "queue"))
    other = known(("jobs", "direct", "jobs", "elsewhere", "queue"), queues=("jobs",))
    assert reached(same.reach("jobs", None))[1] == {"jobs"}
    assert other.reach("jobs", None) is None


def test_an_exchange_in_two_vhosts_is_ambiguous_and_an_unknown_one_unknown() -> None:
    """Spans name no vhost."""
    ways = Routes({(vhost, "trade"): (Binding("fanout", None, "q", "queue"),) for vhost in ("a", "b")}, {})
    assert ways.reach("trade", None) is None
    assert known().reach("trade", None) is None


def test_exchanges_that_are_all_bound_to_each_other_are_followed() -> None:
    """Each exchange is asked once for each hop, not once for each of the countless ways to it."""
    names = [f"e{number}" for number in range(40)]
    every = tuple(Binding("fanout", None, name, "exchange") for name in names)
    ways = Routes({("/", name): (*every, Binding("fanout", None, "q", "queue")) for name in names}, {})
    assert reached(ways.reach("e0", None))[:2] == ({"q"}, {"q"})


def facts(*rows: dict[str, Any]) -> pl.DataFrame:
    """FACTS of routes in one vhost."""
    told = [{"fact": "route", "vhost": "/", "to_kind": "queue", "at_ns": 1, **row} for row in rows]
    return pl.DataFrame(told, schema=FACTS.schema)


def test_an_exchange_without_bindings_takes_nothing() -> None:
    """A route that leads nowhere says that the exchange is there."""
    ways = routes(facts({"name": "trade", "kind": "topic", "to": None, "to_kind": None}), 0)
    assert reached(ways.reach("trade", "a")) == (set(), set(), set(), True)


def test_a_binding_that_came_or_went_meanwhile_is_sure_of_nothing() -> None:
    """What held only for a part of the time may have taken a message; what was gone before did not."""
    bound = {"name": "trade", "kind": "fanout", "to": "notify"}
    late = {"name": "trade", "kind": "fanout", "to": "audit", "at_ns": 5}
    gone = {**bound, "fact": "route_gone", "at_ns": 7}
    assert reached(routes(facts(bound, late), 0).reach("trade", None))[:2] == ({"notify"}, {"notify", "audit"})
    assert reached(routes(facts(bound, gone), 3).reach("trade", None))[:2] == (set(), {"notify"})
    assert routes(facts(bound, gone), 9).reach("trade", None) is None
