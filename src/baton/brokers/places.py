"""Places: which queue each subscription takes from, told from routes and from what receivers say.

Spans name an exchange at both ends; the queue between them is known

- by the receiver's own word: it names the queue, or calls its place by a queue's name;
- else by elimination: a receiver of several channels takes from the queue that all of them reach, and where as many
  queues as receivers are left, each has its own.

Where more than one answer fits, none is given. A queue that a channel reaches and that no receiver was ever seen to
take from is *bound*: an expectation that the broker alone knows.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import polars as pl

from baton.brokers.routes import Reach, Routes, routes
from baton.limits import ROUTING_KEYS_MAX
from baton.schema import CHANNEL, SUBSCRIPTION

if TYPE_CHECKING:
    from collections.abc import Iterator

SCOPE = ["tenant", "environment", "broker"]
"""Where one set of facts holds."""

SENT = [*CHANNEL, "route_key"]
"""What decides where a message goes."""


class Taken(NamedTuple):
    """One subscription of one channel.

    Attributes:
        channel: the channel.
        subscription: its name.
        services: who receives for it; empty where not known.
        place: what the receivers call the place.
        queue: the queue as they say it.
        onward: it is a dead-letter or parking place.
    """

    channel: str
    subscription: str
    services: tuple[str, ...]
    place: str | None
    queue: str | None
    onward: bool


Queue: TypeAlias = "tuple[str, str]"
"""vhost and name."""


class Located(NamedTuple):
    """What `places` found.

    Attributes:
        routed: SENT columns, `vhost`, `sure` (List(String): the queues
            that take such a message if any does), `bound` (List(String): of them those that no receiver takes from).
        homes: SUBSCRIPTION columns, `vhost`, `at_queue` (the queue).
        letters: SCOPE columns, `vhost`, `at_queue`, `letter` (the queue of its dead letters).
    """

    routed: pl.DataFrame
    homes: pl.DataFrame
    letters: pl.DataFrame


def places(rows: pl.DataFrame, facts: pl.DataFrame) -> Located:
    """Where messages go, and which queue each subscription takes from.

    Args:
        rows: judged message rows with `route_key`, see `kept_keys`.
        facts: FACTS, as a history.
    """
    sent = rows.lazy().group_by(SENT).agg(pl.col("sent_ns").min().alias("first_ns")).sort(SENT).collect()
    taken = _taken(rows)
    routed: list[tuple[object, ...]] = []
    homes: list[tuple[object, ...]] = []
    letters: list[tuple[object, ...]] = []
    for scope, part in sent.group_by(SCOPE, maintain_order=True):
        known = of_scope(facts, *scope)
        first_ns = part["first_ns"].min()
        if known.is_empty() or not isinstance(first_ns, int):
            continue
        ways = routes(known, first_ns)
        reaches = {
            (channel, key): found
            for channel, key in part.select("channel", "route_key").iter_rows()
            if (found := ways.reach(channel, key)) is not None
        }
        takers = taken.get(scope, [])
        at = _at_home(reaches, [one for one in takers if not one.onward])
        routed += [(*scope, *row) for row in _routed(reaches, takers, at)]
        dead = _dead_letters(known)
        at |= _onward(reaches, [one for one in takers if one.onward], ways, dead)
        letters += [(*scope, *queue, name) for queue, name in _letters(ways, dead).items()]
        homes += [(*scope, *name, *queue) for name, queue in at.items()]
    lists = dict.fromkeys(("sure", "bound"), pl.List(pl.String))
    text = dict.fromkeys([*SENT, "vhost"], pl.String)
    return Located(
        pl.DataFrame(routed, schema={**text, **lists}, orient="row"),
        pl.DataFrame(homes, schema=dict.fromkeys([*SUBSCRIPTION, "vhost", "at_queue"], pl.String), orient="row"),
        pl.DataFrame(letters, schema=dict.fromkeys([*SCOPE, "vhost", "at_queue", "letter"], pl.String), orient="row"),
    )


def kept_keys(rows: pl.DataFrame) -> pl.DataFrame:
    """Adds `route_key`: the routing key, null where a channel has more than ROUTING_KEYS_MAX of them."""
    crowd = (
        rows.lazy()
        .group_by(CHANNEL)
        .agg((pl.col("routing_key").n_unique() > ROUTING_KEYS_MAX).alias("_crowd"))
        .filter("_crowd")
        .collect()
    )
    if crowd.is_empty():
        return rows.with_columns(pl.col("routing_key").alias("route_key"))
    return (
        rows.join(crowd, on=CHANNEL, how="left")
        .with_columns(pl.when(pl.col("_crowd").is_null()).then("routing_key").alias("route_key"))
        .drop("_crowd")
    )


def of_scope(facts: pl.DataFrame, tenant: object, environment: object, broker: object) -> pl.DataFrame:
    """The facts that speak of a tenant's messages in one environment over one broker address."""
    return facts.filter(
        (pl.col("tenant") == tenant)
        & (pl.col("environment").is_null() | (pl.col("environment") == environment))
        & pl.col("broker").is_in(["", broker])
    )


def _dead_letters(known: pl.DataFrame) -> dict[Queue, tuple[str, str | None]]:
    """Queue -> the exchange and the key (None keeps the message's own) of its dead letters."""
    told = (
        known.filter((pl.col("fact") == "queue") & pl.col("dead_letter").is_not_null())
        .sort("at_ns", maintain_order=True)
        .unique(["vhost", "name"], keep="last", maintain_order=True)
    )
    rows = told.select("vhost", "name", "dead_letter", "dead_letter_routing").iter_rows()
    return {(vhost, name): (exchange, key) for vhost, name, exchange, key in rows}


def _letters(ways: Routes, dead: dict[Queue, tuple[str, str | None]]) -> dict[Queue, str]:
    """Queue -> the one queue that its dead letters go to."""
    found = {}
    for (vhost, name), (exchange, key) in dead.items():
        behind = ways.from_exchange(vhost, exchange, key)
        if len(behind.possible) == 1 and behind.one_set:
            (found[vhost, name],) = behind.possible
    return found


def _taken(rows: pl.DataFrame) -> dict[tuple[object, ...], list[Taken]]:
    """Scope -> its subscriptions."""
    one_queue = pl.col("queue").drop_nulls().unique()
    told = (
        rows.lazy()
        .filter(pl.col("subscription").is_not_null())
        .group_by(SUBSCRIPTION)
        .agg(
            pl.col("services").drop_nulls().first().fill_null([]),
            pl.col("place").drop_nulls().first(),
            pl.when(one_queue.len() == 1).then(one_queue.first()).alias("queue"),
            (pl.col("relation") == "onward").first().alias("onward"),
        )
        .sort(SUBSCRIPTION)
        .collect()
    )
    found: dict[tuple[object, ...], list[Taken]] = defaultdict(list)
    for tenant, environment, broker, channel, subscription, services, *rest in told.iter_rows():
        found[tenant, environment, broker].append(Taken(channel, subscription, tuple(services), *rest))
    return found


def _at_home(reaches: dict[tuple[str, str | None], Reach], takers: list[Taken]) -> dict[tuple[str, str], Queue]:
    """(channel, subscription) -> its queue, by its own word or by elimination."""
    reachable = _reachable(reaches)
    fits = {(one.channel, one.subscription): _fits(one, reachable) for one in takers}
    alike: dict[tuple[str, ...], list[Taken]] = defaultdict(list)
    for one in takers:
        alike[one.services].append(one)
    for group in alike.values():
        # A receiver of several channels takes from what all of them reach.
        known = [reachable[one.channel] for one in group if one.channel in reachable]
        shared = frozenset.intersection(*known) if known else frozenset()
        for one in group:
            name = one.channel, one.subscription
            fits[name] = fits[name] & shared or fits[name]
    by_channel: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for name in fits:
        by_channel[name[0]].append(name)
    for channel, names in by_channel.items():
        _eliminate(fits, names, reachable.get(channel, frozenset()))
    return {name: next(iter(left)) for name, left in fits.items() if len(left) == 1}


def _reachable(reaches: dict[tuple[str, str | None], Reach]) -> dict[str, frozenset[Queue]]:
    found: dict[str, frozenset[Queue]] = defaultdict(frozenset)
    for (channel, _), reach in reaches.items():
        found[channel] |= {(reach.vhost, queue) for queue in reach.possible}
    return found


def _fits(one: Taken, reachable: dict[str, frozenset[Queue]]) -> frozenset[Queue]:
    queues = reachable.get(one.channel, frozenset())
    said = frozenset(queue for queue in queues if queue[1] in (one.queue, one.place))
    return said if len(said) == 1 else queues


def _eliminate(
    fits: dict[tuple[str, str], frozenset[Queue]], names: list[tuple[str, str]], queues: frozenset[Queue]
) -> None:
    """Leaves each subscription of a channel the queues that no other one must have."""
    before = None
    while before != (before := [fits[name] for name in names]):
        for name in names:
            others = [fits[other] for other in names if other != name]
            taken = frozenset(queue for left in others if len(left) == 1 for queue in left)
            # As many queues as receivers: one that no other may have is this one's.
            own = fits[name].difference(*others) if len(names) == len(queues) else frozenset()
            fits[name] = own if len(own) == 1 else fits[name] - taken
    # Two that must have the same queue, or one left without any: what the routes say does not fit what was seen.
    if any(not fits[name] for name in names):
        fits.update(dict.fromkeys(names, frozenset()))


def _onward(
    reaches: dict[tuple[str, str | None], Reach],
    takers: list[Taken],
    ways: Routes,
    letters: dict[Queue, tuple[str, str | None]],
) -> dict[tuple[str, str], Queue]:
    """(channel, subscription) -> the queue of a dead-letter or parking place."""
    found = {}
    for one in takers:
        queues: set[Queue] = set()
        for (channel, key), reach in reaches.items():
            if channel != one.channel:
                continue
            named = ways.queues.get(reach.vhost, frozenset())
            queues |= {(reach.vhost, name) for name in (one.queue, one.place) if name in named}
            for queue in reach.possible:
                exchange, letter_key = letters.get((reach.vhost, queue), (None, None))
                if exchange is not None and exchange == one.place:
                    behind = ways.from_exchange(reach.vhost, exchange, letter_key or key)
                    queues |= {(reach.vhost, name) for name in behind.possible}
            if one.place is not None and (reach.vhost, one.place) in ways.bindings:
                queues |= {(reach.vhost, name) for name in reach.parked}
        if len(queues) == 1:
            found[one.channel, one.subscription] = queues.pop()
    return found


def _routed(
    reaches: dict[tuple[str, str | None], Reach], takers: list[Taken], at: dict[tuple[str, str], Queue]
) -> Iterator[tuple[object, ...]]:
    expected: dict[str, list[Queue | None]] = defaultdict(list)
    for one in takers:
        if not one.onward:
            expected[one.channel].append(at.get((one.channel, one.subscription)))
    for (channel, key), reach in reaches.items():
        sure = reach.possible if reach.one_set else reach.always
        homes = expected[channel]
        # A subscription whose queue is not known may be any of them.
        bound = [queue for queue in sure if (reach.vhost, queue) not in homes] if None not in homes else []
        yield channel, key, reach.vhost, sorted(sure), sorted(bound)
