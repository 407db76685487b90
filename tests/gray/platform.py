"""The messaging platform: its exchanges and queues, and who takes from them. RabbitMQ, but for one topic of Kafka's."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bank.broker import REJECT_PUBLISH, Exchange, Topic
from bank.consumers import ACK, REJECT, UNHEARD
from bank.shapes import Shape

if TYPE_CHECKING:
    from collections.abc import Callable

    from bank.broker import Queue
    from bank.consumers import Consumer
    from bank.messages import Message
    from bank.telemetry import Span
    from bank.world import Bank

SPRING = Shape(names="spring", worked=False)
AMQP = Shape(names="modern", worked=False)
PIKA_PLAIN = Shape(names="deprecated", worked=False)
LOG = Shape(names="kafka", ids=True, worked=False)


def nth(which: frozenset[int], otherwise: str) -> Callable[[Message, int], str]:
    """A receiver whose first delivery of its n-th messages ends otherwise; counted by first deliveries, from 1."""
    seen: Counter[str] = Counter()

    def outcome(_message: Message, delivery: int) -> str:
        if delivery > 1:
            return ACK
        seen["all"] += 1
        return otherwise if seen["all"] in which else ACK

    return outcome


@dataclass
class Platform:
    """Exchanges and queues by name.

    Attributes:
        validators: consumers of the external party, which stands still for a while.
    """

    bank: Bank
    exchanges: dict[str, Exchange] = field(default_factory=dict)
    queues: dict[str, Queue] = field(default_factory=dict)
    validators: list[Consumer] = field(default_factory=list)
    audit: Topic = field(default_factory=lambda: Topic("trade.audit", 1))

    def queue(self, exchange: str, name: str, receiver: str, key: str = "*", **rules: object) -> Queue:
        """A queue behind an exchange."""
        queue = self.bank.queue(name, receiver, **rules)
        self.queues[name] = queue
        if exchange:
            self.exchanges.setdefault(exchange, Exchange(exchange)).bind(queue, key)
        return queue


Then = dict[str, "Callable[[Message, Span], object]"]


def build(bank: Bank, then: Then, begin: float, polls: float) -> Platform:
    """Declares everything and lets the consumers subscribe.

    Args:
        bank: with its telemetry.
        then: queue -> what its receiver does with a message that it took.
        begin: when the consumers start.
        polls: when the poller does, which would poll through many idle days else.
    """
    platform = Platform(bank)
    queue = platform.queue

    def consumer(name: str, takes: Callable[[], float], shape: Shape, **more: object) -> Consumer:
        return bank.consumer(platform.queues[name], takes, shape=shape, begin=begin, then=then.get(name), **more)

    # Trades. trade.events belongs to nobody; notify-q is shared by confirmations and ticks, and bounded.
    queue("trade.events", "trade-confirmations-q", "confirmation-service")
    consumer("trade-confirmations-q", bank.steady(0.03), SPRING, instance="1")
    queue("wealth.events", "notify-q", "notification", limit=40)
    consumer("notify-q", bank.steady(0.025), SPRING)
    # Payments: a bound of its own, which refuses instead of evicting, and a dead-letter queue that somebody reads.
    payments_dlq = queue("", "payments.dlq", "payment-engine", through="payments.dlx")
    consumer("payments.dlq", bank.steady(0.02), SPRING, instance="dlq")
    queue(
        "payment.instructions",
        "payment-instructions-q",
        "payment-engine",
        limit=500,
        overflow=REJECT_PUBLISH,
        dead_letter=payments_dlq,
    )
    consumer("payment-instructions-q", bank.steady(0.05), SPRING)
    queue("payment.returns", "returns-q", "ledger", key="return.accepted")
    consumer("returns-q", bank.steady(0.02), SPRING)
    # The ledger: the one channel that every critical journey passes. And the mainframe, which is not instrumented.
    queue("ledger.postings", "ledger-postings-q", "ledger")
    consumer("ledger-postings-q", bank.steady(0.02), SPRING, instance="1")
    queue("mainframe", "mainframe.postings", "ledger")
    consumer("mainframe.postings", bank.steady(0.02), SPRING, instance="1")
    # Settlements: bursts before one slow worker; four are handled twice, for the broker never heard of the first time.
    queue("settlement.events", "settlement-q", "payment-engine", ttl=60.0)
    consumer("settlement-q", bank.steady(0.12), SPRING, outcome=nth(frozenset({18, 62, 107, 151}), UNHEARD))
    # Checks: to the external party and back.
    queue("check.validation.requests", "check-requests-q", "check-validator")
    platform.validators.append(consumer("check-requests-q", bank.steady(0.2), PIKA_PLAIN, prefetch=1))
    queue("check.validation.results", "check-results-q", "deposit-intake", priorities=True)
    consumer("check-results-q", bank.steady(0.03), AMQP)
    # Fraud: a bound, priorities and drop-head: the trap. What is refused goes to a dead-letter queue that is read.
    fraud_dlq = queue("", "fraud.dlq", "alert-triage", through="fraud.dlx")
    consumer("fraud.dlq", bank.steady(0.02), AMQP)
    queue("fraud.alerts", "alerts-q", "case-management", limit=200, priorities=True, dead_letter=fraud_dlq)
    consumer("alerts-q", bank.steady(0.06), AMQP, outcome=nth(frozenset({7, 16, 25}), REJECT))
    # Statements: refused without a dead-letter queue. Campaigns: a TTL under the waits that are seen.
    queue("statements.ready", "statements-q", "notification")
    consumer("statements-q", bank.steady(0.05), AMQP, outcome=nth(frozenset({11, 37, 58, 83, 99}), REJECT))
    queue("campaign.events", "campaign-q", "notification", ttl=2.0)
    consumer("campaign-q", bank.steady(0.3), AMQP, prefetch=20)
    # Nobody takes from this one, and nothing is sent to it.
    queue("eod", "eod.reports", "legacy-batch")
    bank.group(platform.audit, "audit-trail", "audit-trail", bank.steady(0.005), shape=LOG, every=0.4, begin=polls)
    return platform
