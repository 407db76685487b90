from __future__ import annotations

from typing import Any, Literal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from baton.ownership.attributes import team_by_attribute
from baton.ownership.rules import Rule, Rules
from baton.schema import SPANS, UNOWNED


def attribute(key: str, value: str) -> dict[str, Any]:
    """One attribute of a string value, as `schema.ATTRIBUTE`."""
    return {"key": key, "value": value, "type": 1}


def teams(
    rules: Rules, rows: list[dict[str, Any]], engine: Literal["in-memory", "streaming"] = "in-memory"
) -> list[str | None]:
    """The teams that the rules give to spans of these columns; columns left out are null."""
    frame = pl.DataFrame(rows, schema=SPANS.schema).lazy()
    return frame.select(team=team_by_attribute(rules)).collect(engine=engine)["team"].to_list()


@pytest.mark.parametrize("engine", ["in-memory", "streaming"])
def test_every_list_is_looked_at(engine: Literal["in-memory", "streaming"]) -> None:
    """Span attributes, resource attributes and keys count; other attributes, empty and null lists give null."""
    rules = Rules([Rule("attribute", ("trade.id", "T*"), "trading")])
    rows: list[dict[str, Any]] = [
        {"attributes": [attribute("x", "T"), attribute("trade.id", "T1")]},
        {"resource": [attribute("trade.id", "T2")]},
        {"keys": [{"key": "trade.id", "value": "T3"}]},
        {"attributes": [attribute("x", "T1")]},
        {"attributes": [attribute("trade.id", "X1")]},
        {"attributes": [], "resource": [], "keys": []},
        {},
    ]
    assert teams(rules, rows, engine) == ["trading", "trading", "trading", None, None, None, None]


@pytest.mark.parametrize(
    ("key", "column", "value"),
    [
        ("http.route", "http_route", "/trades"),
        ("messaging.destination", "destination", "/trades"),
        ("messaging.destination.name", "destination", "/trades"),
        ("deployment.environment", "environment", "/trades"),
        ("service.version", "service_version", "/trades"),
        ("server.port", "server_port", 443),
    ],
)
def test_attributes_that_fill_a_column_are_found_there(key: str, column: str, value: object) -> None:
    """A rule on an attribute that decoding moved into a column sees the column, under current and deprecated names."""
    rules = Rules([Rule("attribute", (key, str(value)), "a")])
    assert teams(rules, [{column: value}, {}]) == ["a", None]


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


PAIRS = st.lists(st.tuples(st.sampled_from(["k", "l", "http.route"]), st.text("ab", max_size=2)), max_size=3)
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


@given(RULES, st.lists(PAIRS, max_size=5))
def test_frames_decide_as_single_facts_do(rules: list[Rule], said: list[list[tuple[str, str]]]) -> None:
    """For any rules and spans, the vectorised stage gives what `Rules.explain` says of the span's attributes."""
    compiled = Rules(rules)
    rows = [{"attributes": [attribute(key, value) for key, value in pairs]} for pairs in said]
    decisions = [compiled.explain(*(("attribute", key, value) for key, value in pairs)) for pairs in said]
    expected = [decision.owner if decision.matched else None for decision in decisions]
    assert teams(compiled, rows) == expected
