"""Routes: what is sent to a channel, under a key, reaches these queues.

Spans say an exchange and often no key (pika names none), so an answer has three parts: the queues that take every
message, those that may take one, and where it goes when none takes it. Rules of AMQP 0-9-1 and RabbitMQ:

- *default exchange*: the key is the queue's name.
- *direct*: the key is the binding's. *fanout*: every key.
- *topic*: words between dots; `*` is one word, `#` any number of them, none included.
- *headers*, and exchanges of plugins (hashes, random): what decides is not in the key, so a binding may take a message.
- Exchanges bound to exchanges pass the message on under the same key; a queue takes it once, however often it is bound.
- *alternate exchange*: takes what no binding of an exchange takes, under the same key.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from baton.limits import EXCHANGE_HOPS_MAX

if TYPE_CHECKING:
    from collections.abc import Iterable

DEFAULT = ""
"""The name of the default exchange."""

_BY_KEY = ("direct", "fanout", "topic", "default")
"""Kinds of routes that the key alone decides."""


class Binding(NamedTuple):
    """One route: exchange or topic to queue or exchange.

    `lasting` is False where it did not hold over the whole time asked about: then it may take a message.
    """

    kind: str | None
    key: str | None
    to: str
    to_kind: str | None
    lasting: bool = True


@dataclass(frozen=True, slots=True)
class Reach:
    """Where a message goes.

    Attributes:
        vhost: the namespace that knows the channel.
        always: queues that take every such message.
        possible: these, and the queues that may take it.
        parked: queues that an alternate exchange leads to when no binding takes it.
        one_set: every message that any binding takes goes to all of `possible`.
    """

    vhost: str
    always: frozenset[str]
    possible: frozenset[str]
    parked: frozenset[str]
    one_set: bool


class _Found(NamedTuple):
    always: frozenset[str] = frozenset()
    possible: frozenset[str] = frozenset()
    parked: frozenset[str] = frozenset()
    one_set: bool = True


_Known = dict[tuple[str, int], _Found]
"""Of one message: what is known of an exchange with so many hops left."""


@dataclass(frozen=True, slots=True)
class Routes:
    """The bindings and queues of one broker: (vhost, exchange) -> bindings, and vhost -> names of queues.

    `declared` are vhosts of which only people told: they count where the broker itself does not know the channel.
    """

    bindings: dict[tuple[str, str], tuple[Binding, ...]]
    queues: dict[str, frozenset[str]]
    declared: frozenset[str] = frozenset()

    def reach(self, channel: str, key: str | None) -> Reach | None:
        """Where a message sent to a channel goes; None where nothing is known, or two vhosts know the channel.

        A channel that is no exchange but a queue's name is the default exchange with that key: clients name the queue
        there. Where it is both and they differ, nobody can tell which was meant.

        Args:
            channel: exchange, topic or queue, as the sender says it.
            key: the routing key; None where the spans do not say it.
        """
        found = []
        for vhost in sorted({vhost for vhost, _ in self.bindings} | set(self.queues)):
            queue = channel in self.queues.get(vhost, ())
            exchange = channel != DEFAULT and (vhost, channel) in self.bindings
            direct = _Found(frozenset([channel]), frozenset([channel]))
            if exchange:
                found.append((vhost, self.from_exchange(vhost, channel, key)))
            if queue and not (exchange and found[-1][1].possible == direct.possible):
                found.append((vhost, direct))
        found = [one for one in found if one[0] not in self.declared] or found
        if len(found) != 1:
            return None
        return Reach(found[0][0], *found[0][1])

    def from_exchange(self, vhost: str, exchange: str, key: str | None) -> _Found:
        """What `reach` says of one exchange; exchanges may lead in circles, so only so many hops are followed."""
        return self._from(vhost, exchange, key, EXCHANGE_HOPS_MAX, {})

    def _from(self, vhost: str, exchange: str, key: str | None, hops: int, known: _Known) -> _Found:
        """The same with so many hops left, each exchange asked once: bound to each other, they have countless ways."""
        if (exchange, hops) not in known:
            known[exchange, hops] = self._asked(vhost, exchange, key, hops, known)
        return known[exchange, hops]

    def _asked(self, vhost: str, exchange: str, key: str | None, hops: int, known: _Known) -> _Found:
        if exchange == DEFAULT:
            queues = self.queues.get(vhost, frozenset())
            taken = frozenset([key]) & queues if key is not None else frozenset()
            return _Found(taken, taken if key is not None else queues, one_set=key is not None)
        bindings = self.bindings.get((vhost, exchange), ())
        ways = [
            (takes(way, key), self._behind(vhost, way, key, hops, known)) for way in bindings if way.kind != "alternate"
        ]
        ways = [(sure, behind) for sure, behind in ways if sure is not False]
        always = frozenset[str]().union(*(behind.always for sure, behind in ways if sure))
        possible = frozenset[str]().union(*(behind.possible for _, behind in ways))
        alternates = [self._behind(vhost, way, key, hops, known) for way in bindings if way.kind == "alternate"]
        return _Found(
            always,
            possible,
            frozenset() if always else frozenset[str]().union(*(way.possible for way in alternates)),
            always == possible or all(behind.one_set and behind.possible == possible for _, behind in ways),
        )

    def _behind(self, vhost: str, way: Binding, key: str | None, hops: int, known: _Known) -> _Found:
        if way.to_kind != "exchange":
            queues = frozenset([way.to])
            return _Found(queues, queues)
        if hops == 0:
            return _Found(one_set=False)
        return self._from(vhost, way.to, key, hops - 1, known)


def takes(binding: Binding, key: str | None) -> bool | None:
    """Whether a binding takes a message with that key; None where nobody can tell."""
    if not binding.lasting:
        return None
    if binding.kind not in _BY_KEY:
        return None
    if binding.kind == "fanout" or binding.key is None or (binding.kind == "topic" and binding.key == "#"):
        return True
    if key is None:
        return None
    return matches(binding.key, key) if binding.kind == "topic" else binding.key == key


def matches(pattern: str, key: str) -> bool:
    """Whether a topic pattern takes a routing key: `*` is one word, `#` any number of words."""
    words = key.split(".") if key else []
    # The numbers of words that the pattern so far can have taken.
    ends = {0}
    for word in pattern.split(".") if pattern else []:
        if word == "#":
            ends = set(range(min(ends), len(words) + 1))
        else:
            ends = {end + 1 for end in ends if end < len(words) and word in ("*", words[end])}
        if not ends:
            return False
    return len(words) in ends


def routes(facts: pl.DataFrame, first_ns: int) -> Routes:
    """The routes of one broker.

    Args:
        facts: FACTS of one tenant, environment and broker, as a history.
        first_ns: when the first message asked about was sent: what was gone before does not count.
    """
    queues: dict[str, set[str]] = defaultdict(set)
    queue = (pl.col("fact") == "queue") & (pl.col("kind") != "topic").fill_null(value=True)
    group = (pl.col("fact") == "subscription") & pl.col("to").is_not_null()
    for vhost, name in facts.filter(queue | group).select("vhost", "name").unique().iter_rows():
        queues[vhost].add(name)
    bindings: dict[tuple[str, str], list[Binding]] = defaultdict(list)
    for vhost, name, binding in _bindings(facts, first_ns):
        if name == DEFAULT:
            continue
        bindings[vhost, name] += [] if binding is None else [binding]
    # A consumer group takes every message of its topic, as a queue behind a fanout does.
    for vhost, topic, name in facts.filter(group).select("vhost", "to", "name").unique().sort(pl.all()).iter_rows():
        bindings[vhost, topic].append(Binding("fanout", None, name, "queue"))
    return Routes(
        {place: tuple(found) for place, found in bindings.items()},
        {vhost: frozenset(names) for vhost, names in queues.items()},
        frozenset(facts.filter(pl.col("source") == "declared")["vhost"])
        - frozenset(facts.filter(pl.col("source") != "declared")["vhost"]),
    )


def _bindings(facts: pl.DataFrame, first_ns: int) -> Iterable[tuple[str, str, Binding | None]]:
    """(vhost, exchange, binding) of every route that held at some time since then.

    The binding is None of a route that leads nowhere: it says that the exchange is there.
    """
    key = ["vhost", "name", "kind", "routing_key", "to", "to_kind"]
    told = (
        facts.filter(pl.col("fact").is_in(["route", "route_gone"]))
        .sort("at_ns", maintain_order=True)
        .group_by(key, maintain_order=True)
        .agg(
            (pl.col("fact").last() == "route_gone").alias("gone"),
            pl.col("at_ns").last().alias("last_ns"),
            pl.col("at_ns").first().alias("first_ns"),
            (pl.col("fact") == "route_gone").any().alias("interrupted"),
        )
        .join(_looked(facts), on="vhost", how="left")
        .filter(~pl.col("gone") | (pl.col("last_ns") > first_ns))
        .with_columns((pl.col("interrupted") | (pl.col("first_ns") > pl.col("looked_ns"))).alias("changed"))
    )
    for vhost, name, kind, routing_key, to, to_kind, changed in told.select(*key, "changed").iter_rows():
        yield vhost, name, None if to is None else Binding(kind, routing_key, to, to_kind, not changed)


def _looked(facts: pl.DataFrame) -> pl.DataFrame:
    """`vhost`, `looked_ns`: when its routes were first told."""
    return facts.filter(pl.col("fact") == "route").group_by("vhost").agg(pl.col("at_ns").min().alias("looked_ns"))
