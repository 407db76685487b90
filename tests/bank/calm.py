"""Banks that lose nothing, however it may look; and banks whose telemetry does not let anybody know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bank.broker import Exchange, Topic
from bank.catalogue import scenario
from bank.consumers import ACK, REQUEUE
from bank.shapes import (
    CELERY,
    CORRELATED_ONLY,
    IDS_ONLY,
    KAFKA,
    KAFKA_BATCHED,
    KAFKA_POLLED,
    LINKED,
    MODERN,
    PIKA,
    SPRING,
)
from bank.telemetry import SERVER, by_tail, by_trace, threshold_state
from bank.world import Bank, Sender

if TYPE_CHECKING:
    from collections.abc import Callable

    from bank.broker import Queue
    from bank.consumers import Consumer
    from bank.messages import Message
    from bank.shapes import Shape
    from bank.telemetry import Process, Span


def failing(share: int, otherwise: str | float, times: int) -> Callable[[Message, int], str | float]:
    """A receiver that fails every n-th message, by its id, for its first deliveries."""

    def outcome(message: Message, delivery: int) -> str | float:
        unlucky = int(message.id.rsplit("-", 1)[1]) % share == 3
        return otherwise if unlucky and delivery <= times else ACK

    return outcome


def day(
    bank: Bank, shape: Shape = MODERN, *, rate: float = 12, end: float = 60, workers: int = 2, takes: float = 0.05
) -> tuple[Queue, list[Consumer]]:
    """Trades to one queue, before as many workers."""
    events = Exchange("trade.events")
    queue = events.bind(bank.queue("notify-q", "notify"))
    consumers = [
        bank.consumer(queue, bank.exponential(takes), shape=shape, instance=str(number)) for number in range(workers)
    ]
    bank.traffic(Sender("trading", shape=shape), events, rate, 0, end)
    return queue, consumers


# --- nothing is lost -------------------------------------------------------------------------------------------------


@scenario(70)
def plain_day(bank: Bank) -> None:
    """Nothing happens."""
    day(bank, PIKA)


@scenario(160, moments=(50, 70, 95, 120), seeds=2)
def month_end_backlog(bank: Bank) -> None:
    """For half a minute more is sent than two workers can take: late and whole."""
    events = Exchange("trade.events")
    queue = events.bind(bank.queue("notify-q", "notify"))
    for number in range(2):
        bank.consumer(queue, bank.exponential(0.05), instance=str(number), prefetch=10)
    bank.traffic(Sender("trading"), events, 6, 0, 120)
    bank.traffic(Sender("reports"), events, 60, 30, 50, rooted=False)


@scenario(160, moments=(45, 65, 75, 90))
def receiver_down_and_back(bank: Bank) -> None:
    """The receivers crash, and come back after 40 s as other instances."""
    queue, consumers = day(bank, end=110, rate=8)
    for consumer in consumers:
        bank.clock.at(30, consumer.crash)
    for number in range(2):
        bank.consumer(queue, bank.exponential(0.03), instance=f"new-{number}", begin=70)


@scenario(120, moments=(70, 90, 110))
def receiver_down_for_good(bank: Bank) -> None:
    """The receiver stands still from a moment on, alive and well otherwise: what waits is not lost."""
    _, consumers = day(bank, end=110, rate=8)
    for number, consumer in enumerate(consumers):
        bank.clock.at(60, lambda one=consumer: one.pause(1e6))
        bank.telemetry.heartbeat(("notify", str(number)), 0, 118)


@scenario(70)
def fan_out_to_three(bank: Bank) -> None:
    """Three queues have every message, each with its own pace."""
    events = Exchange("trade.events")
    for service, takes in (("audit", 0.003), ("notify", 0.02), ("risk", 0.06)):
        bank.consumer(events.bind(bank.queue(f"{service}-q", service)), bank.exponential(takes), shape=PIKA)
    bank.traffic(Sender("trading", shape=PIKA), events, 9, 0, 60)


@scenario(120, seeds=2)
def competing_consumers_with_slow_work(bank: Bank) -> None:
    """Eight workers whose work takes from milliseconds to seconds: what is at work has no span yet."""
    events = Exchange("trade.events")
    queue = events.bind(bank.queue("notify-q", "notify"))
    for number in range(8):
        bank.consumer(queue, bank.lognormal(0.06, 1.5), instance=str(number), prefetch=4)
    bank.traffic(Sender("trading"), events, 14, 0, 60)


@scenario(200, moments=(20, 40, 58, 75, 110), seeds=2)
def heavy_tailed_delays(bank: Bank) -> None:
    """Thirty threads of one process, work with a Pareto tail of index 1.1: most in 20 ms, some in minutes."""
    events = Exchange("trade.events")
    queue = events.bind(bank.queue("notify-q", "notify"))
    work = bank.pareto(0.02, 1.1)
    for _ in range(30):
        bank.consumer(queue, lambda: min(work(), 120.0))
    bank.traffic(Sender("trading"), events, 14, 0, 60)


@scenario(130, moments=(36, 45, 60, 69, 80))
def one_worker_hangs_with_its_prefetch(bank: Bank) -> None:
    """One of three workers stands still for 40 s with ten messages in hand, which later ones overtake."""
    events = Exchange("trade.events")
    queue = events.bind(bank.queue("notify-q", "notify"))
    workers = [bank.consumer(queue, bank.steady(0.08), instance=str(number), prefetch=10) for number in range(3)]
    bank.clock.at(30, lambda: workers[1].pause(40))
    bank.traffic(Sender("trading"), events, 20, 0, 80)


@scenario(130, moments=(36, 45, 60, 69, 80))
def one_thread_hangs_while_its_process_lives(bank: Bank) -> None:
    """The same, and the process goes on with its health checks: its telemetry looks complete."""
    one_worker_hangs_with_its_prefetch(bank)
    for number in range(3):
        bank.telemetry.heartbeat(("notify", str(number)), 0, 125)


@scenario(90)
def redelivered_at_once(bank: Bank) -> None:
    """Every ninth message fails twice and is given back to the queue."""
    events = Exchange("trade.events")
    queue = events.bind(bank.queue("notify-q", "notify"))
    bank.consumer(queue, bank.steady(0.02), shape=PIKA, outcome=failing(9, REQUEUE, 2))
    bank.traffic(Sender("trading", shape=PIKA), events, 12, 0, 60)


@scenario(90, moments=(22, 31, 47, 59))
def retried_with_delay(bank: Bank) -> None:
    """Every ninth message fails once, and comes again 8 s later by way of a retry queue that nobody reads."""
    events = Exchange("trade.events")
    queue = events.bind(bank.queue("notify-q", "notify"))
    bank.consumer(queue, bank.steady(0.02), outcome=failing(9, 8.0, 1))
    bank.traffic(Sender("trading"), events, 12, 0, 60)


@scenario(90)
def crash_and_redelivery(bank: Bank) -> None:
    """One of two workers dies with messages in hand, which the other one takes."""
    events = Exchange("trade.events")
    queue = events.bind(bank.queue("notify-q", "notify"))
    workers = [bank.consumer(queue, bank.steady(0.06), instance=str(number), prefetch=10) for number in range(2)]
    bank.clock.at(30, workers[0].crash)
    bank.traffic(Sender("trading"), events, 15, 0, 60)


@scenario(130, moments=(33, 48, 61, 95), seeds=2)
def blue_green_deployments(bank: Bank) -> None:
    """Three instances are replaced every 30 s, one by one, in good order."""
    events = Exchange("trade.events")
    queue = events.bind(bank.queue("notify-q", "notify"))
    for turn in range(4):
        for number in range(3):
            begin = turn * 30.0 + number * 3
            process: Process = ("notify", f"v{turn}-{number}")
            bank.telemetry.resource[process] = {"service.version": f"1.{turn}"}
            one = bank.consumer(queue, bank.exponential(0.06), instance=process[1], begin=begin)
            bank.clock.at(begin + 30.5, one.stop)
    bank.traffic(Sender("trading"), events, 10, 0, 115)


@scenario(130, moments=(33, 48, 61, 95))
def deployments_without_instance_ids(bank: Bank) -> None:
    """The same, and no span says of which instance it is."""
    bank.telemetry.nameless = {"notify", "trading"}
    blue_green_deployments(bank)


@scenario(120, moments=(65, 80, 110))
def decommissioned_subscription(bank: Bank) -> None:
    """A second queue is unbound and its service shut down: nobody misses anything since."""
    events = Exchange("trade.events")
    bank.consumer(events.bind(bank.queue("notify-q", "notify")), bank.exponential(0.03))
    old = events.bind(bank.queue("legacy-q", "legacy"))
    consumer = bank.consumer(old, bank.exponential(0.02))
    bank.clock.at(55, lambda: events.unbind(old))
    bank.clock.at(57, consumer.stop)
    bank.traffic(Sender("trading"), events, 8, 0, 115)


@scenario(120, moments=(65, 80, 110))
def new_subscription(bank: Bank) -> None:
    """A second queue is bound in the middle of the day: it does not indict the morning."""
    events = Exchange("trade.events")
    bank.consumer(events.bind(bank.queue("notify-q", "notify")), bank.exponential(0.03))
    new = bank.queue("fraud-q", "fraud")
    bank.consumer(new, bank.exponential(0.02), begin=59)
    bank.clock.at(60, lambda: events.bind(new))
    bank.traffic(Sender("trading"), events, 8, 0, 115)


@scenario(70)
def filtered_subscription(bank: Bank) -> None:
    """A second queue has a part of the messages by what is in them, which spans do not show."""
    events = Exchange("trade.events")
    bank.consumer(events.bind(bank.queue("notify-q", "notify")), bank.exponential(0.02))
    large = bank.queue("large-q", "compliance")
    bank.consumer(large, bank.exponential(0.03))
    publish = events.publish

    def by_content(message: Message, at: float, *, mandatory: bool = False) -> str:
        if bank.rng.random() < 0.3:
            large.offer(message)
        return publish(message, at, mandatory=mandatory)

    events.publish = by_content  # type: ignore[method-assign]
    bank.traffic(Sender("trading"), events, 12, 0, 60)


@scenario(100, moments=(30, 48, 59, 70))
def two_queues_by_key_one_slow(bank: Bank) -> None:
    """Behind one exchange the queue of one key is worked off at once, that of the other is ever longer."""
    events = Exchange("events")
    for key, takes in (("trade.done", 0.02), ("promo.sent", 0.12)):
        bank.consumer(events.bind(bank.queue(f"{key}-q", key.split(".")[0]), key), bank.steady(takes))
        bank.traffic(Sender("market"), events, 10, 0, 60, keys=lambda key=key: key)


@scenario(120, moments=(25, 40, 55, 70))
def priorities_starve_the_rest(bank: Bank) -> None:
    """A queue with priorities under load: urgent messages overtake the others for half a minute."""
    events = Exchange("events")
    queue = events.bind(bank.queue("notify-q", "notify", priorities=True))
    bank.consumer(queue, bank.steady(0.05))
    bank.traffic(Sender("reports"), events, 5, 0, 60)
    bank.traffic(Sender("trading"), events, 19, 15, 45, priority=9)
    bank.traffic(Sender("trading"), events, 3, 0, 60, priority=9)


@scenario(80)
def relay_keeps_the_message_id(bank: Bank) -> None:
    """A message is forwarded under the same id, and no context travels: each hop has its own receipt."""
    first, second = Exchange("orders"), Exchange("settlements")
    sender = Sender("relay", shape=IDS_ONLY)
    bank.consumer(
        first.bind(bank.queue("orders-q", "relay")),
        bank.steady(0.01),
        shape=IDS_ONLY,
        then=lambda message, _span: bank.send(sender, second, message_id=message.id),
    )
    bank.consumer(second.bind(bank.queue("settle-q", "settlement")), bank.steady(0.02), shape=IDS_ONLY)
    bank.traffic(Sender("trading", shape=IDS_ONLY), first, 10, 0, 60)


def kafka(bank: Bank, shape: Shape, *, members: int = 3) -> list[object]:
    """A topic with six partitions and one group."""
    topic = Topic("trades", 6)
    pollers = bank.group(topic, "settlement", "settlement", bank.exponential(0.01), members=members, shape=shape)
    bank.traffic(Sender("trading", shape=shape), topic, 14, 0, 60)
    return list(pollers)


@scenario(70)
def kafka_with_parents(bank: Bank) -> None:
    """Partitions and a group, context by parent."""
    kafka(bank, KAFKA)


@scenario(70)
def kafka_java_polls(bank: Bank) -> None:
    """Java's client: a `receive` a poll, a `process` a message that links its send."""
    kafka(bank, KAFKA_POLLED)


@scenario(70)
def kafka_batches_by_links(bank: Bank) -> None:
    """One span a poll links all of its messages."""
    kafka(bank, KAFKA_BATCHED)


@scenario(90, moments=(33, 38, 48, 59), seeds=2)
def kafka_rebalances(bank: Bank) -> None:
    """A member dies between two commits; its partitions move, and what it had not committed is processed twice."""
    topic = Topic("trades", 6)
    pollers = bank.group(topic, "settlement", "settlement", bank.exponential(0.01), members=3, shape=KAFKA)
    bank.traffic(Sender("trading", shape=KAFKA), topic, 14, 0, 60)

    def die() -> None:
        pollers[0].crash()
        bank.clock.after(8, lambda: bank.rebalance(pollers[1:]))

    bank.clock.at(30, die)


@scenario(90)
def reordered_and_doubled_exports(bank: Bank) -> None:
    """Half of the requests come twice, and all in any order."""
    bank.telemetry.doubled, bank.telemetry.shuffled = 0.5, True
    day(bank, PIKA)


@scenario(80)
def clocks_minutes_apart(bank: Bank) -> None:
    """The receiver is three minutes ahead, one sender two behind; message ids alone pair."""
    bank.telemetry.skew = {"notify": 180.0, "trading": -120.0}
    events = Exchange("trade.events")
    bank.consumer(events.bind(bank.queue("notify-q", "notify")), bank.steady(0.02), shape=IDS_ONLY)
    for name in ("trading", "orders"):
        bank.traffic(Sender(name, shape=IDS_ONLY), events, 8, 0, 60)


@scenario(80)
def session_ids(bank: Bank) -> None:
    """All messages of a session bear one correlation id, and nothing else tells them apart."""
    events = Exchange("trade.events")
    bank.consumer(events.bind(bank.queue("notify-q", "notify")), bank.steady(0.02), shape=CORRELATED_ONLY)
    sender = Sender("trading", shape=CORRELATED_ONLY)
    bank.every(12, 0, 60, lambda: bank.send(sender, events, correlation=f"session-{bank.rng.randrange(40)}"))


@scenario(80)
def correlation_ids_only(bank: Bank) -> None:
    """One correlation id a message, and no other tie; it comes again on the answer's way back."""
    requests, answers = Exchange("requests"), Exchange("answers")
    back = Sender("pricing", shape=CORRELATED_ONLY)
    bank.consumer(
        requests.bind(bank.queue("requests-q", "pricing")),
        bank.steady(0.02),
        shape=CORRELATED_ONLY,
        then=lambda message, _span: bank.send(back, answers, correlation=message.correlation),
    )
    bank.consumer(answers.bind(bank.queue("answers-q", "trading")), bank.steady(0.01), shape=CORRELATED_ONLY)
    bank.traffic(Sender("trading", shape=CORRELATED_ONLY), requests, 9, 0, 60)


@scenario(80)
def legitimate_declines(bank: Bank) -> None:
    """A quarter of the deposits is declined after the check, one in ten is held for an hour: no handoff is missing."""
    checks, bookings = Exchange("checks"), Exchange("bookings")
    checker = Sender("compliance")

    def checked(message: Message, span: Span) -> None:
        outcome = int(message.id.rsplit("-", 1)[1]) % 20
        span.attributes["deposit.outcome"] = "declined" if outcome < 5 else "held" if outcome < 7 else "accepted"
        if outcome >= 7:
            bank.send(checker, bookings, parent=span)

    bank.consumer(checks.bind(bank.queue("checks-q", "compliance")), bank.steady(0.02), then=checked)
    bank.consumer(bookings.bind(bank.queue("bookings-q", "ledger")), bank.steady(0.02))
    bank.traffic(Sender("deposits"), checks, 10, 0, 70)


@scenario(140, moments=(55, 85, 100, 130))
def journeys_that_stop_now_and_then(bank: Bank) -> None:
    """Six in a hundred deposits stop after the check all day long, and no attribute says why: that is their way."""
    checks, bookings = Exchange("checks"), Exchange("bookings")
    checker = Sender("compliance")

    def checked(_message: Message, span: Span) -> None:
        if bank.rng.random() >= 0.06:
            bank.send(checker, bookings, parent=span)

    bank.consumer(checks.bind(bank.queue("checks-q", "compliance")), bank.steady(0.02), then=checked)
    bank.consumer(bookings.bind(bank.queue("bookings-q", "ledger")), bank.steady(0.02))
    bank.traffic(Sender("deposits"), checks, 8, 0, 130)


@scenario(70)
def calls_that_answer_errors(bank: Bank) -> None:
    """A server that answers errors has taken the call."""
    gateway, ledger = ("gateway", "1"), ("ledger", "1")
    target = {"server.address": "ledger", "server.port": 443}
    for number in range(500):
        at = 0.1 + number / 10
        error = "boom" if number % 10 == 3 else None
        entry = bank.telemetry.span(gateway, "POST /pay", SERVER, at, at + 0.05, error=error)
        call = bank.telemetry.span(gateway, "POST", 3, at + 0.01, at + 0.04, parent=entry, error=error, **target)
        bank.telemetry.span(ledger, "POST /post", SERVER, at + 0.015, at + 0.035, parent=call, error=error)


# --- telemetry that does not tell ------------------------------------------------------------------------------------


@scenario(90, moments=(35, 50, 62, 80), seeds=2)
def exporter_cut_for_a_while(bank: Bank) -> None:
    """One of three receivers cannot export for 25 s, and works on."""
    bank.telemetry.batch_lost.append(lambda process, at: process == ("notify", "1") and 30 < at < 55)
    day(bank, workers=3, end=85)


@scenario(90, moments=(35, 50, 62, 80))
def exporter_cut_for_good(bank: Bank) -> None:
    """The only receiver's exporter never comes back, and the receiver works on."""
    bank.telemetry.batch_lost.append(lambda process, at: process[0] == "notify" and at > 45)
    day(bank, workers=1, end=85)


@scenario(90)
def single_batches_lost(bank: Bank) -> None:
    """Three of the receivers' export batches never arrive."""
    bank.telemetry.batch_lost.append(lambda process, at: process[0] == "notify" and int(at / 2) in (9, 20, 33))
    day(bank, workers=2, end=85)


def month_end(bank: Bank) -> None:
    """A flood of reports beside the trades, before two workers that take 50/s: late and whole."""
    events = Exchange("trade.events")
    queue = events.bind(bank.queue("notify-q", "notify"))
    for number in range(2):
        bank.consumer(queue, bank.steady(0.04), instance=str(number), prefetch=5)
    bank.traffic(Sender("trading"), events, 8, 0, 100)
    bank.traffic(Sender("reports"), events, 80, 20, 30, rooted=False)


@scenario(110, moments=(34, 42, 60, 90), seeds=2)
def flood_loses_the_receivers_batches(bank: Bank) -> None:
    """A month-end flood with nothing lost, in which about every other batch of the receivers' spans is."""
    lost: dict[tuple[Process, float], bool] = {}
    bank.telemetry.batch_lost.append(
        lambda process, at: (
            process[0] == "notify" and 20 < at < 50 and lost.setdefault((process, at), bank.rng.random() < 0.5)
        )
    )
    month_end(bank)


@scenario(110, moments=(34, 42, 60, 90), seeds=2)
def flood_overruns_the_receivers_exporter(bank: Bank) -> None:
    """The same flood, in which the receivers' exporters hold 60 spans between two flushes and drop the rest."""
    bank.telemetry.queue_max["notify"] = 60
    month_end(bank)


@scenario(110, moments=(34, 42, 60, 90), seeds=2)
def flood_thins_the_receivers_spans(bank: Bank) -> None:
    """The same flood, in which a collector under pressure drops every third of the receivers' spans at random."""
    bank.telemetry.keep.append(
        lambda span: not (span.process[0] == "notify" and 20 < span.end < 50 and bank.rng.random() < 0.33)
    )
    month_end(bank)


@scenario(70)
def killed_with_its_last_batch(bank: Bank) -> None:
    """The only receiver is killed; what it did in its last seconds was done, and never exported."""
    events = Exchange("trade.events")
    queue = events.bind(bank.queue("notify-q", "notify"))
    bank.telemetry.flush_s = 5.0
    one = bank.consumer(queue, bank.steady(0.02), shape=PIKA)
    bank.traffic(Sender("trading", shape=PIKA), events, 12, 0, 40)
    bank.clock.at(40.5, one.crash)


@scenario(70)
def uninstrumented_receiver(bank: Bank) -> None:
    """The receiver makes no spans at all."""
    bank.telemetry.keep.append(lambda span: span.process[0] != "notify")
    day(bank, CELERY)


@scenario(70)
def head_sampling_with_parents(bank: Bank) -> None:
    """A quarter of the traces is kept, each whole."""
    bank.telemetry.keep.append(by_trace(0.25))
    day(bank, SPRING, rate=20)


@scenario(70, seeds=2)
def head_sampling_with_links(bank: Bank) -> None:
    """Half of the traces is kept; sends and receipts are traces of their own."""
    bank.telemetry.keep.append(by_trace(0.5))
    day(bank, LINKED, rate=20)


@scenario(70)
def head_sampling_with_links_nearly_all_kept(bank: Bank) -> None:
    """Nineteen in twenty traces are kept, and nothing says so."""
    bank.telemetry.keep.append(by_trace(0.95))
    day(bank, LINKED, rate=20)


@scenario(70)
def head_sampling_said_in_tracestate(bank: Bank) -> None:
    """The same, and the receiver's spans say so in their tracestate."""
    bank.telemetry.keep.append(by_trace(0.9, ["notify"]))
    bank.telemetry.state["notify"] = threshold_state(0.9)
    day(bank, LINKED, rate=20)


@scenario(70, seeds=2)
def receiver_samples_on_its_own(bank: Bank) -> None:
    """The receiver keeps a third of its spans whatever its parents decided."""
    kept: dict[str, bool] = {}
    bank.telemetry.keep.append(
        lambda span: (
            span.process[0] != "notify"
            or kept.setdefault(
                span.parent.id if span.name == "work" and span.parent else span.id, bank.rng.random() < 0.33
            )
        )
    )
    day(bank, MODERN, rate=20)


@scenario(70)
def tail_sampling_with_parents(bank: Bank) -> None:
    """Whole traces go, and what is kept is whole."""
    bank.telemetry.keep.append(by_tail(bank.telemetry, 0.2))
    day(bank, PIKA, rate=20)


@scenario(70)
def tail_sampling_with_links(bank: Bank) -> None:
    """The collector judges sends and receipts as traces of their own, and nobody declared it."""
    bank.telemetry.keep.append(by_tail(bank.telemetry, 0.3))
    day(bank, LINKED, rate=20)


@scenario(70)
def tail_sampling_declared(bank: Bank) -> None:
    """The same, and ownership.yaml says so."""
    bank.owners = "services:\n  - name: notify\n    sampling: tail\n"
    tail_sampling_with_links(bank)
