"""Calls of a simulated bank with known truth: who answered, who did not, and what nobody can know."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from baton.analysis import analyze, expect, pair_up
from baton.journal.record import Record
from baton.ownership.catalog import EMPTY
from baton.schema import JOURNEY_KEYS
from baton.wire.decode import decode
from baton.wire.otlp_json import to_protobuf
from simulator import SECOND, START, Telemetry

if TYPE_CHECKING:
    from collections.abc import Callable

    import polars as pl

CALLS = 300
TARGET: dict[str, Any] = {"server__address": "ledger", "server__port": 443}

Answer = tuple[bool, str | None, dict[str, Any]]
"""Whether a server span exists, the client's error, further client attributes."""


def bank(answer: Callable[[int], Answer], *, server: str = "ledger") -> Telemetry:
    """A gateway that calls another service ten times a second."""
    telemetry = Telemetry(random.Random(5))
    for number in range(CALLS):
        at = number / 10
        served, error, attributes = answer(number)
        entry = telemetry.span("gateway", "POST /pay", 2, at, at + 0.05)
        call = telemetry.span(
            "gateway", "POST", 3, at + 0.01, at + 0.04, parent=entry, error=error, **TARGET, **attributes
        )
        if served:
            telemetry.span(server, "POST /post", 2, at + 0.015, at + 0.035, parent=call, error=error)
    return telemetry


def judged(telemetry: Telemetry) -> pl.DataFrame:
    """Public rows, long after."""
    spans = decode([Record(1, "default", to_protobuf(request)) for request in telemetry.requests()])
    as_of_ns = START + 100_000 * SECOND
    paired = pair_up(spans.lazy(), EMPTY, as_of_ns)
    return analyze(paired, expect(paired), EMPTY, JOURNEY_KEYS, as_of_ns).handoffs


def counted(rows: pl.DataFrame) -> dict[tuple[str, str | None], int]:
    """(verdict, cause) -> rows."""
    return {(verdict, cause): count for verdict, cause, count in rows.group_by("verdict", "cause").len().iter_rows()}


def test_an_error_that_was_answered_is_a_delivered_call() -> None:
    """A server span proves the handoff, whatever it answered."""
    rows = judged(bank(lambda number: (True, "boom" if number % 10 == 0 else None, {"http__status_code": 500})))
    assert counted(rows) == {("delivered", None): CALLS}


def test_a_refused_call_is_lost() -> None:
    """The caller's own word, no server span, and a server heard before and after: call_lost."""
    rows = judged(bank(lambda n: (n % 20 != 7, "connection refused" if n % 20 == 7 else None, {})))
    assert counted(rows) == {("delivered", None): CALLS - 15, ("dropped", "call_lost"): 15}
    lost = rows.filter(rows["verdict"] == "dropped").row(0, named=True)
    assert (lost["to_service"], lost["confidence"], lost["channel"]) == ("ledger", "inferred", None)


@pytest.mark.parametrize("status", [404, 500])
def test_an_answered_call_without_a_server_span_accuses_nobody(status: int) -> None:
    """Somebody answered: the server's span is what is missing."""
    rows = judged(
        bank(lambda n: (n % 20 != 7, "error" if n % 20 == 7 else None, {"http__response__status_code": status}))
    )
    assert counted(rows) == {("delivered", None): CALLS - 15, ("unobserved", None): 15}


def test_a_gateways_answer_for_a_server_is_no_answer() -> None:
    """503 is what a proxy says when the server did not take the call."""
    rows = judged(bank(lambda n: (n % 20 != 7, "error" if n % 20 == 7 else None, {"http__status_code": 503})))
    assert counted(rows) == {("delivered", None): CALLS - 15, ("dropped", "call_lost"): 15}


def test_a_third_party_without_spans_is_unobserved() -> None:
    """No server span ever answered there: not instrumented, nobody accused, one row a call."""
    rows = judged(bank(lambda number: (False, "timeout" if number % 3 == 0 else None, {})))
    assert counted(rows) == {("unobserved", None): CALLS}
    assert rows["to_service"].null_count() == CALLS


def test_a_sampling_server_is_unobserved() -> None:
    """Where half of the good calls have no server span, a failed one without a span proves nothing."""
    rows = judged(bank(lambda n: (n % 2 == 0, "refused" if n % 20 == 7 else None, {})))
    assert counted(rows) == {("delivered", None): CALLS // 2, ("unobserved", None): CALLS // 2}


def test_a_server_that_fell_silent_is_unobserved() -> None:
    """Its telemetry ends with its answers: down or cut, nobody can tell from spans."""
    rows = judged(bank(lambda n: (n < CALLS - 50, "refused" if n >= CALLS - 50 else None, {})))
    assert counted(rows) == {("delivered", None): CALLS - 50, ("unobserved", None): 50}


def test_a_call_that_was_tried_again_is_retried() -> None:
    """Two clients under one parent, the second answered: the first was made good."""
    telemetry = bank(lambda _: (True, None, {}))
    entry = telemetry.span("gateway", "POST /pay", 2, 12.0, 12.5)
    telemetry.span("gateway", "POST", 3, 12.1, 12.2, parent=entry, error="reset", **TARGET)
    again = telemetry.span("gateway", "POST", 3, 12.3, 12.4, parent=entry, **TARGET)
    telemetry.span("ledger", "POST /post", 2, 12.31, 12.39, parent=again)
    assert counted(judged(telemetry)) == {("delivered", None): CALLS + 1, ("retried", None): 1}


def test_database_clients_are_no_handoffs() -> None:
    """A client span that names a database gives no row."""
    telemetry = bank(lambda _: (True, None, {}))
    for name, key in (("new", "db__system__name"), ("old", "db__system")):
        telemetry.span("ledger", name, 3, 1.0, 1.1, error="deadlock", **{key: "postgresql"}, **TARGET)
    assert counted(judged(telemetry)) == {("delivered", None): CALLS}


def test_an_rpc_client_over_an_http_client_is_one_call() -> None:
    """Of nested client spans of one service one stands for the call, the one that was answered."""
    telemetry = bank(lambda _: (True, None, {}))
    outer = telemetry.span("gateway", "Ledger/Post", 3, 5.0, 5.2, rpc__service="Ledger")
    inner = telemetry.span("gateway", "POST", 3, 5.01, 5.19, parent=outer, **TARGET)
    telemetry.span("ledger", "Ledger/Post", 2, 5.05, 5.15, parent=inner)
    assert counted(judged(telemetry)) == {("delivered", None): CALLS + 1}
