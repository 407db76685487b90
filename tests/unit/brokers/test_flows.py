"""What is sent, laid to queues: every case from spans and facts to FLOWS, and to what no queue takes."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from baton.analysis import analyze, expect
from baton.brokers.flows import flows, newest, sent
from baton.brokers.history import held
from baton.brokers.outlets import letters, untaken
from baton.ownership.catalog import EMPTY
from baton.schema import FACTS, FLOWS, JOURNEY_KEYS
from recording import LATER, Recording, ns, paired

Row = dict[str, Any]
KEY = "messaging.rabbitmq.destination.routing_key"


def fact(fact: str, **row: Any) -> Row:  # noqa: ANN401 - columns of FACTS
    """A fact of one vhost."""
    shared = {"at_ns": ns(0), "tenant": "default", "broker": "", "source": "management", "vhost": "/"}
    return {**shared, "fact": fact, **row}


def bind(to: str, key: str | None = None, **row: Any) -> Row:  # noqa: ANN401 - columns of FACTS
    """A route from the exchange orders, of a topic unless told otherwise."""
    return fact("route", **{"name": "orders", "kind": "topic", "routing_key": key, "to": to, "to_kind": "queue", **row})


LOOKED = fact("snapshot", name="route")


def told(recording: Recording, *facts: Row, kinds: dict[str, str] | None = None) -> tuple[list[Row], list[Row]]:
    """Rows of FLOWS, and of UNTAKEN, as of long after all."""
    history = pl.DataFrame(list(facts), schema=FACTS.schema)
    known = paired(recording)
    learned = expect(known, EMPTY, JOURNEY_KEYS)
    judged = analyze(known, learned, EMPTY, JOURNEY_KEYS, ns(LATER), facts=history).judged
    found = flows(judged, known.sends, held(history, ns(LATER)), kinds or {})
    assert found.schema == FLOWS.schema
    return found.to_dicts(), untaken(sent(judged, known.sends), history, ns(LATER)).to_dicts()


def laid(recording: Recording, *facts: Row) -> list[tuple[object, ...]]:
    """queue, service, routing_key, handoffs of each flow."""
    return [(row["queue"], row["service"], row["routing_key"], row["handoffs"]) for row in told(recording, *facts)[0]]


def two() -> Recording:
    """Two senders over one exchange, one of them with two keys."""
    recording = Recording()
    for at in range(3):
        recording.send("trading", at, more={KEY: "trade.completed"})
    recording.send("trading", 3, more={KEY: "trade.amended"})
    for at in range(2):
        recording.send("promo", at, more={KEY: "promo.sent"})
    return recording


Q = fact("queue", name="q", kind="classic", messages_max=40, overflow="drop-head", waiting=0)
R = fact("queue", name="r", kind="classic", waiting=0)


def test_flows_are_told_apart_by_sender_and_key_and_laid_by_bindings() -> None:
    """Each goes to the queues whose bindings take its key, the largest first, each message once."""
    found = laid(two(), Q, R, bind("q", "trade.#"), bind("r", "#"))
    assert found == [
        ("q", "trading", "trade.completed", 3),
        ("q", "trading", "trade.amended", 1),
        ("r", "trading", "trade.completed", 3),
        ("r", "promo", "promo.sent", 2),
        ("r", "trading", "trade.amended", 1),
    ]


def test_a_flow_bears_the_limits_of_its_queue() -> None:
    """A limit of messages bounds; without one nothing does."""
    (first, *_, last), _ = told(two(), Q, R, bind("q", "trade.#"), bind("r", "#"))
    assert (first["queue"], first["bounded"], first["messages_max"], first["overflow"]) == ("q", True, 40, "drop-head")
    assert (last["queue"], last["bounded"], last["messages_max"]) == ("r", False, None)


def test_a_streams_size_bounds_nobody() -> None:
    """It is how much the stream keeps, taken or not."""
    stream = fact("queue", name="q", kind="stream", bytes_max=1000, waiting=0)
    assert not any(row["bounded"] for row in told(two(), stream, bind("q"))[0])


def test_a_message_that_may_go_to_one_of_two_queues_is_laid_to_neither() -> None:
    """Without a key, bindings by key leave two readings: a flow in doubt accuses nobody."""
    recording = Recording()
    recording.send("trading", 0)
    assert laid(recording, Q, R, bind("q", "trade.#"), bind("r", "promo.#")) == []
    assert laid(recording, Q, R, bind("q", "trade.#")) == [("q", "trading", None, 1)]


def test_what_a_receiver_names_settles_the_doubt() -> None:
    """Of two possible queues the one that the receiver of the channel says counts."""
    recording = Recording()
    for at in range(5):
        send = recording.send("trading", at)
        recording.receive("notify", at + 0.1, "q", under=send)
    assert laid(recording, Q, R, bind("q", "trade.#"), bind("r", "promo.#")) == [("q", "trading", None, 5)]


def test_what_went_to_a_dead_letter_place_is_no_flow_into_it() -> None:
    """A message counts where it was sent, not where it was put aside."""
    recording = Recording()
    for at in range(4):
        send = recording.send("trading", at)
        recording.receive("notify", at + 0.1, under=send)
        recording.receive("parker", at + 0.2, "orders.dlq", under=send)
    dead = fact("queue", name="orders.dlq", kind="classic", waiting=0)
    assert laid(recording, Q, dead, bind("q", kind="fanout")) == [("q", "trading", None, 4)]


def test_another_tenants_facts_say_nothing() -> None:
    """Flows are laid by the facts of their own tenant."""
    other = [{**row, "tenant": "other"} for row in (Q, bind("q"), LOOKED)]
    assert told(two(), *other) == ([], [])


def test_no_binding_takes_a_key() -> None:
    """What was sent under it is told with its senders; what a binding takes is not."""
    _, (row,) = told(two(), Q, bind("q", "trade.#"), LOOKED)
    assert (row["exchange"], row["routing_keys"], row["services"], row["handoffs"]) == (
        "orders",
        ["promo.sent"],
        ["promo"],
        2,
    )


@pytest.mark.parametrize(
    "facts",
    [
        pytest.param([bind("q", "trade.#")], id="nobody told all routes"),
        pytest.param([bind("q", "trade.#"), bind("ae", kind="alternate", to_kind="exchange"),
                      bind("r", name="ae", kind="fanout"), LOOKED], id="an alternate exchange parks it"),
        pytest.param([bind("q", "trade.#"), bind("r", kind="headers"), LOOKED], id="headers decide"),
        pytest.param([bind("q", "x", name="elsewhere"), LOOKED], id="the exchange is not known"),
    ],
)  # fmt: skip
def test_what_may_be_taken_is_not_untaken(facts: list[Row]) -> None:
    """Only where all routes are known and none may take it is a key untaken."""
    assert told(two(), Q, R, *facts)[1] == []


def test_bindings_count_as_they_stand_now() -> None:
    """A binding that came after the messages takes the next ones: nothing is amiss any more."""
    late = [{**bind("q", "#"), "at_ns": ns(500)}, {**LOOKED, "at_ns": ns(500)}]
    assert told(two(), Q, bind("q", "trade.#"), LOOKED, *late)[1] == []


def test_the_word_on_a_queue_is_that_of_who_counts() -> None:
    """Of definitions and management the one that counts its messages; what people declare only of others."""
    counted = {**Q, "messages_max": 40}
    exported = {**Q, "source": "definitions", "messages_max": 50, "waiting": None, "at_ns": ns(9)}
    declared = [{**one, "source": "declared", "at_ns": 0, "vhost": "", "waiting": None} for one in (Q, R)]
    found = newest(pl.DataFrame([counted, exported, *declared], schema=FACTS.schema))
    assert found.select("vhost", "name", "source", "messages_max").rows() == [
        ("", "r", "declared", None),
        ("/", "q", "management", 40),
    ]


def test_dead_letters_are_followed() -> None:
    """Whose dead letters lead nowhere, and which queue parks them, is told of each queue."""
    led = {**R, "name": "led", "dead_letter": "dlx"}
    lost = {**R, "name": "lost", "dead_letter": "gone"}
    history = pl.DataFrame([R, led, lost, bind("r", "#", name="dlx"), LOOKED], schema=FACTS.schema)
    found = letters(history, ns(LATER))
    assert found.select("name", "parks", "nowhere").rows() == [
        ("led", False, False),
        ("lost", False, True),
        ("r", True, False),
    ]
