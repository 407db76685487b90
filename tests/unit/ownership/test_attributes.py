from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from baton.limits import TIME_NS_MAX
from baton.ownership.attributes import CLAIM, claimed
from baton.ownership.rules import Rule, Rules
from baton.ownership.told_by import resources
from baton.schema import SPANS, UNOWNED
from baton.spans.repair import repair

if TYPE_CHECKING:
    from collections.abc import Mapping


def attribute(key: str, value: str) -> dict[str, Any]:
    """One attribute of a string value, as `schema.ATTRIBUTE`."""
    return {"key": key, "value": value, "type": 1}


def teams(rules: Rules, rows: list[dict[str, Any]]) -> list[str | None]:
    """The teams that the rules give to spans of these columns, each of a process of its own."""

    def whole(at: int, row: Mapping[str, Any]) -> dict[str, Any]:
        ids = {"trace_id": bytes(16), "span_id": at.to_bytes(8, "big"), "trace_key": 0, "span_key": at}
        plain = {"tenant": "bank", "environment": "", "service": str(at), "service_instance": "", "start_ns": 0}
        return {**ids, **plain, "end_ns": 0, **row}

    frame = pl.DataFrame([whole(at, row) for at, row in enumerate(rows)], schema=SPANS.schema).lazy()
    spans = repair(frame, TIME_NS_MAX)
    return claimed(spans, rules, resources(spans))[CLAIM].to_list()


def test_every_list_is_looked_at() -> None:
    """Span attributes, resource attributes and keys count; other attributes, empty and null lists give null."""
    rules = Rules([Rule("attribute", ("trade.id", "T*"), "trading"), Rule("attribute", ("desk", "T*"), "desk")])
    rows: list[dict[str, Any]] = [
        {"attributes": [attribute("x", "T"), attribute("desk", "T1")]},
        {"resource": [attribute("desk", "T2")]},
        {"resource": [attribute("trade.id", "T2")]},
        {"keys": [{"key": "trade.id", "value": "T3"}]},
        {"attributes": [attribute("x", "T1")]},
        {"attributes": [attribute("desk", "X1")]},
        {"attributes": [], "resource": [], "keys": []},
        {},
    ]
    assert teams(rules, rows) == ["desk", "desk", "trading", "trading", None, None, None, None]


@pytest.mark.parametrize(
    ("key", "column", "value"),
    [
        ("http.route", "http_route", "/trades"),
        ("messaging.destination", "destination", "/trades"),
        ("messaging.destination.name", "destination", "/trades"),
        ("messaging.message.id", "message_id", "/trades"),
        ("deployment.environment", "environment", "/trades"),
        ("service.version", "service_version", "/trades"),
        ("server.port", "server_port", 443),
    ],
)
def test_attributes_that_fill_a_column_are_found_there(key: str, column: str, value: object) -> None:
    """A rule on an attribute that decoding moved into a column sees the column, under current and deprecated names."""
    rules = Rules([Rule("attribute", (key, str(value)), "a")])
    assert teams(rules, [{column: value}, {}]) == ["a", None]


def test_a_resource_attribute_that_filled_no_column_is_found() -> None:
    """A host's name, where something else names the instance, stays among the resource attributes."""
    rules = Rules([Rule("attribute", ("host.name", "n1"), "a")])
    rows = [{"service_instance": "i", "resource": [attribute("host.name", "n1")]}, {"service_instance": "n1"}]
    assert teams(rules, rows) == ["a", "a"]


def test_the_most_specific_attribute_decides() -> None:
    """Of several attributes of a span the exact rule decides over globs, and a longer glob over a shorter."""
    rules = Rules(
        [
            Rule("attribute", ("k", "exact"), "exact"),
            Rule("attribute", ("l", "long-*"), "long"),
            Rule("attribute", ("m", "l*"), "short"),
        ]
    )
    k, l_, m = attribute("k", "exact"), attribute("l", "long-x"), attribute("m", "lx")
    rows = [{"attributes": [m, l_, k]}, {"attributes": [m], "resource": [l_]}, {"attributes": [m]}]
    assert teams(rules, rows) == ["exact", "long", "short"]


def test_attributes_that_disagree_are_a_gray_area() -> None:
    """Rules of equal rank for two teams, on one value or on two attributes, make the span unowned rather than null."""
    rules = Rules(
        [Rule("attribute", ("k", "v"), "a"), Rule("attribute", ("k", "v"), "b"), Rule("attribute", ("l", "w"), "a")]
    )
    assert teams(rules, [{"attributes": [attribute("k", "v")]}, {"attributes": [attribute("l", "w")]}]) == [
        UNOWNED,
        "a",
    ]
    apart = Rules([Rule("attribute", ("k", "v"), "a"), Rule("attribute", ("l", "w"), "b")])
    assert teams(apart, [{"attributes": [attribute("k", "v")], "resource": [attribute("l", "w")]}]) == [UNOWNED]


PAIRS = st.lists(st.tuples(st.sampled_from(["k", "l", "m"]), st.text("ab", max_size=2)), max_size=3)
SAID = st.tuples(PAIRS, PAIRS, st.none() | st.text("ab", min_size=1, max_size=2))
RULES = st.lists(
    st.builds(
        Rule,
        st.just("attribute"),
        st.tuples(st.sampled_from(["k", "l", "http.route"]), st.text("ab*?", min_size=1, max_size=2)),
        st.sampled_from(["red", "green"]),
    ),
    min_size=1,
    max_size=6,
)


@given(RULES, st.lists(SAID, max_size=5))
def test_frames_decide_as_single_facts_do(rules: list[Rule], said: list[tuple[Any, ...]]) -> None:
    """Spans have the teams that `Rules.explain` gives to all that they, their process and their columns say."""
    compiled = Rules(rules)
    rows, expected = [], []
    for own, process, route in said:
        rows.append(
            {
                "attributes": [attribute(*pair) for pair in own],
                "resource": [attribute(*pair) for pair in process],
                "http_route": route,
            }
        )
        filled = [] if route is None else [("http.route", route)]
        decision = compiled.explain(*(("attribute", *pair) for pair in (*own, *process, *filled)))
        expected.append(decision.owner if decision.matched else None)
    assert teams(compiled, rows) == expected
