from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from baton.gameday.queue import BoundedQueue
from baton.gameday.services import Gateway, MarketData, Notification, TradeExecution

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.sdk.trace import ReadableSpan

_Spans = dict[tuple[SpanKind, str], "ReadableSpan"]


@pytest.fixture
def spans() -> _Spans:
    """The spans of one trade and one tick, by kind and name; those of the tick under a `tick` name."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("t")
    queue = BoundedQueue(10)
    Gateway(tracer, TradeExecution(tracer, queue)).trade("T-0001")
    MarketData(tracer, queue).tick(1)
    queue.close()
    Notification(tracer, queue, handling_s=0.01).run()
    found: _Spans = {}
    for span in exporter.get_finished_spans():
        tick = _attributes(span).get("messaging.message.id") == "tick-00001"
        host = _attributes(span).get("server.address", "")
        name = host if span.kind is SpanKind.CLIENT else span.name
        found[span.kind, f"{'tick: ' if tick else ''}{name}"] = span
    return found


def _attributes(span: ReadableSpan) -> Mapping[str, object]:
    return span.attributes or {}


def _parent(span: ReadableSpan) -> int | None:
    return span.parent.span_id if span.parent else None


def test_a_trade_is_one_trace_from_the_customer_to_the_sms(spans: _Spans) -> None:
    """Each span's parent is the one before it, across the call and across the queue."""
    chain = [
        spans[SpanKind.SERVER, "POST /trades"],
        spans[SpanKind.CLIENT, "trade-execution.wealth.example"],
        spans[SpanKind.SERVER, "POST /executions"],
        spans[SpanKind.PRODUCER, "send wealth.events"],
        spans[SpanKind.CONSUMER, "process wealth.events"],
        spans[SpanKind.CLIENT, "sms-gateway.example"],
    ]
    assert len({span.context.trace_id for span in chain}) == 1
    assert [_parent(span) for span in chain] == [None, *(span.context.span_id for span in chain[:-1])]
    entry = _attributes(chain[0])
    assert entry["trade.id"] == "T-0001"
    assert str(entry["customer.id"]).startswith("C-")
    assert (entry["customer.segment"], entry["trade.currency"]) in {
        (segment, currency) for segment in ("retail", "private") for currency in ("EUR", "USD")
    }
    assert isinstance(entry["trade.amount"], float)


def test_a_tick_has_a_trace_of_its_own(spans: _Spans) -> None:
    """It begins at market-data, and notification's span continues it; no SMS follows."""
    send = spans[SpanKind.PRODUCER, "tick: send wealth.events"]
    process = spans[SpanKind.CONSUMER, "tick: process wealth.events"]
    assert send.parent is None
    assert _parent(process) == send.context.span_id
    assert send.context.trace_id != spans[SpanKind.SERVER, "POST /trades"].context.trace_id
    assert len(spans) == 8


def test_both_ends_of_a_message_name_it_alike(spans: _Spans) -> None:
    """Sender and receiver agree on everything but the operation."""
    send = dict(_attributes(spans[SpanKind.PRODUCER, "send wealth.events"]))
    process = dict(_attributes(spans[SpanKind.CONSUMER, "process wealth.events"]))
    operations = ("messaging.operation.type", "messaging.operation.name")
    assert [send.pop(name) for name in operations] == ["send", "publish"]
    assert [process.pop(name) for name in operations] == ["process", "process"]
    assert send == process
    assert send["messaging.system"] == "rabbitmq"
    assert send["messaging.destination.name"] == "wealth.events"
    assert send["messaging.message.conversation_id"] == "T-0001"
    assert send["messaging.message.id"] == "confirmation-T-0001"
