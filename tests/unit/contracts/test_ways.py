from __future__ import annotations

import fnmatch
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from baton.contracts.contract import Agreed
from baton.contracts.deadlines import agreed
from baton.contracts.ways import Ways, regex
from promises import call, contract, traffic
from recording import SECOND


@given(glob=st.text("ab*?[]!-^\\.&~|#{", max_size=8), name=st.text("ab[]!-^\\.&~|#{", max_size=6))
def test_a_glob_is_fnmatch_s(glob: str, name: str) -> None:
    """Polars finds by the translated glob what Python's fnmatch finds, whatever characters stand in it."""
    found = pl.Series([name]).str.contains(f"^(?:{regex(glob)})$")[0]
    assert found == fnmatch.fnmatchcase(name, glob)


def covers(one: Any, **row: Any) -> bool:  # noqa: ANN401 - any contract, any column
    """Whether the contract speaks of such a handoff."""
    return Ways(traffic(row)).of(one).height == 1


@pytest.mark.parametrize(
    ("more", "row", "does"),
    [
        ({}, {}, True),
        ({"sender": "tra*"}, {}, True),
        ({"sender": "tra"}, {}, False),
        ({"channel": "ord[[]1]"}, {"channel": "ord[1]"}, True),
        ({"key": "order.*"}, {}, True),
        ({"key": "order.#"}, {"routing_key": "order.new.fast"}, True),
        ({"key": "order.#"}, {"routing_key": "order"}, True),
        ({"key": "order.#"}, {"routing_key": "orders"}, False),
        ({"key": "trade.#"}, {}, False),
        ({"key": "order.new"}, {"routing_key": None}, False),
        ({"environment": "prod"}, {}, False),
        ({"environment": "prod"}, {"environment": "prod"}, True),
        ({"receivers": ["audit"]}, {}, False),
        ({"receivers": ["audit", "not*"]}, {}, True),
        ({"receivers": ["notify"]}, {"to_service": None}, True),
        ({"receivers": ["notify"]}, {"to_service": "audit\x1fnotify"}, True),
        ({"receivers": ["audit*notify"]}, {"to_service": "audit\x1fnotify"}, False),
        ({}, call(), False),
        ({"call": "POST /settle"}, call(), True),
        ({"callee": "settlement"}, call(), True),
        ({"callee": "settlement"}, call(to_service=None), False),
        ({"call": "bank.Settle/Do"}, call(operation="x\x1fbank.Settle/Do"), True),
        ({"call": "POST /other"}, call(), False),
    ],
)
def test_what_a_contract_speaks_of(more: dict[str, Any], row: dict[str, Any], does: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Names are globs, case counts; of a message to nobody known the contract's receivers are who should have it."""
    assert covers(contract({}, **more), **row) == does


def test_a_call_that_names_no_operation_may_be_the_one() -> None:
    """Nobody answered, and its span names the method alone: it counts as unobserved, never as lost."""
    rows = traffic(call(operation="POST", took=None), call(operation="POST /other", took=None), call())
    found = Ways(rows).of(contract({}, call="POST /settle"))
    assert found.select("send", "verdict").sort("send").rows() == [(0, "unobserved"), (2, "delivered")]


def test_every_handoff_of_a_contract_is_found() -> None:
    """However ways lie among each other, a contract finds its own, and what none speaks of is told."""
    rows = traffic(*({"channel": f"c-{at * 7 % 5}", "service": f"s-{at % 3}"} for at in range(60)))
    ways = Ways(rows)
    found = ways.of(contract({}, sender="s-1", channel="c-[24]"))
    wanted = rows.filter(pl.col("service") == "s-1", pl.col("channel").is_in(["c-2", "c-4"]))
    assert found.sort("send").equals(wanted)
    left = ways.unspoken([contract({}, sender="s-[01]", channel="*"), contract({}, sender="*", channel="c-0")])
    assert left["handoffs"].sum() == rows.filter(pl.col("service") == "s-2", pl.col("channel") != "c-0").height


def test_deadlines_for_the_judgement() -> None:
    """Signed and imported ones apart, the longest of each; rows stay in order; only messages have one."""
    rows = pl.DataFrame(
        [
            {"channel": "orders", "services": ["notify"], "relation": "expected", "expected_by": "learned"},
            {"channel": "trades", "services": None, "relation": "expected", "expected_by": None},
            {"channel": "orders", "services": None, "relation": "expected", "expected_by": None},
            {"channel": "orders", "services": ["audit"], "relation": "onward", "expected_by": None},
        ],
        schema_overrides={"services": pl.List(pl.String)},
    ).with_columns(environment=pl.lit(""), service=pl.lit("trading"), routing_key=pl.lit(None, dtype=pl.String))
    signed = (contract({"deadline": "2s"}, receivers=["notify"]), contract({"deadline": "1s"}))
    imported = (contract({"deadline": "9s"}, channel="*"), contract({"deadline": "20s"}, callee="x"))
    found = agreed(rows, Agreed(signed, imported))
    assert found["agreed_ns"].to_list() == [2 * SECOND, None, 2 * SECOND, SECOND]
    assert found["imported_ns"].to_list() == [9 * SECOND] * 4
    assert found["expected_by"].to_list() == ["learned", "declared", "declared", None]
    assert agreed(rows, Agreed())["agreed_ns"].null_count() == 4
