"""What the broker's word does to verdicts: every case through the analysis, from spans and facts to public rows."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from baton.analysis import analyze, expect
from baton.ownership.catalog import EMPTY
from baton.schema import FACTS, JOURNEY_KEYS
from recording import LATER, Recording, Span, ns, of, paired

Row = dict[str, Any]
AT_REST, IN_MOTION = 30, 11
"""Seconds after START of a snapshot long after the last message at 9, and of one right after it."""


class Broker:
    """Facts told one by one; times are seconds after START."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def bind(self, queue: str = "q", exchange: str = "orders", at: float = 0, **route: Any) -> Broker:  # noqa: ANN401
        """A route to a queue, of a fanout unless told otherwise."""
        told = {"name": exchange, "kind": "fanout", "to": queue, "to_kind": "queue", **route}
        return self.tell("route", at, **told)

    def queue(self, at: float, name: str = "q", counts: tuple[int, int, int] | None = None, **more: Any) -> Broker:  # noqa: ANN401
        """A queue, with its published, acknowledged and waiting."""
        figures = dict(zip(("published", "acknowledged", "waiting"), counts or (), strict=False))
        return self.tell("queue", at, name=name, **{"consumers": 1, **figures, **more})

    def count(self, at: float, **lost: int) -> Broker:
        """The node's counters of lost messages by reason: maxlen, expired, rejected."""
        for reason, value in lost.items():
            name = f'rabbitmq_global_messages_dead_lettered_{reason}_total{{dead_letter_strategy="disabled"}}'
            self.tell("counter", at, vhost="", name=name, value=value)
        return self

    def look(self, at: float) -> Broker:
        """A snapshot that told all there was."""
        return self.tell("snapshot", at, name="queue").tell("snapshot", at, name="route")

    def tell(self, fact: str, at: float, **row: Any) -> Broker:  # noqa: ANN401 - columns of FACTS
        """Any fact."""
        shared = {"tenant": "default", "broker": "", "source": "management", "vhost": "/"}
        self.rows.append({**shared, "fact": fact, "at_ns": ns(at), **row})
        return self

    def facts(self) -> pl.DataFrame:
        """FACTS, by time."""
        return pl.DataFrame(self.rows, schema=FACTS.schema).sort("at_ns", maintain_order=True)


def settled(recording: Recording, broker: Broker, at: float = LATER) -> pl.DataFrame:
    """HANDOFFS, as the recording teaches them and the broker settles them."""
    known = paired(recording, at)
    learned = expect(known, EMPTY, JOURNEY_KEYS)
    return analyze(known, learned, EMPTY, JOURNEY_KEYS, ns(at), facts=broker.facts()).handoffs


def flow(lost: list[int], **more: Any) -> tuple[Recording, dict[float, Span]]:  # noqa: ANN401 - as of `flow`
    """Ten messages, one a second; the receiver's last sign is its last receipt."""
    recording = Recording()
    return recording, recording.flow(range(10), lost=lost, **more)


def told(rows: pl.DataFrame, sends: dict[float, Span], *which: int) -> list[Any]:
    """(verdict, cause, confidence) of the only row of each of these sends."""
    found = []
    for number in which:
        (row,) = of(rows, sends[number])
        found.append((row["verdict"], row["cause"], row["confidence"]))
    return found


NO_WORD = [("dropped", "unknown", "inferred"), ("unobserved", None, None)]
"""What spans alone say of a message overtaken (4) and of one after which nobody was heard (9)."""


def test_acknowledgements_for_all_refute_every_drop() -> None:
    """Even what was overtaken was taken, if the broker counted it: delivered, settled, without a time."""
    recording, sends = flow([4, 9])
    rows = settled(recording, Broker().bind().queue(AT_REST, counts=(10, 10, 0)))
    assert told(rows, sends, 4, 9) == [("delivered", None, None)] * 2
    (row,) = of(rows, sends[4])
    assert (row["receipt"], row["received_at"], row["queue"], row["late"]) == ("settled", None, "q", False)
    assert "10 acknowledgements for 10 messages of q" in row["evidence"][0]


def test_acknowledgements_for_some_accuse_none() -> None:
    """One of two was taken and nothing tells which."""
    recording, sends = flow([4, 9])
    rows = settled(recording, Broker().bind().queue(AT_REST, counts=(10, 9, 0), messages_max=1))
    assert told(rows, sends, 4, 9) == [("unobserved", None, None)] * 2
    assert "of the 2 without a receipt 1 were taken, and nothing tells which" in of(rows, sends[4])[0]["evidence"][0]


def test_a_loss_that_is_counted_convicts_what_spans_could_not() -> None:
    """All that came is acknowledged, or lost to the limit: so is the last one, after which nobody was heard."""
    recording, sends = flow([4, 9])
    broker = Broker().bind().queue(AT_REST, counts=(10, 8, 0), messages_max=1, overflow="drop-head")
    broker.count(AT_REST, maxlen=2)
    rows = settled(recording, broker)
    assert told(rows, sends, 4, 9) == [("dropped", "overflow", "confirmed")] * 2
    (row,) = of(rows, sends[9])
    assert (row["disposition"], row["held_at"]) == ("gone", None)
    assert (
        "the broker says that q holds 1 messages, then evicts its oldest (drop-head); 2 were lost to that; the node "
        "counted 2 such losses over all its queues" in row["evidence"]
    )


@pytest.mark.parametrize(
    ("at", "counts"),
    [
        pytest.param(IN_MOTION, (10, 8, 0), id="counters that may lag behind the last receipts"),
        pytest.param(AT_REST, (9, 8, 0), id="a statistic that lags behind the sends"),
        pytest.param(AT_REST, (12, 8, 0), id="senders without spans"),
        pytest.param(AT_REST, (12, 10, 0), id="whose acknowledgements they may be"),
        pytest.param(AT_REST, (10, 8, 1), id="one waits, and one is lost too few"),
        pytest.param(AT_REST, (10, 5, 0), id="receipts that the queue never counted: not its receiver"),
        pytest.param(2000, (10, 8, 0), id="told after the judgement"),
    ],
)
def test_counters_that_do_not_fit_settle_nothing(at: float, counts: tuple[int, int, int]) -> None:
    """The verdicts, and the cause of the one that spans cannot vouch for, are those of spans alone."""
    recording, sends = flow([4, 9])
    rows = settled(recording, Broker().bind().queue(at, counts=counts, messages_max=1))
    assert [row[0] for row in told(rows, sends, 4, 9)] == ["dropped", "unobserved"]
    assert told(rows, sends, 4)[0][2] != "confirmed"


def test_acknowledgements_refute_even_if_they_may_lag() -> None:
    """They only ever lag behind."""
    recording, sends = flow([4, 9])
    rows = settled(recording, Broker().bind().queue(IN_MOTION, counts=(10, 10, 0)))
    assert told(rows, sends, 4, 9) == [("delivered", None, None)] * 2


def test_the_same_counters_for_long_are_at_rest() -> None:
    """What another snapshot still says seconds later does not lag."""
    recording, sends = flow([4, 9])
    recording.span("notify", 31)
    recording.send("trading", 36, "elsewhere")
    broker = Broker().bind().queue(IN_MOTION, counts=(10, 8, 0), messages_max=1).look(IN_MOTION + 6)
    broker.count(IN_MOTION, maxlen=2)
    assert told(settled(recording, broker), sends, 4) == [("dropped", "overflow", "confirmed")]


def test_what_waits_is_stuck_and_not_lost() -> None:
    """As many wait as have no receipt; without a consumer its receiver is down. Before the deadline it is pending."""
    recording, sends = flow([4, 9])
    broker = Broker().bind().queue(AT_REST, counts=(10, 8, 2), consumers=0)
    rows = settled(recording, broker)
    assert told(rows, sends, 4, 9) == [("stuck", "receiver_down", "confirmed")] * 2
    (row,) = of(rows, sends[9])
    assert (row["disposition"], row["held_at"]) == ("waiting", "q")
    assert told(settled(recording, broker, 35), sends, 9)[0][0] != "stuck"


def test_a_queue_that_nobody_was_seen_to_receive_from_is_expected_by_its_binding() -> None:
    """Each message has a row for it; bound alone it convicts nobody, and the counters may settle it."""
    recording, sends = flow([])
    recording.flow(range(10), channel="promo")
    broker = Broker().bind().bind("audit").bind("q", "promo").queue(0).queue(0, "audit")
    (known, bound) = sorted(of(settled(recording, broker), sends[4]), key=lambda row: row["queue"] == "audit")
    assert (known["queue"], known["to_service"], known["verdict"]) == ("q", "notify", "delivered")
    assert (bound["queue"], bound["to_service"], bound["expected_by"]) == ("audit", None, "bound")
    assert (bound["verdict"], bound["received_at"]) == ("unobserved", None)
    broker.queue(AT_REST, "audit", counts=(10, 10, 0))
    (bound,) = (row for row in of(settled(recording, broker), sends[4]) if row["expected_by"] == "bound")
    assert bound["verdict"] == "delivered"


def test_a_receiver_of_several_channels_takes_from_what_all_of_them_reach() -> None:
    """One queue is left for the other receiver."""
    recording, sends = flow([])
    for at, send in sends.items():
        recording.receive("audit", at + 0.2, under=send)
    recording.flow(range(10), channel="promo")
    broker = Broker().bind().bind("all").bind("q", "promo")
    queues = {row["to_service"]: row["queue"] for row in of(settled(recording, broker), sends[4])}
    assert queues == {"notify": "q", "audit": "all"}


def test_where_several_queues_fit_none_is_named() -> None:
    """Without a key the message went to the one or the other."""
    recording, sends = flow([4])
    broker = Broker().bind("a", kind="direct", routing_key="a").bind("b", kind="direct", routing_key="b")
    for name in ("a", "b"):
        broker.queue(AT_REST, name, counts=(10, 10, 0))
    rows = settled(recording, broker)
    assert told(rows, sends, 4) == NO_WORD[:1]
    assert [row["queue"] for row in of(rows, sends[4])] == [None]


def test_an_exchange_in_two_vhosts_is_ambiguous() -> None:
    """Spans name no vhost: neither queue speaks."""
    recording, sends = flow([4])
    broker = Broker().bind().queue(AT_REST, counts=(10, 10, 0))
    broker.tell("route", 0, name="orders", kind="fanout", to="q", to_kind="queue", vhost="other")
    assert told(settled(recording, broker), sends, 4) == NO_WORD[:1]


@pytest.mark.parametrize("other", [{"tenant": "other"}, {"environment": "test"}, {"broker": "elsewhere:5672"}], ids=str)
def test_facts_from_elsewhere_say_nothing(other: Row) -> None:
    """Another tenant's, environment's or broker's counters settle nothing here."""
    recording, sends = flow([4, 9])
    broker = Broker().bind(**other).queue(AT_REST, counts=(10, 10, 0), **other)
    assert told(settled(recording, broker), sends, 4, 9) == NO_WORD


# --- bindings


def alone() -> tuple[Recording, dict[float, Span]]:
    """Ten messages that nobody was seen to receive."""
    return flow(list(range(10)))


def test_what_no_binding_takes_is_unroutable_while_the_snapshot_is_fresh() -> None:
    """A snapshot of last month says little."""
    recording, sends = alone()
    bare = {"queue": None, "to_kind": None}
    rows = settled(recording, Broker().bind(**bare).look(0).look(AT_REST))
    assert told(rows, sends, 4) == [("dropped", "unroutable", "confirmed")]
    assert of(rows, sends[4])[0]["disposition"] == "gone"
    old = settled(recording, Broker().bind(at=-30 * 86_400, **bare).look(-30 * 86_400))
    assert told(old, sends, 4) == [("unobserved", None, None)]


def test_a_binding_that_went_loses_what_came_after_it() -> None:
    """Not the receiver, who took all before, is down: the messages between the snapshots stay in doubt."""
    recording, sends = flow([7, 8, 9])
    recording.span("notify", 200)
    broker = Broker().bind(at=-1).look(-1).look(5.5).tell("route_gone", 7.5, name="orders", kind="fanout", to="q")
    broker.rows[-1]["to_kind"] = "queue"
    broker.bind(None, at=7.5, to_kind=None).look(7.5).look(20)  # type: ignore[arg-type] - leads nowhere
    rows = settled(recording, broker)
    assert told(rows, sends, 8, 9) == [("dropped", "unroutable", "confirmed")] * 2
    assert told(rows, sends, 7)[0][1] is None
    assert told(rows, sends, 3)[0][0] == "delivered"


def test_an_alternate_exchange_parks_it() -> None:
    """By the counters of the queue that it leads to, even if the routes were told long after."""
    recording, sends = alone()
    broker = Broker().bind("unrouted", "ae", at=90_000)
    broker.tell("route", 90_000, name="orders", kind="alternate", to="ae", to_kind="exchange").look(90_000)
    assert told(settled(recording, broker, 100_000), sends, 4) == [("unobserved", None, None)]
    broker.queue(90_000, "unrouted", counts=(10, 0, 10), consumers=0)
    (row,) = of(settled(recording, broker, 100_000), sends[4])
    assert (row["verdict"], row["cause"], row["disposition"]) == ("dropped", "unroutable", "parked")
    assert row["held_at"] == "unrouted"


# --- causes


@pytest.mark.parametrize(
    ("queue", "counters", "cause"),
    [
        ({"messages_max": 1}, {}, "overflow"),
        ({"bytes_max": 5000}, {}, "overflow"),
        ({"messages_max": 1}, {"maxlen": 1}, "unknown"),
        ({"messages_max": 5}, {}, "unknown"),
        ({"ttl_ns": 300_000_000}, {}, "expired"),
        ({"ttl_ns": 300_000_000}, {"expired": 0, "rejected": 2}, "unknown"),
        ({"messages_max": 1, "ttl_ns": 300_000_000}, {}, "unknown"),
        ({"messages_max": 1, "ttl_ns": 300_000_000}, {"maxlen": 2}, "overflow"),
        ({"messages_max": 1, "ttl_ns": 300_000_000}, {"expired": 7}, "expired"),
        ({"messages_max": 1, "ttl_ns": 300_000_000}, {"expired": 7, "maxlen": 3}, "unknown"),
        ({}, {}, "unknown"),
    ],
)
def test_the_queues_own_limits_say_why(queue: Row, counters: dict[str, int], cause: str) -> None:
    """One reading convicts; where limit and TTL both could, the node's counters must rule one out."""
    recording, sends = flow([4, 9])
    broker = Broker().bind().queue(AT_REST, counts=(10, 8, 0), **queue).count(AT_REST, **counters)
    assert told(settled(recording, broker), sends, 4)[0][:2] == ("dropped", cause)


@pytest.mark.parametrize(
    ("counters", "other", "confidence"),
    [
        pytest.param({}, None, "inferred", id="a message's own TTL would look the same"),
        pytest.param({"maxlen": 2}, None, "confirmed", id="no other reading"),
        pytest.param({"maxlen": 2, "expired": 0, "rejected": 0}, None, "confirmed", id="others counted none"),
        pytest.param({"maxlen": 2, "expired": 3}, None, "inferred", id="some expired, and nothing tells where"),
        pytest.param({"maxlen": 2, "rejected": 1}, None, "inferred", id="some were rejected"),
        pytest.param({"maxlen": 2}, (30, 20, 0), "inferred", id="another queue can have lost them"),
        pytest.param({"maxlen": 2}, (30, 30, 0), "confirmed", id="another queue lost none"),
    ],
)
def test_a_limit_is_confirmed_only_where_this_queue_alone_explains_the_node(
    counters: dict[str, int], other: tuple[int, int, int] | None, confidence: str
) -> None:
    """The node's counters are of all its queues, and no queue counts what it loses."""
    recording, sends = flow([4, 9])
    broker = Broker().bind().queue(AT_REST, counts=(10, 8, 0), messages_max=1).count(AT_REST, **counters)
    if other is not None:
        broker.queue(AT_REST, "other", counts=other, messages_max=7)
    assert told(settled(recording, broker), sends, 4) == [("dropped", "overflow", confidence)]


def test_counters_that_began_anew_rule_nothing_out() -> None:
    """After a node's restart its evictions seem fewer than before: that is no word against the limit."""
    recording, sends = flow([4, 9])
    broker = Broker().bind().queue(-5, counts=(0, 0, 0)).count(-5, maxlen=600, expired=0)
    both = {"messages_max": 1, "ttl_ns": 300_000_000}
    broker.queue(AT_REST, counts=(10, 8, 0), **both).count(AT_REST, maxlen=20, expired=7)
    assert told(settled(recording, broker), sends, 4)[0][1] == "unknown"


def test_a_ttl_that_was_lifted_still_speaks() -> None:
    """What it was before the last snapshot may have lost them as well."""
    recording, sends = flow([4, 9])
    broker = Broker().bind().queue(-5, counts=(0, 0, 0), ttl_ns=300_000_000)
    broker.queue(AT_REST, counts=(10, 8, 0), messages_max=1)
    assert told(settled(recording, broker), sends, 4)[0][1] == "unknown"


def test_a_change_of_the_limit_is_told() -> None:
    """The evidence says what it was before, and from when on it was other."""
    recording, sends = flow([4, 9])
    broker = Broker().bind().queue(-5, counts=(0, 0, 0), messages_max=50)
    broker.queue(AT_REST, counts=(10, 8, 0), messages_max=1, policy="tight")
    evidence = " ".join(of(settled(recording, broker), sends[4])[0]["evidence"])
    assert "holds 1 messages" in evidence
    assert "(policy tight); its limit was 50, then 1 from " in evidence


def test_what_is_refused_is_no_fault_of_the_sender() -> None:
    """As many as the sender saw fail are missing at a queue that refuses; at a queue that evicts they are not."""
    recording = Recording()
    sends = {at: recording.send(at=at, error="nacked" if at == 4 else None) for at in range(10)}
    for at, send in sends.items():
        if at != 4:
            recording.receive(at=at + 0.1, under=send)
    full = {"counts": (10, 9, 0), "messages_max": 1}
    refuses = Broker().bind().queue(AT_REST, overflow="reject-publish", **full)
    evicts = Broker().bind().queue(AT_REST, overflow="drop-head", **full)
    assert told(settled(recording, refuses), sends, 4) == [("dropped", "overflow", "confirmed")]
    assert told(settled(recording, evicts), sends, 4) == [("dropped", "publish_failed", "confirmed")]


def test_a_send_that_failed_at_the_sender_is_no_refusal() -> None:
    """What never reached the broker met no full queue, though it refuses what comes when full."""
    recording = Recording()
    sends = {at: recording.send(at=at, error="serialisation error" if at == 4 else None) for at in range(10)}
    for at, send in sends.items():
        if at != 4:
            recording.receive(at=at + 0.1, under=send)
    broker = Broker().bind().queue(AT_REST, overflow="reject-publish", counts=(9, 9, 0), messages_max=1)
    assert told(settled(recording, broker), sends, 4) == [("dropped", "publish_failed", "confirmed")]


def test_dead_letters_go_where_the_queue_sends_them() -> None:
    """What a limit evicted lies in the queue behind the dead-letter exchange, though nobody reads it."""
    recording, sends = flow([4, 9])
    broker = Broker().bind().bind("dlq", "dlx").queue(AT_REST, "dlq", counts=None, waiting=2)
    broker.queue(AT_REST, counts=(10, 8, 0), messages_max=1, dead_letter="dlx", dead_letter_routing="dead")
    (row,) = of(settled(recording, broker), sends[4])
    assert (row["cause"], row["disposition"], row["held_at"]) == ("overflow", "dead_lettered", "dlq")


def test_a_restart_loses_what_waited_unless_it_outlives_it() -> None:
    """Counters that begin anew over an empty queue; a durable queue still holds them. A queue may be deleted too."""
    recording, sends = flow([8, 9])
    waits = Broker().bind().queue(-5, counts=(0, 0, 0)).queue(20, counts=(10, 8, 2), consumers=0)
    rows = settled(recording, Broker.queue(_copy(waits), 40, counts=(0, 0, 0)))
    assert told(rows, sends, 8, 9) == [("dropped", "broker_lost", "confirmed")] * 2
    rows = settled(recording, Broker.queue(_copy(waits), 40, counts=(0, 0, 2)))
    assert told(rows, sends, 8) == [("unobserved", None, None)]
    once = _copy(waits).tell("queue_gone", 40, name="q")
    assert told(settled(recording, once), sends, 8)[0][0] != "dropped"
    rows = settled(recording, once.look(60))
    assert told(rows, sends, 8) == [("dropped", "broker_lost", "confirmed")]
    served = Broker().bind().queue(20, counts=(10, 8, 2)).queue(40, counts=(0, 0, 0))
    assert told(settled(recording, served), sends, 8) == [("unobserved", None, None)]


def test_a_purge_is_a_stroke() -> None:
    """What waited is gone, the receivers took none of it, and neither limit nor TTL explains it."""
    recording, sends = flow([8, 9])
    broker = Broker().bind().queue(20, counts=(10, 8, 2)).queue(40, counts=(10, 8, 0))
    assert told(settled(recording, broker), sends, 8) == [("dropped", "unknown", "inferred")]
    broker.count(40, maxlen=0, expired=0, rejected=0)
    assert told(settled(recording, broker), sends, 8) == [("dropped", "broker_lost", "confirmed")]


def test_a_restart_of_a_queue_with_a_ttl_says_nothing_of_the_cause() -> None:
    """They may have expired before it."""
    recording, sends = flow([8, 9])
    broker = (
        Broker().bind().queue(20, counts=(10, 8, 2), consumers=0, ttl_ns=15_000_000_000).queue(40, counts=(0, 0, 0))
    )
    assert told(settled(recording, broker), sends, 8) == [("dropped", "unknown", "inferred")]


@pytest.mark.parametrize("back", [(0, 0, 2), (10, 8, 2)], ids=["after a restart", "with its counters"])
def test_a_queue_that_a_starting_node_did_not_list_yet_lost_nothing(back: tuple[int, int, int]) -> None:
    """It is back, and holds what it held."""
    recording, sends = flow([8, 9])
    broker = Broker().bind().queue(20, counts=(10, 8, 2), consumers=0).tell("queue_gone", 40, name="q")
    broker.queue(60, counts=back)
    assert told(settled(recording, broker), sends, 8)[0][0] != "dropped"


def test_a_queue_that_is_down_holds_what_nobody_can_tell() -> None:
    """Listed without figures, it does not still have the old ones."""
    recording, sends = flow([8, 9])
    broker = Broker().bind().queue(20, counts=(10, 8, 2)).queue(40, consumers=None).look(40).look(60)
    rows = settled(recording, broker)
    assert "until 2026-09-21T14:13:40Z" in of(rows, sends[8])[0]["evidence"][0]


def _copy(broker: Broker) -> Broker:
    copy = Broker()
    copy.rows = list(broker.rows)
    return copy


@pytest.mark.parametrize(
    ("committed", "verdict"), [(10, "delivered"), (8, "stuck"), (9, "unobserved")], ids=["all", "none", "some"]
)
def test_a_groups_offsets_are_counters(committed: int, verdict: str) -> None:
    """What a group committed it took; what lies beyond waits."""
    recording, sends = flow([8, 9], system="kafka", more={"messaging.consumer.group.name": "g"})
    broker = Broker().tell("subscription", AT_REST, name="g", to="orders", committed=committed, end=10)
    broker.tell("queue", AT_REST, name="orders", kind="topic")
    assert told(settled(recording, broker), sends, 8)[0][0] == verdict
