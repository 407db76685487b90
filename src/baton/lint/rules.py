"""The rules: one table, each with what it finds, why, and the change; docs/lint.md is drawn from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from baton.lint import bounds, losses, sends
from baton.lint.subjects import Broker, Exchange, Found, Queue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Subject = TypeVar("Subject", Queue, Exchange, Broker)


class Rule(NamedTuple, Generic[Subject]):
    """One rule.

    Attributes:
        name: the rule.
        severities: those it may find, the gravest first.
        finds: what it finds, one sentence.
        needs: what has to be known for it to say anything.
        check: what it finds of one subject.
    """

    name: str
    severities: str
    finds: str
    needs: str
    check: Callable[[Subject], Iterator[Found]]


OF_QUEUES: tuple[Rule[Queue], ...] = (
    Rule(
        "shared-bound",
        "error, warning, note",
        "Flows share a queue's limit, so that a burst of one crowds out the others. An error where a flow that is "
        "declared critical or high shares a limit of messages or bytes with a lower or undeclared one; a warning where "
        "nobody declared which of several senders (without traffic: bindings) is critical. A TTL is a bound too, one "
        "step milder: a burst makes the others wait until they expire.",
        "a limit or TTL",
        bounds.shared_bound,
    ),
    Rule(
        "priority-drop-head",
        "error",
        "A bounded queue with priorities drops its head. RabbitMQ then evicts the highest priority first (measured: "
        "of 60 critical messages at priority 9 only 23 survived, fewer than without priorities).",
        "a limit and priorities",
        bounds.priority_trap,
    ),
    Rule(
        "bounded-without-dead-letter",
        "warning, note",
        "A bounded queue has no dead-letter exchange: what it evicts is gone and nobody is told. A note where it "
        "refuses instead: then the sender is told, if it waits for confirms. Silent on queues that park dead letters.",
        "RabbitMQ's own word",
        bounds.unparked,
    ),
    Rule(
        "ttl-below-tail",
        "error, warning",
        "The TTL is shorter than waits that are seen. An error where messages expired; a warning where some were "
        "received later than the TTL, as when it is new, or was set below what is usual.",
        "a TTL, and traffic",
        losses.short_ttl,
    ),
    Rule(
        "no-consumer",
        "warning, note",
        "A snapshot counted no consumer. A note where nothing waits, and of messages parked; silent on an empty queue "
        "that parks.",
        "a snapshot that counts consumers: a definitions export does not",
        losses.unserved,
    ),
    Rule(
        "rejects-without-dead-letter",
        "warning",
        "A receiver failed or refused messages of a queue without a dead-letter exchange; nothing made up for them.",
        "RabbitMQ's own word, and traffic",
        losses.unparked_rejects,
    ),
    Rule(
        "delivery-limit-without-dead-letter",
        "warning, note",
        "A quorum queue gives a message up after so many deliveries (20 from RabbitMQ 4.0 on) and has no dead-letter "
        "exchange. A warning where it has redelivered.",
        "RabbitMQ's own word",
        losses.given_up,
    ),
    Rule(
        "dead-letter-nowhere",
        "warning",
        "A queue's dead letters go to an exchange that is not there, or from which no binding leads on.",
        "all routes of its vhost",
        losses.letters_lost,
    ),
)

OF_EXCHANGES: tuple[Rule[Exchange], ...] = (
    Rule(
        "unroutable",
        "error, warning",
        "No binding takes what is sent to an exchange, and no alternate exchange parks it. An error where it was seen "
        "to be sent; a warning of an exchange that nothing is bound to. Silent where headers or plugins decide.",
        "all routes of its vhost",
        sends.untaken,
    ),
)

OF_BROKERS: tuple[Rule[Broker], ...] = (
    Rule(
        "no-confirms",
        "warning, note",
        "Nobody on the broker publishes with confirms. A warning where one of its queues refuses messages at its "
        "limit: their senders never learn of it. Where some confirm and some do not, nothing tells which: silent.",
        "the node's counters",
        sends.unconfirmed,
    ),
)


SEVERITIES = ("error", "warning", "note")
"""The gravest first."""


class Told(NamedTuple):
    """A rule without its check."""

    name: str
    severities: str
    finds: str
    needs: str


def every() -> list[Told]:
    """All rules in their order."""
    queues = [Told(*rule[:4]) for rule in OF_QUEUES]
    return queues + [Told(*rule[:4]) for rule in OF_EXCHANGES] + [Told(*rule[:4]) for rule in OF_BROKERS]


def documentation() -> str:
    """The rules as a Markdown table."""
    lines = ["| rule | severity | what it finds | needs |", "| --- | --- | --- | --- |"]
    lines += [f"| `{rule.name}` | {rule.severities} | {rule.finds} | {rule.needs} |" for rule in every()]
    return "\n".join(lines) + "\n"
