"""The neutral document of broker facts: the door for every broker that has no reader of its own.

docs/facts.md is its reference, with examples. It is written by scripts, so numbers are numbers, and a key that Baton
does not know is refused: a limit that is misspelled must not count as no limit.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from baton.brokers.rows import frame
from baton.documents import validate
from baton.limits import NAME_CHARS_MAX, SECOND_NS, TIME_NS_MAX

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import polars as pl

    from baton.brokers.rows import Row, Where

VERSION_KEY = "baton_facts"
"""The key by which such a document is known."""

_MS_NS = SECOND_NS // 1000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# Names of a broker: AMQP's default exchange has the empty one.
Name = Annotated[str, StringConstraints(strict=True, max_length=NAME_CHARS_MAX)]
Number = Annotated[int, Field(strict=True, ge=0, le=TIME_NS_MAX)]
Milliseconds = Annotated[int, Field(strict=True, ge=0, le=TIME_NS_MAX // _MS_NS)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Queue(_Part):
    """A queue or topic: FACTS's columns of a queue. Null is without a limit, or unknown."""

    name: Name
    namespace: Name = ""
    kind: Name = "queue"
    messages_max: Number | None = None
    bytes_max: Number | None = None
    overflow: Literal["drop-head", "reject-publish", "reject-publish-dlx"] | None = None
    ttl_ms: Milliseconds | None = None
    priorities: Number | None = None
    deliveries_max: Number | None = None
    dead_letter: Name | None = None
    dead_letter_routing: Name | None = None
    policy: Name | None = None
    waiting: Number | None = None
    unacknowledged: Number | None = None
    consumers: Number | None = None
    published: Number | None = None
    acknowledged: Number | None = None
    redelivered: Number | None = None


class Route(_Part):
    """Where what is sent to `sent_to` (an exchange or topic) goes; a null routing key takes every one."""

    sent_to: Name = Field(alias="from")
    namespace: Name = ""
    kind: Literal["direct", "topic", "fanout", "headers", "default", "alternate"] = "direct"
    routing_key: Name | None = None
    to: Name
    to_kind: Literal["queue", "exchange"] = "queue"


class Subscription(_Part):
    """How far a consumer group has come on a topic, or on one partition of it."""

    group: Name
    topic: Name
    namespace: Name = ""
    partition: Annotated[str, Field(coerce_numbers_to_str=True, max_length=NAME_CHARS_MAX)] | None = None
    committed: Number | None = None
    end: Number | None = None


class Document(_Part):
    """The whole document. `at` and `broker` are for those who load it to say where it does not.

    A list that is there names all there are of its kind, in each namespace that it names; one that is not says nothing.
    """

    baton_facts: Literal[1]
    at: AwareDatetime | None = None
    broker: Name | None = None
    queues: tuple[Queue, ...] | None = None
    routes: tuple[Route, ...] | None = None
    subscriptions: tuple[Subscription, ...] | None = None
    counters: dict[Name, Number] = {}


def parse(document: object, path: Path) -> Document:
    """The document.

    Raises:
        InputError: it does not fit: which value, where, and what to do.
    """
    return validate(Document, document, path)


def at_ns(document: Document) -> int | None:
    """Its own time, ns since 1970; null where it says none."""
    return None if document.at is None else (document.at - _EPOCH) // timedelta(microseconds=1) * 1000


def as_frame(document: Document, where: Where) -> pl.DataFrame:
    """Its facts, FACTS's columns."""
    return frame(_rows(document), where, "neutral")


def _rows(document: Document) -> Iterator[Row]:
    parts = {"queue": document.queues, "route": document.routes, "subscription": document.subscriptions}
    for fact, listed in parts.items():
        for namespace in sorted({part.namespace for part in listed or ()}):
            yield {"fact": "snapshot", "vhost": namespace, "name": fact}
    for queue in document.queues or ():
        ttl_ns = None if queue.ttl_ms is None else queue.ttl_ms * _MS_NS
        same = queue.model_dump(exclude={"namespace", "ttl_ms"})
        yield {"fact": "queue", "vhost": queue.namespace, "ttl_ns": ttl_ns, **same}
    for route in document.routes or ():
        same = route.model_dump(include={"kind", "routing_key", "to", "to_kind"})
        yield {"fact": "route", "vhost": route.namespace, "name": route.sent_to, **same}
    for taken in document.subscriptions or ():
        same = taken.model_dump(include={"partition", "committed", "end"})
        yield {"fact": "subscription", "vhost": taken.namespace, "name": taken.group, "to": taken.topic, **same}
    if document.counters:
        yield {"fact": "snapshot", "vhost": "", "name": "counter"}
    for name, value in document.counters.items():
        yield {"fact": "counter", "vhost": "", "name": name, "value": value}
