from __future__ import annotations

from typing import Any

import pytest

from recording import CLIENT, CONSUMER, INTERNAL, PRODUCER, SERVER, Recording, mended

DESTINATION = {"messaging.destination.name": "orders"}


def seen(attributes: dict[str, str | int], kind: int = INTERNAL, name: str = "work") -> dict[str, Any]:
    """The one span of these attributes, normalised."""
    recording = Recording()
    recording.span("a", 0, name, kind=kind, attributes=attributes)
    return mended(recording).lazy().collect().row(0, named=True)


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("messaging.destination.name", "destination"),
        ("messaging.destination", "destination"),
        ("message_bus.destination", "destination"),
        ("messaging.destination.subscription.name", "subscription_name"),
        ("messaging.servicebus.destination.subscription_name", "subscription_name"),
        ("messaging.consumer.group.name", "consumer_group"),
        ("messaging.kafka.consumer.group", "consumer_group"),
        ("messaging.kafka.consumer_group", "consumer_group"),
        ("messaging.eventhubs.consumer.group", "consumer_group"),
        ("messaging.rocketmq.client_group", "consumer_group"),
        ("messaging.operation.type", "operation_type"),
        ("messaging.operation", "operation_type"),
        ("messaging.operation.name", "operation_name"),
        ("messaging.message.id", "message_id"),
        ("messaging.message_id", "message_id"),
        ("messaging.message.conversation_id", "correlation_id"),
        ("messaging.conversation_id", "correlation_id"),
        ("messaging.rabbitmq.destination.routing_key", "routing_key"),
        ("messaging.rabbitmq.routing_key", "routing_key"),
        ("messaging.destination.partition.id", "partition"),
        ("messaging.kafka.destination.partition", "partition"),
        ("messaging.kafka.partition", "partition"),
        ("net.peer.name", "server_address"),
        ("peer.service", "peer_service"),
        ("db.system", "db_system"),
    ],
)
def test_every_generation_of_names_fills_the_column(name: str, column: str) -> None:
    """Current and deprecated attribute names mean the same column."""
    assert seen({name: "x"})[column] == "x"


def test_the_current_name_wins_over_the_deprecated() -> None:
    """A span in transition bears both names; the current one counts, in whatever order they stand."""
    both = {"messaging.destination": "old", "messaging.destination.name": "new"}
    assert seen(both)["channel"] == "new"
    assert seen(dict(reversed(both.items())))["channel"] == "new"


@pytest.mark.parametrize(
    ("word", "step", "role"),
    [
        ("create", "create", "send"),
        ("send", "send", "send"),
        ("publish", "send", "send"),
        ("receive", "receive", "receive"),
        ("poll", "receive", "receive"),
        ("process", "process", "receive"),
        ("deliver", "process", "receive"),
        (" Process ", "process", "receive"),
        ("settle", "settle", "settle"),
        ("ack", "settle", "settle"),
    ],
)
def test_the_operation_decides_step_and_role(word: str, step: str, role: str) -> None:
    """The operation's word, of any generation, case or spacing, outweighs the span's kind."""
    for name in ("messaging.operation.type", "messaging.operation"):
        span = seen({name: word}, kind=CLIENT)
        assert (span["step"], span["role"]) == (step, role)


def test_the_type_outweighs_the_systems_own_name() -> None:
    """`operation.type` is the standard's word; `operation.name` counts only where the type says nothing known."""
    assert seen({"messaging.operation.type": "settle", "messaging.operation.name": "send"})["step"] == "settle"
    assert seen({"messaging.operation.type": "subscribe", "messaging.operation.name": "get"})["step"] == "receive"


def test_an_operation_name_needs_messaging() -> None:
    """`operation.name` alone, on a span with no other messaging attribute, makes no message."""
    assert seen({"messaging.operation.name": "send"})["role"] is None
    assert seen({"messaging.operation.name": "send", "messaging.system": "kafka"})["role"] == "send"


@pytest.mark.parametrize(
    ("kind", "step", "role"),
    [
        (PRODUCER, "send", "send"),
        (CONSUMER, "process", "receive"),
        (SERVER, None, "server"),
        (CLIENT, None, "client"),
        (INTERNAL, None, None),
        (0, None, None),
    ],
)
def test_without_a_word_the_kind_decides(kind: int, step: str | None, role: str | None) -> None:
    """A producer sends, a consumer processes, calls have two sides, and nothing else crosses."""
    span = seen({}, kind=kind)
    assert (span["step"], span["role"]) == (step, role)


def test_a_messaging_client_without_a_word_stays_out() -> None:
    """A client span of a broker that names no operation is neither a send nor a call."""
    span = seen(DESTINATION, kind=CLIENT)
    assert (span["step"], span["role"]) == (None, None)


@pytest.mark.parametrize("name", ["db.system", "db.system.name"])
def test_a_database_client_is_no_call(name: str) -> None:
    """A database answers with no server span: its client gives no handoff."""
    assert seen({name: "postgresql", "server.address": "db"}, kind=CLIENT)["role"] is None


@pytest.mark.parametrize("name", ["SELECT accounts", "INSERT INTO t", 'DELETE "t"', "UPDATE `t`"])
def test_a_bare_client_named_like_a_statement_is_a_databases(name: str) -> None:
    """Old instrumentations name the statement and no database; any peer makes it a call again."""
    assert seen({}, CLIENT, name)["role"] is None
    for peer in ("server.address", "peer.service", "rpc.service", "http.route"):
        assert seen({peer: "api"}, CLIENT, name)["role"] == "client"


@pytest.mark.parametrize("name", ["SELECT", "select t", "DELETE /orders", "UPDATED x", "GET"])
def test_other_names_of_clients_are_calls(name: str) -> None:
    """Only a statement counts: a verb in capitals and what it is about."""
    assert seen({}, CLIENT, name)["role"] == "client"


def test_queues_that_the_broker_names_are_one_channel() -> None:
    """They live as long as one connection."""
    for own in ("amq.gen-aB3", "amq.gen-x"):
        assert seen({"messaging.destination.name": own}, PRODUCER)["channel"] == "amq.gen-*"
    assert seen({"messaging.destination.name": "my-amq.gen-x"}, PRODUCER)["channel"] == "my-amq.gen-x"


@pytest.mark.parametrize("word", ["nack", "reject", "abandon", "dead_letter"])
def test_a_refusal_gives_the_message_back(word: str) -> None:
    """A settlement by one of these words refuses; by type or by name."""
    assert seen({"messaging.operation.type": "settle", "messaging.operation.name": word})["refused"] is True
    assert seen({"messaging.operation": word})["refused"] is True


def test_other_operations_refuse_nothing() -> None:
    """An acknowledgement refuses nothing, and a process called `reject` is no settlement."""
    assert seen({"messaging.operation.type": "settle", "messaging.operation.name": "ack"})["refused"] is False
    assert seen({"messaging.operation.type": "process", "messaging.operation.name": "reject"})["refused"] is False
    assert seen({})["refused"] is False


@pytest.mark.parametrize(
    ("said", "operation", "channel", "queue"),
    [
        ("trades,key.a", "send", "trades", None),
        (",notify", "send", "notify", None),
        ("trades", "process", "trades", None),
        ("trades:key", "send", "trades:key", None),
        ("trades:key:notify", "process", "trades:key", "notify"),
        ("trades:key:a:b", "receive", "trades:key", "a:b"),
        ("trades:key:notify", "settle", "trades:key", "notify"),
        ("trades:key:more", "send", "trades:key:more", None),
        ("  orders ", "send", "orders", None),
        (" ", "send", None, None),
    ],
)
def test_rabbitmq_names_come_in_three_shapes(said: str, operation: str, channel: str | None, queue: str | None) -> None:
    """aio-pika's commas, the conventions' colons, and plain names."""
    span = seen(
        {
            "messaging.system": "rabbitmq",
            "messaging.destination.name": said,
            "messaging.operation.type": operation,
        }
    )
    assert (span["channel"], span["queue"]) == (channel, queue)


@pytest.mark.parametrize(
    ("said", "key"),
    [("trades,key.a", "key.a"), ("trades,a,b", "a,b"), (",notify", None), ("trades", None), ("trades:key", None)],
)
def test_a_key_in_the_name_is_the_routing_key(said: str, key: str | None) -> None:
    """aio-pika's `exchange,key`; under the nameless exchange the key is the queue; an attribute of its own wins."""
    named = {"messaging.system": "rabbitmq", "messaging.destination.name": said}
    assert seen(named, PRODUCER)["routing_key"] == key
    own = {**named, "messaging.rabbitmq.destination.routing_key": "own"}
    assert seen(own, PRODUCER)["routing_key"] == "own"
    assert seen({**named, "messaging.system": "kafka"}, PRODUCER)["routing_key"] is None


def test_other_systems_names_are_plain() -> None:
    """Commas and colons mean something in RabbitMQ's names only."""
    for system in ({}, {"messaging.system": "kafka"}):
        span = seen({"messaging.destination.name": "a:b,c:d", "messaging.operation.type": "process", **system})
        assert (span["channel"], span["queue"]) == ("a:b,c:d", None)


def test_the_broker_is_address_and_port() -> None:
    """A message's peer is its broker; no address is an empty one; a call has none."""
    assert seen({**DESTINATION, "server.address": "mq", "server.port": 5672}, kind=PRODUCER)["broker"] == "mq:5672"
    assert seen({**DESTINATION, "server.address": "mq"}, kind=PRODUCER)["broker"] == "mq"
    assert seen({**DESTINATION, "server.port": 5672}, kind=PRODUCER)["broker"] == ""
    assert seen({"server.address": "api"}, kind=CLIENT)["broker"] == ""


def test_a_target_is_the_callers_most_telling_name() -> None:
    """Peer service, then RPC service, then address, then the span's name; only calls aim at something."""
    said: dict[str, str | int] = {"server.port": 80}
    assert seen(said, CLIENT, "GET")["target"] == "GET"
    said["server.address"] = "10.0.0.7"
    assert seen(said, CLIENT, "GET")["target"] == "10.0.0.7:80"
    said["rpc.service"] = "Pay"
    assert seen(said, CLIENT, "GET")["target"] == "Pay"
    said["peer.service"] = "payments"
    assert seen(said, CLIENT, "GET")["target"] == "payments"
    assert seen(said, SERVER, "GET")["target"] is None
