"""The bank's four services: what each does, and the spans that a good instrumentation emits of it.

    wealth-gateway --call--> trade-execution --wealth.events--> notification --call--> the SMS gateway, not traced
                                 market-data --wealth.events--> notification

Names and attributes are OpenTelemetry's semantic conventions 1.37. The trace context travels in headers, as the SDK's
W3C propagator writes it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from zlib import crc32

from opentelemetry.trace import SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from baton.gameday.queue import Message

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.trace import Tracer
    from opentelemetry.util.types import AttributeValue

    from baton.gameday.queue import BoundedQueue

GATEWAY, EXECUTION, NOTIFICATION, MARKET_DATA = "wealth-gateway", "trade-execution", "notification", "market-data"
CHANNEL = "wealth.events"

_EXECUTION_S = 0.004
"""What the market takes to execute a trade."""

_SMS_S = 0.008
"""What the SMS gateway takes to accept a message; part of what notification takes to handle one."""

_w3c = TraceContextTextMapPropagator()


class Gateway:
    """wealth-gateway: takes the customer's order to trade."""

    def __init__(self, tracer: Tracer, execution: TradeExecution) -> None:
        self._tracer = tracer
        self._execution = execution

    def trade(self, trade_id: str) -> None:
        """Has the trade executed; the customer is promised a confirmation by SMS."""
        with self._tracer.start_as_current_span(
            "POST /trades",
            kind=SpanKind.SERVER,
            attributes={**_answers("/trades"), "trade.id": trade_id, **_ordered(trade_id)},
        ):
            headers: dict[str, str] = {}
            with self._tracer.start_as_current_span(
                "POST",
                kind=SpanKind.CLIENT,
                attributes=_calls("http://trade-execution.wealth.example:8080/executions", 8080),
            ):
                _w3c.inject(headers)
                self._execution.execute(trade_id, headers)


class TradeExecution:
    """trade-execution: executes the trade and sends its confirmation."""

    def __init__(self, tracer: Tracer, queue: BoundedQueue) -> None:
        self._tracer = tracer
        self._queue = queue

    def execute(self, trade_id: str, headers: Mapping[str, str]) -> None:
        """Executes the trade; the call comes with its headers."""
        with self._tracer.start_as_current_span(
            "POST /executions",
            context=_w3c.extract(headers),
            kind=SpanKind.SERVER,
            attributes={**_answers("/executions"), "trade.id": trade_id},
        ):
            time.sleep(_EXECUTION_S)
            _send(self._tracer, self._queue, EXECUTION, f"confirmation-{trade_id}", trade_id)


class MarketData:
    """market-data: sends the market's ticks, into the same queue."""

    def __init__(self, tracer: Tracer, queue: BoundedQueue) -> None:
        self._tracer = tracer
        self._queue = queue

    def tick(self, number: int) -> None:
        """Sends one tick."""
        _send(self._tracer, self._queue, MARKET_DATA, f"tick-{number:05}", trade_id=None)


class Notification:
    """notification: takes from the queue, one message at a time, and confirms trades by SMS."""

    def __init__(self, tracer: Tracer, queue: BoundedQueue, handling_s: float) -> None:
        self._tracer = tracer
        self._queue = queue
        self._handling_s = handling_s

    def run(self) -> None:
        """Handles messages until the queue is closed and empty."""
        while (message := self._queue.take()) is not None:
            self._handle(message)

    def _handle(self, message: Message) -> None:
        with self._tracer.start_as_current_span(
            f"process {CHANNEL}",
            context=_w3c.extract(message.headers),
            kind=SpanKind.CONSUMER,
            attributes=_messaging("process", "process", message.message_id, message.trade_id),
        ):
            if message.trade_id is None:
                time.sleep(self._handling_s)
            else:
                self._confirm()
                time.sleep(self._handling_s - _SMS_S)

    def _confirm(self) -> None:
        with self._tracer.start_as_current_span(
            "POST", kind=SpanKind.CLIENT, attributes=_calls("https://sms-gateway.example/messages", 443)
        ):
            time.sleep(_SMS_S)


def _send(tracer: Tracer, queue: BoundedQueue, sender: str, message_id: str, trade_id: str | None) -> None:
    with tracer.start_as_current_span(
        f"send {CHANNEL}",
        kind=SpanKind.PRODUCER,
        attributes=_messaging("send", "publish", message_id, trade_id),
    ):
        headers: dict[str, str] = {}
        _w3c.inject(headers)
        queue.publish(Message(message_id, sender, headers, trade_id))


def _messaging(operation: str, name: str, message_id: str, trade_id: str | None) -> dict[str, AttributeValue]:
    """A message's attributes; the trade is the conversation that it belongs to."""
    conversation = {} if trade_id is None else {"messaging.message.conversation_id": trade_id}
    return {
        "messaging.system": "rabbitmq",
        "messaging.destination.name": CHANNEL,
        "messaging.rabbitmq.destination.routing_key": CHANNEL,
        "messaging.operation.type": operation,
        "messaging.operation.name": name,
        "messaging.message.id": message_id,
        "server.address": "rabbitmq.wealth.example",
        "server.port": 5672,
        **conversation,
    }


def _ordered(trade_id: str) -> dict[str, AttributeValue]:
    """Who ordered the trade, and for how much: the same for the same trade, whenever it is."""
    digest = crc32(trade_id.encode())
    return {
        "customer.id": f"C-{digest % 40:03}",
        "customer.segment": ("retail", "retail", "retail", "private")[digest % 4],
        "trade.amount": (digest % 5_000_000 + 10_000) / 100,
        "trade.currency": ("EUR", "EUR", "EUR", "USD")[digest // 5_000_000 % 4],
    }


def _answers(route: str) -> dict[str, AttributeValue]:
    return {
        "http.request.method": "POST",
        "http.route": route,
        "url.path": route,
        "url.scheme": "http",
        "http.response.status_code": 202,
    }


def _calls(url: str, port: int) -> dict[str, AttributeValue]:
    return {
        "http.request.method": "POST",
        "url.full": url,
        "server.address": str(urlsplit(url).hostname),
        "server.port": port,
        "http.response.status_code": 202,
    }
