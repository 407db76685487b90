"""Banks that lose messages, and how."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bank.broker import REJECT_PUBLISH, Exchange, Queue
from bank.catalogue import scenario
from bank.consumers import ACK, REJECT
from bank.messages import LOST, Fate
from bank.shapes import AIO_PIKA, CELERY, CORRELATED_ONLY, IDS_ONLY, LINKED, MODERN, PIKA, SPRING
from bank.telemetry import SERVER, by_tail, by_trace
from bank.world import Bank, Sender

if TYPE_CHECKING:
    from bank.messages import Message
    from bank.shapes import Shape
    from bank.telemetry import Span


def crowd(bank: Bank, queue: Queue, shape: Shape, *, key: str = "", **sender: object) -> None:
    """Confirmations at 8/s, ticks at 2/s, and for 6 s a flood of them into the same queue."""
    events = Exchange("wealth.events")
    events.bind(queue)
    trading, market = (Sender(name, shape=shape, **sender) for name in ("trading", "market-data"))  # type: ignore[arg-type]
    bank.traffic(trading, events, 8, 0, 40, keys=lambda: key, priority=9)
    bank.traffic(market, events, 90, 12, 18, keys=lambda: key, rooted=False)
    bank.traffic(market, events, 2, 0, 40, keys=lambda: key)


def flood(bank: Bank, shape: Shape, **rules: object) -> Queue:
    """That, before one consumer that takes 40/s."""
    queue = bank.queue("notify-q", "notify", **rules)
    bank.consumer(queue, bank.steady(0.025), shape=shape)
    crowd(bank, queue, shape)
    return queue


@scenario(60, seeds=2)
def overflow_drop_head_pika(bank: Bank) -> None:
    """A full queue that evicts its head; pika's nested sends."""
    flood(bank, PIKA, limit=40)


@scenario(60)
def overflow_drop_head_aio_pika(bank: Bank) -> None:
    """The same, written by aio-pika."""
    flood(bank, AIO_PIKA, limit=40)


@scenario(60)
def overflow_drop_head_celery(bank: Bank) -> None:
    """The same, written by celery: links, no system."""
    flood(bank, CELERY, limit=25)


@scenario(60)
def overflow_drop_head_spring(bank: Bank) -> None:
    """The same, written by Spring: no ids at all, parents only."""
    flood(bank, SPRING, limit=40)


@scenario(60)
def overflow_by_ids_only(bank: Bank) -> None:
    """No context travels: message ids alone pair."""
    flood(bank, IDS_ONLY, limit=40)


@scenario(60)
def overflow_by_correlation_only(bank: Bank) -> None:
    """No context, no message ids: one correlation id a message."""
    flood(bank, CORRELATED_ONLY, limit=40)


@scenario(60, seeds=2)
def overflow_reject_publish(bank: Bank) -> None:
    """A full queue refuses, and the senders hear of it."""
    queue = bank.queue("notify-q", "notify", limit=40, overflow=REJECT_PUBLISH)
    bank.consumer(queue, bank.steady(0.025), shape=PIKA)
    crowd(bank, queue, PIKA)


@scenario(60)
def overflow_reject_publish_without_confirms(bank: Bank) -> None:
    """A full queue refuses, and nobody is told."""
    queue = bank.queue("notify-q", "notify", limit=40, overflow=REJECT_PUBLISH)
    bank.consumer(queue, bank.steady(0.025))
    crowd(bank, queue, MODERN, confirms=False)


@scenario(60, seeds=2)
def overflow_competing_consumers(bank: Bank) -> None:
    """Four consumers with uneven work and prefetch take from the full queue."""
    queue = bank.queue("notify-q", "notify", limit=40)
    for number in range(4):
        bank.consumer(queue, bank.exponential(0.1), instance=str(number), prefetch=3)
    crowd(bank, queue, MODERN)


@scenario(60)
def overflow_with_priorities(bank: Bank) -> None:
    """Drop-head with priorities: the highest is evicted first."""
    flood(bank, MODERN, limit=40, priorities=True)


@scenario(60)
def overflow_into_dead_letter_queue(bank: Bank) -> None:
    """What is evicted goes to a dead-letter queue that somebody reads."""
    dead = bank.queue("notify.dlq", "dlq-handler", through="dlx")
    bank.consumer(dead, bank.steady(0.002), shape=MODERN)
    flood(bank, MODERN, limit=40, dead_letter=dead)


@scenario(60)
def overflow_of_one_fan_out_queue(bank: Bank) -> None:
    """Two queues have every message; one is full, the other has no limit."""
    events = Exchange("wealth.events")
    bank.consumer(events.bind(bank.queue("audit-q", "audit")), bank.steady(0.004), shape=PIKA)
    bank.consumer(events.bind(bank.queue("notify-q", "notify", limit=40)), bank.steady(0.025), shape=PIKA)
    bank.traffic(Sender("trading", shape=PIKA), events, 8, 0, 40)
    bank.traffic(Sender("market-data", shape=PIKA), events, 90, 12, 18, rooted=False)


@scenario(60)
def overflow_behind_one_exchange_by_key(bank: Bank) -> None:
    """Two queues behind one exchange by key: promotions overflow, trades do not."""
    events = Exchange("events")
    trades = events.bind(bank.queue("trades-q", "settlement"), "trade.*")
    promos = events.bind(bank.queue("promo-q", "campaigns", limit=30), "promo.*")
    bank.consumer(trades, bank.steady(0.02))
    bank.consumer(promos, bank.steady(0.03))
    bank.traffic(Sender("trading"), events, 12, 0, 40, keys=lambda: "trade.done")
    bank.traffic(Sender("market-data"), events, 90, 12, 18, keys=lambda: "promo.sent", rooted=False)
    bank.traffic(Sender("market-data"), events, 4, 0, 40, keys=lambda: "promo.sent")


@scenario(60)
def overflow_twice_a_day(bank: Bank) -> None:
    """Two floods with calm between them: two episodes."""
    queue = flood(bank, MODERN, limit=40)
    events = Exchange("wealth.events")
    events.bind(queue)
    bank.traffic(Sender("market-data"), events, 90, 30, 34, rooted=False)


@scenario(80, moments=(17, 22))
def overflow_with_retries(bank: Bank) -> None:
    """Refused publishes are sent again until they are taken: nothing is lost."""
    queue = bank.queue("notify-q", "notify", limit=40, overflow=REJECT_PUBLISH)
    bank.consumer(queue, bank.steady(0.025))
    crowd(bank, queue, MODERN, retries=30)


@scenario(70, uncaused="without facts a sharp ceiling of the waits may be all there is", seeds=2)
def expired_by_ttl(bank: Bank) -> None:
    """What waits longer than 400 ms expires."""
    flood(bank, MODERN, ttl=0.4)


@scenario(70)
def rejected_into_dead_letter_queue(bank: Bank) -> None:
    """The receiver rejects one in eight for good, and a dead-letter queue has them."""
    dead = bank.queue("settle.dlq", "dlq-handler", through="dlx")
    bank.consumer(dead, bank.steady(0.002), shape=PIKA)
    events = Exchange("trade.events")
    queue = events.bind(bank.queue("settle-q", "settlement", dead_letter=dead))
    bank.consumer(queue, bank.steady(0.03), shape=PIKA, outcome=one_in(8, REJECT))
    bank.traffic(Sender("trading", shape=PIKA), events, 12, 0, 60)


def one_in(share: int, otherwise: str | float, times: int = 99) -> object:
    """A receiver that fails every n-th message by its id, for its first deliveries."""

    def outcome(message: Message, delivery: int) -> str | float:
        unlucky = int(message.id.rsplit("-", 1)[1]) % share == 3
        return otherwise if unlucky and delivery <= times else ACK

    return outcome


@scenario(60)
def unroutable_and_returned(bank: Bank) -> None:
    """One key in six has no binding, and the sender is told."""
    events = Exchange("events")
    bank.consumer(events.bind(bank.queue("trades-q", "settlement"), "trade.*"), bank.steady(0.02))
    sender = Sender("trading", mandatory=True)
    bank.traffic(sender, events, 12, 0, 50, keys=lambda: bank.rng.choice(["trade.done"] * 5 + ["trust.done"]))


@scenario(60)
def publish_failed(bank: Bank) -> None:
    """The broker is not reached for some seconds, and nobody sends again."""
    events = Exchange("events")
    bank.consumer(events.bind(bank.queue("trades-q", "settlement")), bank.steady(0.02))
    sender = Sender("trading")

    def act() -> None:
        away = 20 < bank.clock.now < 26
        (bank.refuse if away else bank.send)(sender, events)

    bank.every(12, 0, 50, act)


@scenario(60, uncaused="nothing in spans tells a purge from another loss")
def purged_queue(bank: Bank) -> None:
    """Somebody purges the queue in the middle of a backlog."""
    events = Exchange("events")
    queue = events.bind(bank.queue("trades-q", "settlement"))
    bank.consumer(queue, bank.steady(0.05))
    bank.traffic(Sender("trading"), events, 12, 0, 50)
    bank.traffic(Sender("trading", "2"), events, 60, 14, 18)
    bank.clock.at(19, queue.purge)


@scenario(60, uncaused="they vanish at random", seeds=2)
def single_losses(bank: Bank) -> None:
    """Three in a hundred vanish within the broker; the receiver has other work as well."""
    events = Exchange("events")
    queue = events.bind(bank.queue("trades-q", "settlement"))
    offer = queue.offer

    def lossy(message: Message) -> bool:
        if bank.rng.random() >= 0.03:
            return offer(message)
        fate = Fate(queue.name, queue.receivers)
        fate.lose("unknown", bank.clock.now)
        message.fates.append(fate)
        return True

    queue.offer = lossy  # type: ignore[method-assign,assignment]
    for number in range(2):
        bank.consumer(queue, bank.exponential(0.04), instance=str(number))
        bank.telemetry.heartbeat(("settlement", str(number)), 0, 60)
    bank.traffic(Sender("trading"), events, 20, 0, 50)


@scenario(90, uncaused="clocks that differ by minutes blur how deep a queue stood")
def overflow_with_skewed_clocks(bank: Bank) -> None:
    """Drop-head while the receiver's clock is three minutes ahead and one sender's two behind."""
    bank.telemetry.skew = {"notify": 180.0, "market-data": -120.0}
    flood(bank, MODERN, limit=40)


@scenario(60)
def overflow_with_doubled_and_reordered_exports(bank: Bank) -> None:
    """Every second request comes twice, and all in any order."""
    bank.telemetry.doubled, bank.telemetry.shuffled = 0.5, True
    flood(bank, MODERN, limit=40)


@scenario(60)
def overflow_without_instance_ids(bank: Bank) -> None:
    """No service says which instance it is."""
    bank.telemetry.nameless = {"notify", "trading", "market-data"}
    flood(bank, PIKA, limit=40)


@scenario(60, recall_min=0.4, fitting_min=0.7)
def overflow_while_consumers_are_replaced(bank: Bank) -> None:
    """Blue-green in the middle of the flood: old instances stop in order, new ones start.

    An instance that stops falls silent for good: what was due just then, spans cannot tell from a lost last batch.
    """
    queue = bank.queue("notify-q", "notify", limit=40)
    for number in range(4):
        one = bank.consumer(queue, bank.steady(0.05), instance=f"v{number // 2}-{number}", begin=15.0 * (number // 2))
        if number < 2:
            bank.clock.at(15.5 + number / 2, one.stop)
    crowd(bank, queue, MODERN)


@scenario(60)
def lost_and_resubmitted_by_the_customer(bank: Bank) -> None:
    """An evicted confirmation is asked for again by its customer 10 s later, under the same correlation id."""
    queue = flood(bank, MODERN, limit=40)
    events = Exchange("wealth.events")
    events.bind(queue)

    def again() -> None:
        for message in list(bank.messages):
            if message.sender == "trading" and message.fates[0].what == LOST:
                bank.send(Sender("trading"), events, correlation=message.correlation)

    bank.clock.at(28, again)


@scenario(60)
def second_hop_loses(bank: Bank) -> None:
    """A relay forwards under the same trace; its queue overflows, the first does not."""
    first, second = Exchange("orders"), Exchange("settlements")
    relay = first.bind(bank.queue("orders-q", "relay"))
    settle = second.bind(bank.queue("settle-q", "settlement", limit=30))
    sender = Sender("relay")

    def forward(_message: Message, span: Span) -> None:
        bank.send(sender, second, parent=span)

    bank.consumer(relay, bank.steady(0.004), then=forward)
    bank.consumer(settle, bank.steady(0.03))
    bank.traffic(Sender("trading"), first, 10, 0, 40)
    bank.traffic(Sender("trading", "2"), first, 100, 12, 16)


@scenario(60, fitting_min=0.98)
def calls_lost(bank: Bank) -> None:
    """One call in twenty is refused and not tried again; every third of those is, and succeeds."""
    gateway, ledger = ("gateway", "1"), ("ledger", "1")
    target = {"server.address": "ledger", "server.port": 443}
    for number in range(500):
        at = 0.1 + number / 10
        entry = bank.telemetry.span(gateway, "POST /pay", SERVER, at, at + 0.09)
        refused, again = number % 20 == 7, number % 60 == 7
        error = "connection refused" if refused else None
        call = bank.telemetry.span(gateway, "POST", 3, at + 0.01, at + 0.03, parent=entry, error=error, **target)
        if refused and not again:
            bank.others[call.id] = "call_lost"
        if again:
            call = bank.telemetry.span(gateway, "POST", 3, at + 0.05, at + 0.08, parent=entry, **target)
        if not refused or again:
            bank.telemetry.span(ledger, "POST /post", SERVER, call.begin + 0.002, call.end - 0.002, parent=call)


@scenario(170, moments=(75, 140))
def silent_stop_after_the_check(bank: Bank) -> None:
    """A release of the compliance service forgets to book most of the deposits that it accepted, for 20 s."""
    checks, bookings = Exchange("checks"), Exchange("bookings")
    checker = Sender("compliance")

    def checked(message: Message, span: Span) -> None:
        outcome = int(message.id.rsplit("-", 1)[1]) % 20
        span.attributes["deposit.outcome"] = "declined" if outcome < 5 else "accepted"
        if outcome >= 5 and 60 < bank.clock.now < 80 and bank.rng.random() < 0.8:
            bank.others[span.id] = "silent_stop"
        elif outcome >= 5:
            bank.send(checker, bookings, parent=span)

    bank.consumer(checks.bind(bank.queue("checks-q", "compliance")), bank.steady(0.02), then=checked)
    bank.consumer(bookings.bind(bank.queue("bookings-q", "ledger")), bank.steady(0.02))
    bank.traffic(Sender("deposits"), checks, 6, 0, 160)


@scenario(60, blind="nobody was ever seen to receive")
def overflow_before_an_uninstrumented_receiver(bank: Bank) -> None:
    """The receiver makes no spans."""
    bank.telemetry.keep.append(lambda span: span.process[0] != "notify")
    flood(bank, MODERN, limit=40)


@scenario(60, blind="one id stands for many messages: the loss has a number and no name")
def overflow_under_one_session_id(bank: Bank) -> None:
    """Correlation ids that name a session and no message."""
    queue = bank.queue("notify-q", "notify", limit=40)
    bank.consumer(queue, bank.steady(0.025), shape=CORRELATED_ONLY)
    events = Exchange("wealth.events")
    events.bind(queue)
    sender = Sender("market-data", shape=CORRELATED_ONLY)

    def act() -> None:
        bank.send(sender, events, correlation=f"session-{bank.rng.randrange(9)}")

    bank.every(15, 0, 40, act)
    bank.every(90, 12, 18, act)


@scenario(60, blind="the receiver's exporter lost batches in the flood")
def overflow_with_lost_span_batches(bank: Bank) -> None:
    """A month-end flood, and every third batch of the receiver's spans is lost in it."""
    bank.telemetry.batch_lost.append(
        lambda process, at: process[0] == "notify" and 12 < at < 22 and int(at / 2) % 3 == 0
    )
    flood(bank, MODERN, limit=40)


@scenario(60, blind="of a queue that nobody reads spans know nothing")
def unroutable_and_parked(bank: Bank) -> None:
    """One key in six has no binding, and an alternate exchange keeps what it is sent."""
    events = Exchange("events", alternate=bank.queue("unrouted-q", "nobody"))
    bank.consumer(events.bind(bank.queue("trades-q", "settlement"), "trade.*"), bank.steady(0.02))
    bank.traffic(
        Sender("trading"), events, 12, 0, 50, keys=lambda: bank.rng.choice(["trade.done"] * 5 + ["trust.done"])
    )


@scenario(60, uncaused="of a sampled queue nobody knows the depth", recall_min=0.9, fitting_min=0.95)
def overflow_with_whole_traces_sampled(bank: Bank) -> None:
    """Drop-head, and a third of the traces is kept, each whole: what is seen is told true.

    Of what a sampler left, a few losses in a row fill a pause between receipts just as a cut exporter would.
    """
    bank.telemetry.keep.append(by_trace(0.34))
    flood(bank, PIKA, limit=40)


@scenario(60, blind="sends and receipts are sampled apart")
def overflow_with_links_sampled(bank: Bank) -> None:
    """Drop-head, and half of the traces is kept; sends and receipts are traces of their own."""
    bank.telemetry.keep.append(by_trace(0.5))
    flood(bank, LINKED, limit=40)


@scenario(60, blind="the receiver's collector samples by tail")
def overflow_with_tail_sampling_declared(bank: Bank) -> None:
    """Drop-head behind a tail sampler that ownership.yaml names."""
    bank.owners = "services:\n  - name: notify\n    sampling: tail\n"
    bank.telemetry.keep.append(by_tail(bank.telemetry, 0.3))
    flood(bank, LINKED, limit=40)
