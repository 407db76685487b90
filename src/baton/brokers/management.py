"""FACTS from what RabbitMQ says of itself: answers of its management API and exports of its definitions.

Limits are what the queue's arguments and its effective policy come to (`policies` states the rules). A definitions
export does not say which policy holds: it is worked out as RabbitMQ does.

Quorum queues know no priorities, and `reject-publish-dlx` is `drop-head` to them; since RabbitMQ 4.0 they give a
message up after 20 deliveries unless told otherwise. Streams have a size, and neither a length, a TTL nor a dead-letter
exchange. `x-expires`, `x-single-active-consumer` and the dead-letter strategy limit no message and fill no column; the
strategy stands in the labels of the node's counters.

Management statistics lag by 5 s, and a queue that nothing was published to through an exchange (a dead-letter queue)
has no `published`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict

from baton.brokers.policies import Policy, Table, in_force, merged, resolved
from baton.brokers.rows import count, text
from baton.limits import SECOND_NS, TIME_NS_MAX

if TYPE_CHECKING:
    from collections.abc import Iterator

    from baton.brokers.rows import Row

_MS_NS = SECOND_NS // 1000
_DELIVERIES_MAX = 20
"""`delivery-limit` of quorum queues from RabbitMQ 4.0 on."""

_OVERFLOWS = {
    "classic": ("drop-head", "reject-publish", "reject-publish-dlx"),
    "quorum": ("drop-head", "reject-publish"),
}

Count = Annotated[int | None, BeforeValidator(count)]
Text = Annotated[str | None, BeforeValidator(text)]
Stats = Annotated[dict[str, object], BeforeValidator(lambda value: value if isinstance(value, dict) else {})]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class Queue(_Part):
    """One of `/api/queues`, or of a definitions export, which has none of the figures."""

    name: str
    vhost: str | None = None
    type: Text = None
    arguments: Table = {}
    effective_policy_definition: Table | None = None
    policy: Text = None
    operator_policy: Text = None
    messages: Count = None
    messages_unacknowledged: Count = None
    consumers: Count = None
    message_stats: Stats = {}

    @property
    def kind(self) -> str:
        """classic, quorum, stream; or what a plugin calls its own."""
        return self.type or text(self.arguments.get("x-queue-type")) or "classic"


class Exchange(_Part):
    """One of `/api/exchanges`, or of a definitions export."""

    name: str
    type: str
    vhost: str | None = None
    arguments: Table = {}
    policy: Text = None


class Binding(_Part):
    """One of `/api/bindings`, or of a definitions export."""

    source: str
    destination: str
    destination_type: str
    vhost: str | None = None
    routing_key: str = ""


class Broker(_Part):
    """What is known of one broker, in RabbitMQ's own words; every part may be missing.

    Attributes:
        original_vhost_name: of an export of one vhost, which it does not repeat in each part.
    """

    queues: tuple[Queue, ...] | None = None
    exchanges: tuple[Exchange, ...] | None = None
    bindings: tuple[Binding, ...] | None = None
    policies: tuple[Policy, ...] = ()
    operator_policies: tuple[Policy, ...] = ()
    rabbitmq_version: Text = None
    rabbit_version: Text = None
    original_vhost_name: Text = None


def rows(broker: Broker) -> Iterator[Row]:
    """Queues and routes, those of the default exchange among them, and of which vhosts they are all there are."""
    vhost = broker.original_vhost_name or ""
    queues, exchanges = broker.queues or (), broker.exchanges or ()
    named = (queues, exchanges, broker.bindings or ())
    vhosts = {part.vhost or vhost for parts in named for part in parts}
    if broker.queues is not None:
        yield from (_told("queue", place) for place in sorted(vhosts))
        yield from (_queue(broker, queue, queue.vhost or vhost) for queue in queues)
    if broker.bindings is None:
        return
    if broker.queues is not None and broker.exchanges is not None:
        yield from (_told("route", place) for place in sorted(vhosts))
    for queue in queues:
        # Every queue is bound to the default exchange by its name; the API says it, and definitions do not.
        yield _route(queue.vhost or vhost, "", "default", queue.name, ("queue", queue.name))
    kinds = {(exchange.vhost or vhost, exchange.name): exchange for exchange in exchanges}
    for binding in broker.bindings:
        if binding.source:
            yield _binding(binding, binding.vhost or vhost, kinds.get((binding.vhost or vhost, binding.source)))
    for (place, name), exchange in kinds.items():
        alternate = _alternate(broker, exchange, place)
        if alternate is not None:
            yield _route(place, name, "alternate", None, ("exchange", alternate))


def _told(fact: str, vhost: str) -> Row:
    return {"fact": "snapshot", "vhost": vhost, "name": fact}


def _queue(broker: Broker, queue: Queue, vhost: str) -> Row:
    policy, names = _policy(broker, queue, vhost)
    kind = queue.kind

    def say(key: str) -> object:
        return resolved(queue.arguments, policy, key)

    stream = kind == "stream"
    messages_max, bytes_max = None if stream else count(say("max-length")), count(say("max-length-bytes"))
    ttl_ms = count(say("message-ttl"))
    return {
        "fact": "queue",
        "vhost": vhost,
        "name": queue.name,
        "kind": kind,
        "messages_max": messages_max,
        "bytes_max": bytes_max,
        "overflow": None
        if stream or (messages_max is None and bytes_max is None)
        else _overflow(kind, say("overflow")),
        "ttl_ns": None if stream or ttl_ms is None or ttl_ms > TIME_NS_MAX // _MS_NS else ttl_ms * _MS_NS,
        "priorities": count(queue.arguments.get("x-max-priority")) if kind == "classic" else None,
        "deliveries_max": _deliveries_max(broker, say("delivery-limit")) if kind == "quorum" else None,
        "dead_letter": None if stream else text(say("dead-letter-exchange")),
        "dead_letter_routing": None if stream else text(say("dead-letter-routing-key")),
        "policy": names,
        "waiting": queue.messages,
        "unacknowledged": queue.messages_unacknowledged,
        "consumers": queue.consumers,
        **_counted(queue.message_stats),
    }


def _policy(broker: Broker, queue: Queue, vhost: str) -> tuple[dict[str, object], str | None]:
    """The effective policy, and what it is called: policy and operator policy are two, and both may hold."""
    if queue.effective_policy_definition is not None:
        names, definition = [queue.policy, queue.operator_policy], queue.effective_policy_definition
    else:
        every = (broker.policies, broker.operator_policies)
        held = [in_force(policies, vhost, queue.name, queue.kind) for policies in every]
        names = [None if policy is None else policy.name for policy in held]
        definition = merged(*({} if policy is None else policy.definition for policy in held))
    return definition, " + ".join(name for name in names if name) or None


def _overflow(kind: str, said: object) -> str:
    return said if isinstance(said, str) and said in _OVERFLOWS.get(kind, ()) else "drop-head"


def _deliveries_max(broker: Broker, said: object) -> int | None:
    if said is not None:
        return count(said)
    version = re.match(r"[0-9]+", broker.rabbitmq_version or broker.rabbit_version or "")
    return _DELIVERIES_MAX if version is not None and int(version[0]) >= 4 else None  # noqa: PLR2004 - 4.0


def _counted(stats: dict[str, object]) -> Row:
    """Counters. A queue with some statistics and none of deliveries has had none."""
    taken = [count(stats.get(key, 0)) for key in ("ack", "deliver_no_ack", "get_no_ack")]
    return {
        "published": count(stats.get("publish")),
        "acknowledged": sum(number or 0 for number in taken) if stats else None,
        "redelivered": count(stats.get("redeliver", 0)) if stats else None,
    }


def _binding(binding: Binding, vhost: str, exchange: Exchange | None) -> Row:
    kind = None if exchange is None else exchange.type
    if exchange is not None and kind == "x-delayed-message":
        kind = text(exchange.arguments.get("x-delayed-type"))
    # A fanout takes every key; headers look at none.
    key = None if kind in {"fanout", "headers"} else binding.routing_key
    return _route(vhost, binding.source, kind, key, (binding.destination_type, binding.destination))


def _alternate(broker: Broker, exchange: Exchange, vhost: str) -> str | None:
    """Where an exchange sends what no binding of it takes: its argument, else its policy's word."""
    said = text(exchange.arguments.get("alternate-exchange"))
    if said is not None:
        return said
    if not any("alternate-exchange" in policy.definition for policy in broker.policies):
        return None
    policy = in_force(broker.policies, vhost, exchange.name, "exchange")
    return None if policy is None else text(policy.definition.get("alternate-exchange"))


def _route(vhost: str, name: str, kind: str | None, routing_key: str | None, to: tuple[str, str]) -> Row:
    return {
        "fact": "route",
        "vhost": vhost,
        "name": name,
        "kind": kind,
        "routing_key": routing_key,
        "to": to[1],
        "to_kind": to[0],
    }
