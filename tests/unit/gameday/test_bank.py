from __future__ import annotations

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from baton.gameday import bank
from baton.gameday.scenario import Phase, Scenario

# Half a second in which ten times as much comes as is handled, into a queue of three.
_BUSY = Scenario(trades_per_s=20, queue_limit=3, handled_per_s=50, phases=(Phase("rush", 0.5, 480),))


def test_spans_and_ledger_tell_of_the_same_messages() -> None:
    """Everything sent is in a producer span, everything handed over in a consumer span, and nothing evicted is."""
    exporters: list[InMemorySpanExporter] = []

    def exporter() -> InMemorySpanExporter:
        exporters.append(InMemorySpanExporter())
        return exporters[-1]

    said: list[str] = []
    ledger = bank.run(exporter, _BUSY, said.append)
    spans = [span for exporter in exporters for span in exporter.get_finished_spans()]

    def ids(kind: SpanKind) -> list[object]:
        return sorted(
            span.attributes["messaging.message.id"] for span in spans if span.attributes and span.kind is kind
        )

    handed, evicted = ({message.message_id for message in part} for part in (ledger.handed, ledger.evicted))
    assert evicted
    assert ids(SpanKind.CONSUMER) == sorted(handed)
    assert ids(SpanKind.PRODUCER) == sorted(handed | evicted)
    assert {span.resource.attributes["service.name"] for span in spans} == {
        "wealth-gateway",
        "trade-execution",
        "notification",
        "market-data",
    }
    assert said == ["rush, 0.5 s: 20 trades and 480 ticks a second; notification handles 50"]


def test_an_interrupted_bank_closes_at_once() -> None:
    """Its threads end and its spans are exported, though the scenario has hours to go."""
    exporter = InMemorySpanExporter()

    def interrupt(_phase: str) -> None:
        raise KeyboardInterrupt

    long = Scenario(trades_per_s=1, queue_limit=3, handled_per_s=50, phases=(Phase("day", 3600, 1),))
    with pytest.raises(KeyboardInterrupt):
        bank.run(lambda: exporter, long, interrupt)
    # It was shut down: it takes nothing more.
    assert exporter.export(()).name == "FAILURE"
