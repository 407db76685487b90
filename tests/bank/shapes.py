"""How instrumentations write one and the same: a send, a receipt.

Taken from what pika, aio-pika, celery, Spring and Java's Kafka client really send, and from OpenTelemetry's conventions
of several years.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bank.telemetry import CONSUMER, INTERNAL, PRODUCER

if TYPE_CHECKING:
    from bank.messages import Message
    from bank.telemetry import Process, Span, Telemetry, Value

PARENT, LINK, NOTHING = "parent", "link", "nothing"


@dataclass(frozen=True, slots=True)
class Shape:
    """One instrumentation.

    Attributes:
        names: whose vocabulary: deprecated, modern, aio, celery, spring, kafka.
        context: how the receipt names the send: PARENT, LINK, NOTHING.
        ids: spans bear message ids.
        correlated: spans bear correlation ids.
        nested: a publish is two producer spans, the inner one the message's context (pika).
        worked: the receipt has a child span of the work done.
        batched: one receiving span takes a whole poll and links its messages.
        polled: a `receive` span a poll, beneath it one `process` span a message that links its send (Java's
            Kafka client).
    """

    names: str = "deprecated"
    context: str = PARENT
    ids: bool = True
    correlated: bool = False
    nested: bool = False
    worked: bool = True
    batched: bool = False
    polled: bool = False


PIKA = Shape(nested=True, correlated=True)
AIO_PIKA = Shape(names="aio", correlated=True)
CELERY = Shape(names="celery", context=LINK)
MODERN = Shape(names="modern")
SPRING = Shape(names="spring", ids=False)
LINKED = Shape(names="modern", context=LINK)
IDS_ONLY = Shape(names="modern", context=NOTHING)
CORRELATED_ONLY = Shape(context=NOTHING, ids=False, correlated=True)
KAFKA = Shape(names="kafka", ids=False)
KAFKA_POLLED = Shape(names="kafka", context=LINK, ids=False, polled=True, worked=False)
KAFKA_BATCHED = Shape(names="kafka", context=LINK, ids=False, batched=True, worked=False)


def send(shape: Shape, telemetry: Telemetry, process: Process, message: Message, parent: Span | None) -> list[Span]:
    """Begins the spans of a publish, outermost first; the last one's context travels with the message."""
    name, attributes = _sent(shape, message)
    spans = [telemetry.begin(process, name, PRODUCER, message.sent_at, parent=parent, **attributes)]
    if shape.nested:
        spans.append(telemetry.begin(process, name, PRODUCER, message.sent_at, parent=spans[0], **attributes))
    message.context = spans[-1]
    return spans


def receive(
    shape: Shape, telemetry: Telemetry, process: Process, message: Message, exchange: str, queue: str, at: float
) -> Span:
    """Begins the span of a receipt from a queue, by way of an exchange."""
    name, attributes = _received(shape, message, exchange, queue)
    return telemetry.begin(
        process,
        name,
        CONSUMER,
        at,
        parent=message.context if shape.context == PARENT else None,
        links=[message.context] if shape.context == LINK and message.context else [],
        **attributes,
    )


def received(telemetry: Telemetry, shape: Shape, span: Span, at: float, error: str | None) -> None:
    """Ends it, after the work beneath it."""
    if shape.worked:
        telemetry.span(span.process, "work", INTERNAL, span.begin, at, parent=span)
    telemetry.end(span, at, error)


def _ids(shape: Shape, message: Message, id_key: str, correlation_key: str) -> dict[str, Value]:
    values: dict[str, Value] = {}
    if shape.ids:
        values[id_key] = message.id
    if shape.correlated and message.correlation is not None:
        values[correlation_key] = message.correlation
    return values


_OLD_PEER: dict[str, Value] = {"net.peer.name": "mq", "net.peer.port": "5672"}
_NEW_PEER: dict[str, Value] = {"server.address": "mq", "server.port": 5672}


def _sent(shape: Shape, message: Message) -> tuple[str, dict[str, Value]]:
    old = _ids(shape, message, "messaging.message.id", "messaging.conversation_id")
    new = _ids(shape, message, "messaging.message.id", "messaging.message.conversation_id")
    place = f"{message.exchange}:{message.key}" if message.key else message.exchange
    match shape.names:
        case "modern":
            return f"send {place}", {
                "messaging.system": "rabbitmq",
                "messaging.operation.type": "send",
                "messaging.operation.name": "publish",
                "messaging.destination.name": place,
                **({"messaging.rabbitmq.destination.routing_key": message.key} if message.key else {}),
                **_NEW_PEER,
                **new,
            }
        case "aio":
            named = f"{message.exchange},{message.key}"
            return f"{named} send", {
                "messaging.system": "rabbitmq",
                "messaging.destination": named,
                "messaging.temp_destination": True,
                **_OLD_PEER,
                **old,
            }
        case "celery":
            return f"apply_async/{message.key or 'notify'}", {
                "celery.action": "apply_async",
                "celery.task_name": message.key or "notify",
                "messaging.destination_kind": "queue",
                "messaging.destination": message.exchange,
                **old,
            }
        case "spring":
            return f"{message.exchange}/{message.key} send", {
                "messaging.system": "rabbitmq",
                "messaging.destination.name": message.exchange,
                "messaging.rabbitmq.destination.routing_key": message.key,
                **new,
            }
        case "kafka":
            return f"{message.exchange} publish", {
                "messaging.system": "kafka",
                "messaging.operation": "publish",
                "messaging.destination.name": message.exchange,
                "messaging.client_id": f"producer-{message.sender}",
                "messaging.destination.partition.id": str(message.partition),
                **new,
            }
        case _:
            return f"{message.exchange} send", {
                "messaging.system": "rabbitmq",
                "messaging.temp_destination": True,
                "messaging.destination": message.exchange,
                **_OLD_PEER,
                **old,
            }


def _received(shape: Shape, message: Message, exchange: str, queue: str) -> tuple[str, dict[str, Value]]:
    old = _ids(shape, message, "messaging.message.id", "messaging.conversation_id")
    new = _ids(shape, message, "messaging.message.id", "messaging.message.conversation_id")
    match shape.names:
        case "modern":
            place = f"{exchange}:{message.key}:{queue}" if message.key else queue
            return f"process {place}", {
                "messaging.system": "rabbitmq",
                "messaging.operation.type": "process",
                "messaging.operation.name": "consume",
                "messaging.destination.name": place,
                **({"messaging.rabbitmq.destination.routing_key": message.key} if message.key else {}),
                **_NEW_PEER,
                **new,
            }
        case "celery":
            return f"run/{message.key or 'notify'}", {
                "celery.action": "run",
                "celery.state": "SUCCESS",
                "celery.task_name": message.key or "notify",
                "messaging.destination": queue,
                "messaging.conversation_id": message.id,
                **old,
            }
        case "spring":
            return f"{queue} receive", {
                "messaging.system": "rabbitmq",
                "messaging.operation": "receive",
                "messaging.destination.name": queue,
                **new,
            }
        case "kafka":
            return f"{exchange} process", {
                "messaging.system": "kafka",
                "messaging.operation": "process",
                "messaging.destination.name": exchange,
                "messaging.kafka.consumer.group": queue,
                "messaging.destination.partition.id": str(message.partition),
                **new,
            }
        case _:
            return f"{exchange} receive", {
                "messaging.system": "rabbitmq",
                "messaging.operation": "receive",
                "messaging.destination": exchange,
                **_OLD_PEER,
                **old,
            }
