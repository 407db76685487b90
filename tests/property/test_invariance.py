"""Rows depend on the spans and on nothing else: not on the order of requests, their sizes, or how often they came."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from baton.analysis import analyze, expect, pair_up
from baton.journal.record import Record
from baton.ownership.catalog import EMPTY
from baton.schema import JOURNEY_KEYS
from baton.wire.decode import decode
from baton.wire.otlp_json import to_protobuf
from simulator import SECOND, START, TAKEN, Telemetry, Worker, poisson, run_queue

if TYPE_CHECKING:
    from collections.abc import Iterable

    import polars as pl

AS_OF_NS = START + 1000 * SECOND


def bank() -> Telemetry:
    """Ten seconds with a full queue, two receivers and calls: pairs by parent, link and id, hits and losses."""
    rng = random.Random(3)
    telemetry = Telemetry(rng)
    messages = poisson(rng, 10, 0, 10, "trade", "c") + poisson(rng, 100, 3, 6, "market", "t")
    run_queue(messages, [Worker(str(number), lambda: rng.expovariate(25)) for number in range(2)], limit=20)
    for number, message in enumerate(messages):
        names = {
            "messaging__system": "rabbitmq",
            "messaging__destination__name": "events",
            "messaging__message__id": message.id,
        }
        call = telemetry.span(message.sender, "POST /", 3, message.at - 0.01, message.at, server__address="gateway")
        telemetry.span("gateway", "POST /", 2, message.at - 0.009, message.at - 0.001, parent=call)
        sent = telemetry.span(message.sender, "send", 4, message.at, message.at + 0.001, parent=call, **names)
        if message.fate == TAKEN:
            telemetry.span(
                "notify",
                "process",
                5,
                message.taken_at,
                message.done_at,
                instance=message.worker,
                parent=sent if number % 3 == 0 else None,
                links=[sent] if number % 3 == 1 else [],
                trade__id=message.id,
                **names,
            )
    return telemetry


def rows_of(requests: Iterable[bytes]) -> pl.DataFrame:
    """Public rows, expectations refreshed first."""
    spans = decode([Record(number, "default", to_protobuf(request)) for number, request in enumerate(requests)])
    paired = pair_up(spans.lazy(), EMPTY, AS_OF_NS)
    return analyze(paired, expect(paired), EMPTY, JOURNEY_KEYS, AS_OF_NS).handoffs


@pytest.fixture(scope="module")
def telemetry() -> Telemetry:
    """The bank."""
    return bank()


@pytest.fixture(scope="module")
def plain(telemetry: Telemetry) -> pl.DataFrame:
    """Its rows when each request came once and in order."""
    return rows_of(telemetry.requests())


def test_the_bank_shows_something(plain: pl.DataFrame) -> None:
    """The invariance below is over rows of several kinds and verdicts."""
    assert {"call", "message"} == set(plain["kind"])
    assert {"delivered", "dropped"} <= set(plain["verdict"])


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), size=st.integers(1, 400), copies=st.integers(1, 3))
def test_shuffling_splitting_and_doubling_change_no_row(
    telemetry: Telemetry, plain: pl.DataFrame, seed: int, size: int, copies: int
) -> None:
    """Requests in any order, of any size, each sent up to three times: the same rows to the last nanosecond."""
    rng = random.Random(seed)
    spans = list(telemetry.spans)
    rng.shuffle(telemetry.spans)
    try:
        requests = telemetry.requests(size) * copies
    finally:
        telemetry.spans = spans
    rng.shuffle(requests)
    assert_frame_equal(rows_of(requests), plain)
