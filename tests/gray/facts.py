"""broker.json: what RabbitMQ's management API and metrics say at the end of the day, counted by the simulator."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from bank.broker import REJECT_PUBLISH
from bank.messages import LOST

if TYPE_CHECKING:
    from bank.broker import Queue
    from gray.day import Day

_DEAD_LETTERS = {"payments.dlq": "payments.dlx", "fraud.dlq": "fraud.dlx"}
_HIGHEST_PRIORITY = 9


def facts(day: Day) -> dict[str, Any]:
    """A recording as `baton broker load` reads it: the state at the end, and how far the node's counters rose."""
    assert day.platform is not None
    published, acknowledged, redelivered, refused = _counts(day)
    bindings = [
        _binding(exchange.name, queue.name, "#" if pattern == "*" else pattern)
        for exchange in day.platform.exchanges.values()
        for pattern, queue in exchange.bindings
    ]
    bindings += [_binding(exchange, queue, "#") for queue, exchange in _DEAD_LETTERS.items()]
    exchanges = [*day.platform.exchanges, *_DEAD_LETTERS.values()]
    evicted = sum(1 for message in day.bank.messages for fate in message.fates if fate.why == "overflow")
    unroutable = sum(1 for message in day.bank.messages for fate in message.fates if fate.why == "unroutable")
    state = {
        "queues": [
            _queue(queue, published[name], acknowledged[name], redelivered[name])
            for name, queue in day.platform.queues.items()
        ],
        "exchanges": [
            {"name": name, "vhost": "/", "type": "topic", "durable": True, "internal": False, "arguments": {}}
            for name in exchanges
        ],
        "bindings": bindings,
        "policies": [],
        "operator_policies": [],
    }
    dead = "rabbitmq_global_messages_dead_lettered_{}_total"
    classic = 'queue_type="rabbit_classic_queue"'
    return {
        "queues": {"end": state},
        "prometheus_delta": {
            f'{dead.format("maxlen")}{{{classic},dead_letter_strategy="disabled"}}': evicted,
            f'{dead.format("rejected")}{{{classic},dead_letter_strategy="disabled"}}': refused["statements-q"],
            f'{dead.format("rejected")}{{{classic},dead_letter_strategy="at_most_once"}}': refused["alerts-q"],
            f'{dead.format("expired")}{{{classic},dead_letter_strategy="disabled"}}': 0,
            'rabbitmq_global_messages_unroutable_dropped_total{protocol="amqp091"}': unroutable,
            'rabbitmq_global_messages_unroutable_returned_total{protocol="amqp091"}': 0,
        },
    }


def _counts(day: Day) -> tuple[Counter[str], Counter[str], Counter[str], Counter[str]]:
    published, acknowledged, redelivered, refused = Counter(), Counter(), Counter(), Counter()
    for message in day.bank.messages:
        for fate in message.fates:
            if fate.why in {"publish_failed", "unroutable"}:
                continue
            published[fate.queue] += 1
            acknowledged[fate.queue] += fate.what != LOST
            redelivered[fate.queue] += max(len(fate.receipts) - 1, 0)
            refused[fate.queue] += fate.why == "rejected"
            if fate.held_at is not None:
                acknowledged[fate.held_at] += 1
    published["mainframe.postings"] = acknowledged["mainframe.postings"] = day.numbers["M"]
    return published, acknowledged, redelivered, refused


def _queue(queue: Queue, published: int, acknowledged: int, redelivered: int) -> dict[str, Any]:
    arguments: dict[str, Any] = {}
    if queue.limit is not None:
        arguments["x-max-length"] = queue.limit
        if queue.overflow == REJECT_PUBLISH:
            arguments["x-overflow"] = REJECT_PUBLISH
    if queue.ttl is not None:
        arguments["x-message-ttl"] = round(queue.ttl * 1000)
    if queue.priorities:
        arguments["x-max-priority"] = _HIGHEST_PRIORITY
    if queue.dead_letter is not None:
        arguments["x-dead-letter-exchange"] = _DEAD_LETTERS[queue.dead_letter.name]
    # Management counts no publish of what came by dead-lettering.
    stats = {"publish": published} if published else {}
    return {
        "name": queue.name,
        "vhost": "/",
        "type": "classic",
        "durable": True,
        "auto_delete": False,
        "arguments": arguments,
        "effective_policy_definition": {},
        "state": "running",
        "messages": queue.depth,
        "messages_ready": queue.depth,
        "messages_unacknowledged": 0,
        "consumers": len(queue.consumers),
        "message_stats": stats | {"ack": acknowledged, "redeliver": redelivered},
    }


def _binding(exchange: str, queue: str, key: str) -> dict[str, Any]:
    return {
        "source": exchange,
        "vhost": "/",
        "destination": queue,
        "destination_type": "queue",
        "routing_key": key,
        "arguments": {},
        "properties_key": key,
    }
