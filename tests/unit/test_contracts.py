"""The schema is the stages' contract: what each stage gives is what the schema says, name by name, dtype by dtype."""

from __future__ import annotations

import random

import polars as pl
import pytest

from baton.analysis import Analysis, Paired, analyze, expect, pair_up
from baton.handoffs.telemetry import watch
from baton.journal.record import Record
from baton.ownership.catalog import EMPTY
from baton.pairs.pressure import pressure
from baton.schema import (
    CALLS,
    EXPECTATIONS,
    HANDOFFS,
    JOURNEY_KEYS,
    JOURNEYS,
    PAIRS,
    PRESSURE,
    RECEIPTS,
    SENDS,
    SIGHTINGS,
    SPANS,
    TELEMETRY,
    UNNAMED,
    Frame,
)
from baton.wire.decode import decode
from baton.wire.otlp_json import to_protobuf
from simulator import SECOND, START, TAKEN, Telemetry, Worker, poisson, run_queue

AS_OF_NS = START + 1000 * SECOND


@pytest.fixture(scope="module", params=["nothing", "a bank"])
def paired(request: pytest.FixtureRequest) -> Paired:
    """No span at all, and a bank with a full queue and calls."""
    rng = random.Random(1)
    telemetry = Telemetry(rng)
    messages = poisson(rng, 50, 0, 4, "trade", "m") if request.param == "a bank" else []
    run_queue(messages, [Worker("1", lambda: rng.expovariate(20))], limit=10)
    for message in messages:
        call = telemetry.span("trade", "POST", 3, message.at - 0.01, message.at, server__address="gateway")
        telemetry.span("gateway", "POST", 2, message.at - 0.009, message.at - 0.001, parent=call)
        sent = telemetry.span("trade", "send", 4, message.at, message.at + 0.001, messaging__destination="events")
        if message.fate == TAKEN:
            telemetry.span("notify", "process", 5, message.taken_at, message.done_at, parent=sent)
    spans = decode([Record(1, "default", to_protobuf(body)) for body in telemetry.requests()])
    return pair_up(spans.lazy(), EMPTY, AS_OF_NS)


@pytest.fixture(scope="module")
def analysis(paired: Paired) -> Analysis:
    """The same, judged."""
    return analyze(paired, expect(paired), EMPTY, JOURNEY_KEYS, AS_OF_NS)


def agrees(given: pl.DataFrame, frame: Frame) -> bool:
    """Whether a frame is what the schema says."""
    assert dict(given.schema) == dict(frame.schema)
    return True


def test_pairing_gives_what_the_schema_says(paired: Paired) -> None:
    """SENDS, PAIRS, UNNAMED, RECEIPTS, CALLS, from many spans and from none."""
    assert agrees(paired.sends, SENDS)
    assert agrees(paired.pairs, PAIRS)
    assert agrees(paired.unnamed, UNNAMED)
    assert agrees(paired.receipts, RECEIPTS)
    assert agrees(paired.calls, CALLS)


def test_spans_keep_their_columns_and_gain_the_sightings(paired: Paired) -> None:
    """What repair, conventions and ownership add is SIGHTINGS and nothing else."""
    added = {name: dtype for name, dtype in paired.spans.lazy().collect_schema().items() if name not in SPANS.names}
    assert added == dict(SIGHTINGS.schema)


def test_expectations_and_telemetry(paired: Paired) -> None:
    """EXPECTATIONS and TELEMETRY."""
    assert agrees(expect(paired), EXPECTATIONS)
    assert agrees(watch(paired.spans), TELEMETRY)


def test_judging_gives_the_public_row(analysis: Analysis) -> None:
    """JOURNEYS, and HANDOFFS in the order of `sent_at, handoff_id`."""
    assert agrees(analysis.journeys, JOURNEYS)
    assert agrees(analysis.handoffs, HANDOFFS)
    assert analysis.handoffs.equals(analysis.handoffs.sort("sent_at", "handoff_id"))


def test_pressure(paired: Paired) -> None:
    """PRESSURE."""
    rows = paired.sends.join(paired.receipts.select("send", "first_ns"), on="send", how="left")
    rows = rows.with_columns(pl.lit("events").alias("subscription"), pl.lit(["notify"]).alias("services"))
    assert agrees(pressure(rows), PRESSURE)
