from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from baton.lint.traffic import COLUMNS, TRAFFIC, traffic
from baton.schema import FLOWS, HANDOFFS

START = datetime(2026, 11, 24, tzinfo=UTC)
TTLS = pl.DataFrame({"tenant": ["default"], "queue": ["q"], "ttl_ns": [300_000_000]})


def handoff(wait_ms: float | None = 100, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - columns of HANDOFFS
    """A message of the channel orders; null without a receipt."""
    received = None if wait_ms is None else START + timedelta(milliseconds=wait_ms)
    told = {"kind": "message", "tenant": "default", "environment": "prod", "channel": "orders", "to_service": "notify"}
    verdict = "delivered" if received else "dropped"
    return {**told, "sent_at": START, "received_at": received, "verdict": verdict, **more}


def told(*rows: dict[str, Any], homes: tuple[str, ...] = ("q",)) -> list[dict[str, Any]]:
    """Rows of TRAFFIC, where the channel orders goes to these queues."""
    place = {"tenant": "default", "environment": "prod", "channel": "orders", "service": "trading"}
    sent = pl.DataFrame([{**place, "queue": queue} for queue in homes], schema=FLOWS.schema)
    schema = {name: HANDOFFS.schema[name] for name in COLUMNS}
    found = traffic(pl.DataFrame(list(rows), schema=schema).lazy(), sent, TTLS)
    assert found.schema == TRAFFIC
    return found.to_dicts()


def test_what_became_of_messages_is_counted_by_queue() -> None:
    """Losses by cause, waits beyond the TTL and against the clock, and who refused, each counted once."""
    causes = ("overflow", "overflow", "expired", "rejected", "unknown")
    lost = [handoff(None, cause=cause, to_service=cause) for cause in causes]
    (row,) = told(*lost, handoff(100), handoff(400), handoff(-5))
    counts = {name: row[name] for name in ("handoffs", "received", "overflow", "expired", "rejected")}
    assert counts == {"handoffs": 8, "received": 3, "overflow": 2, "expired": 1, "rejected": 1}
    assert (row["over_ttl"], row["backwards"], row["refusers"]) == (1, 1, ["rejected"])
    assert (row["p50_ms"], row["p99_ms"], row["max_ms"]) == (400.0, 400.0, 400.0)


def test_a_row_without_a_queue_is_of_the_one_that_its_channel_goes_to() -> None:
    """Where the channel goes to two queues, a row that names none is of neither; one that names its own is of that."""
    assert [row["queue"] for row in told(handoff())] == ["q"]
    assert told(handoff(), homes=("q", "r")) == []
    assert [row["queue"] for row in told(handoff(queue="r"), homes=("q", "r"))] == ["r"]


def test_calls_and_steps_are_no_traffic_of_queues() -> None:
    """Only messages wait in queues."""
    assert told(handoff(kind="call", queue="q"), handoff(kind="step", queue="q")) == []
