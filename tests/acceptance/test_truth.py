"""A simulated bank with known truth: what was lost is found, and nothing else is ever accused.

The simulator shares no code with Baton. Its messages reach Baton as OTLP/JSON bytes.
"""

from __future__ import annotations

import copy
import random
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from baton.analysis import analyze, expect, pair_up
from baton.journal.record import Record
from baton.ownership.catalog import EMPTY
from baton.schema import JOURNEY_KEYS
from baton.wire.decode import decode
from baton.wire.otlp_json import to_protobuf
from simulator import LOST, SECOND, START, TAKEN, WAITING, Message, Telemetry, Worker, poisson, run_queue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

LONG_AFTER = START + 1_000_000 * SECOND
BROKER = {"messaging__system": "rabbitmq", "server__address": "mq", "server__port": 5672}


@pytest.fixture
def rng() -> random.Random:
    """The same bank every time."""
    return random.Random(7)


@pytest.fixture
def telemetry(rng: random.Random) -> Telemetry:
    """The spans that its services export."""
    return Telemetry(rng)


def emit(
    telemetry: Telemetry,
    messages: Iterable[Message],
    *,
    receiver: str = "notify",
    by: str = "parent",
    place: str | None = None,
    correlation: Callable[[Message], str] | None = None,
    sent: dict[str, tuple[str, str]] | None = None,
) -> dict[str, tuple[str, str]]:
    """Spans of senders and of one receiver; returns each message's producer context."""
    sent = {} if sent is None else sent
    for message in messages:
        names: dict[str, Any] = {**BROKER, "messaging__destination__name": "events"}
        if by != "correlation":
            names["messaging__message__id"] = message.id
        if correlation is not None:
            names["messaging__message__conversation_id"] = correlation(message)
        if message.id not in sent:
            sent[message.id] = telemetry.span(
                message.sender,
                "send events",
                4,
                message.at,
                message.at + 0.001,
                messaging__operation="publish",
                **names,
            )
        if message.fate == TAKEN:
            context = sent[message.id]
            took = telemetry.span(
                receiver,
                "process events",
                5,
                message.taken_at,
                message.done_at,
                instance=message.worker or "1",
                parent=context if by == "parent" else None,
                links=[context] if by == "link" else [],
                messaging__operation="process",
                **{**names, "messaging__destination__name": place or "events"},
            )
            telemetry.span(
                receiver, "work", 1, message.taken_at, message.done_at, parent=took, instance=message.worker or "1"
            )
    return sent


def heartbeat(telemetry: Telemetry, service: str, instance: str, until: float) -> None:
    """A health check every second: spans that have nothing to do with messages."""
    for second in range(int(until)):
        telemetry.span(service, "GET /health", 2, second, second + 0.002, instance=instance)


def judged(telemetry: Telemetry, as_of: float | None = None) -> pl.DataFrame:
    """Public rows as of a moment (seconds), with expectations from all spans."""
    spans = decode([Record(1, "default", to_protobuf(request)) for request in telemetry.requests()]).lazy()
    known = expect(pair_up(spans, EMPTY, LONG_AFTER))
    as_of_ns = LONG_AFTER if as_of is None else START + int(as_of * SECOND)
    return analyze(pair_up(spans, EMPTY, as_of_ns), known, EMPTY, JOURNEY_KEYS, as_of_ns).handoffs


def verdicts(
    rows: pl.DataFrame, messages: list[Message], receiver: str = "notify", key: str = "message_id"
) -> dict[str, str]:
    """Message id -> verdict of its handoff to that receiver, or to nobody known."""
    asked = rows.filter(
        (pl.col("kind") == "message")
        & (pl.col("to_service").is_null() | pl.col("to_service").str.contains(receiver, literal=True))
    )
    known = {message.id for message in messages}
    return {name: verdict for name, verdict in asked.select(key, "verdict").iter_rows() if name in known}


def false_drops(
    rows: pl.DataFrame, messages: list[Message], receiver: str = "notify", key: str = "message_id"
) -> list[str]:
    """Messages called dropped that were not lost: each one an accusation of the innocent."""
    fate = {message.id: message.fate for message in messages}
    found = verdicts(rows, messages, receiver, key)
    return [name for name, verdict in found.items() if verdict == "dropped" and fate[name] != LOST]


def found_share(
    rows: pl.DataFrame, messages: list[Message], receiver: str = "notify", key: str = "message_id"
) -> float:
    """The share of lost messages that are called dropped."""
    found = verdicts(rows, messages, receiver, key)
    lost = [message.id for message in messages if message.fate == LOST]
    assert lost, "the scenario lost nothing: it shows nothing"
    return sum(found.get(name) == "dropped" for name in lost) / len(lost)


def causes(rows: pl.DataFrame) -> set[str]:
    """Causes of all dropped rows."""
    return set(rows.filter(pl.col("verdict") == "dropped")["cause"])


def flood(rng: random.Random) -> list[Message]:
    """Confirmations at 10/s for 40 s, and ticks at 200/s for 6 s of them."""
    return poisson(rng, 10, 0, 40, "trade", "c") + poisson(rng, 200, 10, 16, "market", "t")


def steady(takes: float) -> list[Worker]:
    """One worker that always takes about as long."""
    return [Worker("1", lambda: takes)]


# --- something is lost -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("by", "place"), [("parent", None), ("link", None), ("message id", "notify-q"), ("correlation", "notify-q")]
)
def test_a_full_queue_is_found_whatever_pairs_its_messages(
    rng: random.Random, telemetry: Telemetry, by: str, place: str | None
) -> None:
    """Drop-head at 50: all losses, nothing else, and the queue as the cause, by context, link, id or correlation."""
    messages = flood(rng)
    run_queue(messages, [Worker("1", lambda: 0.02 + 0.002 * rng.random())], limit=50)
    emit(telemetry, messages, by=by, place=place, correlation=lambda message: message.id)
    rows = judged(telemetry)
    key = "correlation_id"
    assert false_drops(rows, messages, key=key) == []
    assert found_share(rows, messages, key=key) >= 0.99
    assert causes(rows) == {"overflow"}


def test_a_full_queue_before_competing_consumers(rng: random.Random, telemetry: Telemetry) -> None:
    """Four consumers with uneven service times reorder, and the losses are found all the same."""
    messages = flood(rng)
    run_queue(messages, [Worker(str(number), lambda: rng.expovariate(12.5)) for number in range(4)], limit=50)
    emit(telemetry, messages)
    rows = judged(telemetry)
    assert false_drops(rows, messages) == []
    assert found_share(rows, messages) >= 0.99
    assert causes(rows) == {"overflow"}


def test_a_queue_that_is_always_full(rng: random.Random, telemetry: Telemetry) -> None:
    """Losses at random from the first to the last minute are no sampling: their survivors stood in a queue."""
    messages = poisson(rng, 200, 0, 30, "market", "t")
    run_queue(messages, [Worker("1", lambda: rng.expovariate(50))], limit=50)
    emit(telemetry, messages)
    rows = judged(telemetry)
    assert false_drops(rows, messages) == []
    assert found_share(rows, messages) >= 0.99
    assert causes(rows) == {"overflow"}


def test_a_ttl_is_no_full_queue(rng: random.Random, telemetry: Telemetry) -> None:
    """Expired messages are found, and not blamed on a limit that would lose the same ones."""
    messages = flood(rng)
    run_queue(messages, steady(0.02), ttl=0.5)
    emit(telemetry, messages)
    rows = judged(telemetry)
    assert false_drops(rows, messages) == []
    assert found_share(rows, messages) >= 0.99
    assert causes(rows) <= {"expired", "unknown"}


def test_single_losses_among_many(rng: random.Random, telemetry: Telemetry) -> None:
    """Three in a hundred lost at random, with the receiver's health checks going on: found, cause unknown."""
    messages = poisson(rng, 20, 0, 60, "trade", "c")
    run_queue(messages, [Worker(str(number), lambda: rng.expovariate(50)) for number in range(2)])
    for message in messages:
        if rng.random() < 0.03:
            message.fate = LOST
    emit(telemetry, messages)
    for instance in "01":
        heartbeat(telemetry, "notify", instance, 65)
    rows = judged(telemetry)
    assert false_drops(rows, messages) == []
    assert found_share(rows, messages) >= 0.99
    assert causes(rows) == {"unknown"}


def test_one_subscription_of_a_fan_out_loses(rng: random.Random, telemetry: Telemetry) -> None:
    """The subscription with the full queue is accused, its neighbour on the same channel is not."""
    messages = poisson(rng, 10, 0, 60, "trade", "c") + poisson(rng, 150, 20, 26, "market", "t")
    sent: dict[str, tuple[str, str]] = {}
    queues = {}
    for receiver, takes, limit in (("notify", 0.02, 50), ("audit", 0.001, None)):
        queues[receiver] = copy.deepcopy(messages)
        run_queue(queues[receiver], [Worker("1", lambda takes=takes: rng.expovariate(1 / takes))], limit=limit)
        emit(telemetry, queues[receiver], receiver=receiver, sent=sent)
    rows = judged(telemetry)
    assert false_drops(rows, queues["notify"]) == []
    assert found_share(rows, queues["notify"]) >= 0.99
    assert set(verdicts(rows, queues["audit"], "audit").values()) == {"delivered"}


# --- nothing is lost -------------------------------------------------------------------------------------------------


def parallel_heavy_tail(rng: random.Random) -> list[Message]:
    """Delays with a Pareto tail of index 1.1: each message on its own, most in 10 ms, some in minutes."""
    messages = poisson(rng, 20, 0, 60, "trade", "c")
    for message in messages:
        message.fate, message.taken_at = TAKEN, message.at + 0.01 * rng.paretovariate(1.1)
        message.done_at = message.taken_at + 0.005
    return messages


def slow_work(rng: random.Random) -> list[Message]:
    """Eight workers whose work takes from milliseconds to seconds: what is at work has no span yet."""
    messages = poisson(rng, 20, 0, 60, "trade", "c")
    run_queue(messages, [Worker(str(number), lambda: rng.lognormvariate(-3, 1.5)) for number in range(8)])
    return messages


def month_end(rng: random.Random) -> list[Message]:
    """More is sent for half a minute than two workers can take: a backlog, late and whole."""
    messages = (
        poisson(rng, 20, 0, 30, "trade", "a")
        + poisson(rng, 80, 30, 60, "trade", "b")
        + poisson(rng, 20, 60, 150, "trade", "c")
    )
    run_queue(messages, [Worker(str(number), lambda: rng.expovariate(16)) for number in range(2)])
    return messages


def stopped_and_recovered(rng: random.Random) -> list[Message]:
    """The receiver stands still for 40 s and then works the backlog off."""
    messages = poisson(rng, 10, 0, 120, "trade", "c")
    run_queue(messages, [Worker("1", lambda: 0.02, away=((30, 70),))])
    return messages


def rolling_deployments(rng: random.Random) -> list[Message]:
    """Three instances replaced one by one every 30 s."""
    messages = poisson(rng, 20, 0, 120, "trade", "c")
    workers = [
        Worker(f"{round_}{number}", lambda: 0.03 + 0.05 * rng.random(), away=((0, begin), (begin + 30, 1e9)))
        for round_ in range(4)
        for number in range(3)
        for begin in [round_ * 30 + number * 3]
    ]
    run_queue(messages, workers, until=1000)
    return messages


BANKS = [parallel_heavy_tail, slow_work, month_end, stopped_and_recovered, rolling_deployments]


@pytest.mark.parametrize("bank", BANKS)
@pytest.mark.parametrize("as_of", [None, 20.0, 40.0, 58.0, 72.0])
def test_where_nothing_is_lost_nothing_is_called_dropped(
    rng: random.Random, telemetry: Telemetry, bank: Callable[[random.Random], list[Message]], as_of: float | None
) -> None:
    """At whatever moment one asks, in the middle of a backlog or after it: precision is 1."""
    messages = bank(rng)
    assert all(message.fate == TAKEN for message in messages)
    emit(telemetry, messages)
    rows = judged(telemetry, as_of)
    assert false_drops(rows, messages) == []
    if as_of is None:
        assert set(verdicts(rows, messages).values()) == {"delivered"}


def cut_for_a_while(service: str, instance: str, _begin: float, end: float) -> bool:
    """One receiver's exporter is cut for 25 s."""
    return not (service == "notify" and instance == "1" and 30 < end < 55)


def cut_for_good(service: str, instance: str, _begin: float, end: float) -> bool:
    """One receiver's exporter never comes back, and the receiver works on."""
    return not (service == "notify" and instance == "1" and end > 50)


def lost_batches(service: str, _instance: str, _begin: float, end: float) -> bool:
    """Two of the receivers' export batches never arrive."""
    return not (service == "notify" and int(end // 5) in (4, 11))


@pytest.mark.parametrize("fault", [cut_for_a_while, cut_for_good, lost_batches])
@pytest.mark.parametrize("workers", [1, 3])
def test_lost_telemetry_is_no_lost_message(
    rng: random.Random, telemetry: Telemetry, fault: Callable[[str, str, float, float], bool], workers: int
) -> None:
    """Messages whose receipts were never exported are unobserved: a blind spot is named as one."""
    messages = poisson(rng, 20, 0, 90, "trade", "c")
    run_queue(
        messages, [Worker(str(number + 1), lambda: 0.02 + 0.05 * rng.random() / workers) for number in range(workers)]
    )
    emit(telemetry, messages)
    telemetry.keep(fault)
    rows = judged(telemetry)
    assert false_drops(rows, messages) == []
    assert set(verdicts(rows, messages).values()) == {"delivered", "unobserved"}


def test_lost_telemetry_in_a_flood_is_no_eviction(rng: random.Random, telemetry: Telemetry) -> None:
    """Two seconds of a receiver's spans are lost while its queue overflows: what it took then is accused of nothing."""
    messages = flood(rng)
    run_queue(messages, steady(0.02), limit=50)
    emit(telemetry, messages)
    heartbeat(telemetry, "notify", "1", 60)
    telemetry.keep(lambda service, _instance, _begin, end: not (service == "notify" and 11.3 <= end < 13.3))
    rows = judged(telemetry)
    assert false_drops(rows, messages) == []
    assert found_share(rows, messages) > 0.5
    assert causes(rows) == {"overflow"}


@pytest.mark.parametrize("share", [0.7, 0.5, 0.25, 0.1])
@pytest.mark.parametrize("seconds", [8, 60])
def test_a_sampling_receiver_is_no_losing_queue(
    rng: random.Random, telemetry: Telemetry, share: float, seconds: int
) -> None:
    """Receipts that look like coin tosses accuse nobody, many or few."""
    messages = poisson(rng, 20, 0, seconds, "trade", "c")
    run_queue(messages, [Worker(str(number), lambda: rng.expovariate(33)) for number in range(3)])
    emit(telemetry, messages)
    sampled = {name: rng.random() < share for name in dict.fromkeys(body["traceId"] for _, _, body in telemetry.spans)}
    telemetry.spans = [
        (service, instance, body)
        for service, instance, body in telemetry.spans
        if service != "notify" or sampled[body["traceId"]]
    ]
    assert false_drops(judged(telemetry), messages) == []


@pytest.mark.parametrize("share", [0.9, 0.5, 0.1])
def test_a_filtering_subscription_loses_nothing(rng: random.Random, telemetry: Telemetry, share: float) -> None:
    """A second subscription that takes a part of the messages by their content is not held to the rest."""
    messages = poisson(rng, 20, 0, 60, "trade", "c")
    run_queue(messages, steady(0.02))
    sent = emit(telemetry, messages, receiver="audit")
    emit(telemetry, [message for message in messages if rng.random() < share], sent=sent)
    assert false_drops(judged(telemetry), messages) == []


@pytest.mark.parametrize("skew", [-180.0, 180.0, 3.0, -0.5])
@pytest.mark.parametrize("service", ["notify", "trade"])
def test_clocks_that_differ_lose_nothing(rng: random.Random, telemetry: Telemetry, skew: float, service: str) -> None:
    """Minutes of skew at a receiver, or between two senders, change no verdict."""
    telemetry.skew = {service: skew}
    messages = poisson(rng, 20, 0, 60, "trade", "c") + poisson(rng, 20, 0, 60, "other", "o")
    run_queue(messages, steady(0.015))
    emit(telemetry, messages, by="message id")
    rows = judged(telemetry)
    assert set(verdicts(rows, messages).values()) == {"delivered"}


def test_a_slow_queue_beside_a_fast_one_is_a_backlog(rng: random.Random, telemetry: Telemetry) -> None:
    """Two services behind one exchange, each with its own kind of message: the slow one's backlog is not overtaken."""
    fast, slow = poisson(rng, 20, 0, 60, "trade", "f"), poisson(rng, 20, 0, 60, "trade", "s")
    run_queue(fast, steady(0.02))
    run_queue(slow, steady(0.08))
    emit(telemetry, slow, receiver="promo", sent=emit(telemetry, fast))
    rows = judged(telemetry, 50.0)
    assert false_drops(rows, fast + slow, "promo") == []


def test_a_receiver_that_is_down_is_stuck_not_dropped(rng: random.Random, telemetry: Telemetry) -> None:
    """No receipts from a moment on, with its other spans going on: stuck, receiver_down; recoverable."""
    messages = poisson(rng, 10, 0, 120, "trade", "c")
    run_queue(messages, [Worker("1", lambda: 0.02, away=((60, 1e9),))], until=1000)
    emit(telemetry, messages)
    heartbeat(telemetry, "notify", "1", 200)
    rows = judged(telemetry)
    waiting = {message.id for message in messages if message.fate == WAITING}
    found = verdicts(rows, messages)
    assert {found[name] for name in waiting} == {"stuck"}
    assert set(rows.filter(pl.col("verdict") == "stuck")["cause"]) == {"receiver_down"}


def test_a_receiver_without_telemetry_is_unobserved(rng: random.Random, telemetry: Telemetry) -> None:
    """Nobody was ever seen to receive: one row a message, receiver null, nobody accused."""
    messages = poisson(rng, 20, 0, 30, "trade", "c")
    run_queue(messages, steady(0.02))
    emit(telemetry, messages)
    telemetry.keep(lambda service, *_: service != "notify")
    rows = judged(telemetry)
    assert rows.height == len(messages)
    assert set(rows["verdict"]) == {"unobserved"}
    assert rows["to_service"].null_count() == rows.height


def test_one_id_for_a_whole_session_names_no_message(rng: random.Random, telemetry: Telemetry) -> None:
    """Where messages share only a session's id and some are missing, the loss has a number and no name."""
    messages = flood(rng)
    run_queue(messages, steady(0.02), limit=50)
    emit(telemetry, messages, by="correlation", correlation=lambda message: f"session-{int(message.at) % 7}")
    rows = judged(telemetry)
    assert "dropped" not in set(rows["verdict"])
    assert any("nothing tells which" in sentence for sentence in rows["evidence"].explode().drop_nulls())


def test_a_new_subscription_does_not_indict_last_week(rng: random.Random, telemetry: Telemetry) -> None:
    """A service that starts to receive beside another is held only to what was sent since."""
    messages = poisson(rng, 10, 0, 300, "trade", "c")
    run_queue(messages, steady(0.02))
    sent = emit(telemetry, messages, receiver="audit")
    later = [Message(message.id, message.at, message.sender) for message in messages if message.at > 150]
    run_queue(later, steady(0.02))
    emit(telemetry, later, sent=sent)
    rows = judged(telemetry)
    assert set(rows["verdict"]) == {"delivered"}
    assert rows.height == len(messages) + len(later)


def test_ids_that_travel_over_several_hops_pair_hop_by_hop(rng: random.Random, telemetry: Telemetry) -> None:
    """A service forwards under the same message id: each hop is judged by its own receive."""
    first = poisson(rng, 20, 0, 60, "trade", "m")
    run_queue(first, steady(0.02))
    emit(telemetry, first, receiver="relay", by="message id")
    second = [Message(message.id, message.taken_at + 0.005, "relay") for message in first]
    run_queue(second, steady(0.03))
    emit(telemetry, second, receiver="notify", by="message id", place="notify-q")
    rows = judged(telemetry)
    assert rows.group_by("from_service", "to_service", "verdict").len().sort("from_service").rows() == [
        ("relay", "notify", "delivered", len(second)),
        ("trade", "relay", "delivered", len(first)),
    ]


def test_a_batch_receive_takes_many_and_merges_no_journeys(rng: random.Random, telemetry: Telemetry) -> None:
    """One poll span links its messages: all are received, an error on it condemns none, journeys stay apart."""
    messages = poisson(rng, 50, 0, 30, "trade", "c")
    sent = emit(telemetry, messages)
    kafka = {"messaging__system": "rabbitmq", "messaging__destination__name": "events"}
    for poll in range(1, 64):
        batch = [message for message in messages if (poll - 1) / 2 <= message.at + 0.002 < poll / 2]
        if batch:
            telemetry.span(
                "notify",
                "poll events",
                5,
                poll / 2,
                poll / 2 + 0.05,
                links=[sent[message.id] for message in batch],
                error="one of them is bad" if poll % 7 == 0 else None,
                messaging__operation__type="receive",
                messaging__consumer__group__name="notify",
                **kafka,
            )
    rows = judged(telemetry)
    assert set(verdicts(rows, messages).values()) == {"delivered"}
    assert rows["journey_id"].n_unique() == len(messages)


def test_a_poll_with_a_process_span_a_message_merges_no_journeys(rng: random.Random, telemetry: Telemetry) -> None:
    """Java's Kafka client: one `receive` span a poll, under it one `process` a message that links its own send."""
    messages = poisson(rng, 50, 0, 30, "trade", "c")
    sent = emit(telemetry, messages)
    kafka = {"messaging__system": "rabbitmq", "messaging__destination__name": "events"}
    for poll in range(1, 64):
        batch = [message for message in messages if (poll - 1) / 2 <= message.at + 0.002 < poll / 2]
        if not batch:
            continue
        received = telemetry.span(
            "notify",
            "events receive",
            5,
            poll / 2,
            poll / 2 + 0.001,
            messaging__operation="receive",
            messaging__kafka__consumer__group="notify",
            messaging__batch__message_count=len(batch),
            **kafka,
        )
        for place, message in enumerate(batch):
            telemetry.span(
                "notify",
                "events process",
                5,
                poll / 2 + 0.002 + place / 1000,
                poll / 2 + 0.003 + place / 1000,
                parent=received,
                links=[sent[message.id]],
                messaging__operation="process",
                messaging__kafka__consumer__group="notify",
                **kafka,
            )
    rows = judged(telemetry)
    assert set(verdicts(rows, messages).values()) == {"delivered"}
    assert rows["journey_id"].n_unique() == len(messages)
