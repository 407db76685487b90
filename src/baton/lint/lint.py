"""The stage: facts, flows and what became of them -> LINT."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from baton.lint.rules import OF_BROKERS, OF_EXCHANGES, OF_QUEUES, SEVERITIES, every
from baton.lint.subjects import Broker, Exchange, Flow, Queue, Route, Traffic
from baton.schema import LINT, UNOWNED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from baton.lint.subjects import Found, Replayed


_OWN = "amq."
"""What names of the broker's own making begin with."""
_PUBLISHED, _CONFIRMED = (f"rabbitmq_global_messages_received{part}_total" for part in ("", "_confirm"))
"""RabbitMQ's counters of messages published, and of those on channels that wait for confirms."""

_SCOPE = ["tenant", "environment", "broker"]


@dataclass(frozen=True, slots=True)
class Known:
    """What is known.

    Attributes:
        facts: FACTS that hold at one time.
        queues: of it one row a queue (`brokers.flows.newest`).
        letters: `brokers.outlets.LETTERS`.
        untaken: `brokers.outlets.UNTAKEN`.
        flows: FLOWS.
        traffic: `traffic.TRAFFIC`.
        replayed: queue -> what a replay recommends.
        queue_owners: queue -> team.
        channel_owners: channel or exchange -> team.
    """

    facts: pl.DataFrame
    queues: pl.DataFrame
    letters: pl.DataFrame
    untaken: pl.DataFrame
    flows: pl.DataFrame
    traffic: pl.DataFrame
    replayed: Mapping[str, Replayed]
    queue_owners: Mapping[str, str]
    channel_owners: Mapping[str, str]


def lint(known: Known) -> pl.DataFrame:
    """LINT: what each rule finds of each queue, exchange and broker; the gravest first, then in the rules' order."""
    rows = [*_of_queues(known), *_of_exchanges(known), *_of_brokers(known)]
    rank, order = (
        pl.col(column).replace_strict({name: place for place, name in enumerate(ordered)}, return_dtype=pl.Int64)
        for column, ordered in (("severity", SEVERITIES), ("rule", [rule.name for rule in every()]))
    )
    return pl.DataFrame(rows, schema=LINT.schema).sort(
        rank, order, "tenant", "environment", "broker", "vhost", "queue", "exchange", nulls_last=False
    )


def _row(rule: str, found: Found, place: Mapping[str, Any], owner: str, at_ns: int | None) -> dict[str, object]:
    return {
        "rule": rule,
        "severity": found.severity,
        "owner": owner,
        "message": found.message,
        "change": found.change,
        "figures": found.figures,
        "at": at_ns or None,
        **place,
    }


def _of_queues(known: Known) -> Iterator[dict[str, object]]:
    flows = _by_queue(known.flows)
    routes = _routes(known.facts)
    letters = {tuple(row[:5]): row[5:] for row in known.letters.iter_rows()}
    traffic = {
        (row.pop("tenant"), row.pop("environment"), row.pop("queue")): Traffic(**row)
        for row in known.traffic.iter_rows(named=True)
    }
    names = known.queues.group_by("tenant", "name").len().filter(pl.col("len") > 1)
    several = set(names.select("tenant", "name").iter_rows())
    for fact in known.queues.iter_rows(named=True):
        name = fact["name"]
        if name.startswith(_OWN):
            continue
        place = (*(fact[key] for key in _SCOPE), fact["vhost"], name)
        parks, nowhere = letters.get(place, (False, False))
        scopes = _scopes(fact, flows)
        for (environment, broker), mine in scopes.items():
            # Of a name that two brokers or vhosts have, nobody can tell whose messages they were.
            seen = None if (fact["tenant"], name) in several else _seen(traffic, fact["tenant"], environment, name)
            replayed = None if seen is None else known.replayed.get(name)
            queue = Queue(fact, tuple(mine), tuple(routes[place]), seen, replayed, parks, nowhere)
            owner = _owner(known, name, {flow.channel for flow in mine} or {route.exchange for route in queue.routes})
            where = {"tenant": fact["tenant"], "environment": environment, "broker": broker, "vhost": fact["vhost"]}
            for rule in OF_QUEUES:
                for found in rule.check(queue):
                    yield _row(rule.name, found, {**where, "queue": name}, owner, fact["at_ns"])


def _scopes(
    fact: Mapping[str, Any], flows: Mapping[tuple[str, str, str], Mapping[tuple[str, str], list[Flow]]]
) -> dict[tuple[str | None, str], list[Flow]]:
    """(environment, broker) -> flows: facts of any environment speak of the queue of each that sends into it."""
    of_name = flows.get((fact["tenant"], fact["vhost"], fact["name"]), {})
    found: dict[tuple[str | None, str], list[Flow]] = {
        (environment, broker): mine
        for (environment, broker), mine in of_name.items()
        if fact["environment"] in (None, environment) and fact["broker"] in ("", broker)
    }
    return found or {(fact["environment"], fact["broker"]): []}


def _by_queue(flows: pl.DataFrame) -> dict[tuple[str, str, str], dict[tuple[str, str], list[Flow]]]:
    """(tenant, vhost, queue) -> (environment, broker) -> flows, the largest first."""
    found: dict[tuple[str, str, str], dict[tuple[str, str], list[Flow]]] = defaultdict(lambda: defaultdict(list))
    place = ["tenant", "vhost", "queue", "environment", "broker"]
    for tenant, vhost, queue, environment, broker, *flow in flows.select(*place, *Flow._fields).iter_rows():
        found[tenant, vhost, queue][environment, broker].append(Flow(*flow))
    return found


def _routes(facts: pl.DataFrame) -> dict[tuple[object, ...], list[Route]]:
    """Queue -> its bindings, without that of the default exchange, which every queue has."""
    routes = facts.filter((pl.col("fact") == "route") & (pl.col("to_kind") == "queue") & (pl.col("kind") != "default"))
    found: dict[tuple[object, ...], list[Route]] = defaultdict(list)
    columns = [*_SCOPE, "vhost", "to", "name", "routing_key"]
    for *place, exchange, key in routes.select(columns).unique().sort(columns).iter_rows():
        found[tuple(place)].append(Route(exchange, key))
    return found


def _seen(
    traffic: Mapping[tuple[str, str, str], Traffic], tenant: str, environment: str | None, name: str
) -> Traffic | None:
    if environment is not None:
        return traffic.get((tenant, environment, name))
    # Facts of any environment, and no flow that tells which: what was seen in only one is of that one.
    found = [one for (owner, _, queue), one in traffic.items() if (owner, queue) == (tenant, name)]
    return found[0] if len(found) == 1 else None


def _owner(known: Known, queue: str | None, channels: Iterable[str]) -> str:
    """The queue's team, else the one that all that is sent there belongs to."""
    owner = UNOWNED if queue is None else known.queue_owners.get(queue, UNOWNED)
    if owner != UNOWNED:
        return owner
    teams = {known.channel_owners.get(channel, UNOWNED) for channel in channels}
    return teams.pop() if len(teams) == 1 else UNOWNED


def _of_exchanges(known: Known) -> Iterator[dict[str, object]]:
    for row in known.untaken.iter_rows(named=True):
        place = {key: row[key] for key in (*_SCOPE, "vhost", "exchange")}
        owner = _owner(known, None, [row["exchange"]])
        for rule in OF_EXCHANGES:
            for found in rule.check(Exchange(row)):
                yield _row(rule.name, found, place, owner, row["at_ns"])


def _of_brokers(known: Known) -> Iterator[dict[str, object]]:
    counters = known.facts.filter((pl.col("fact") == "counter") & (pl.col("source") == "management"))
    for scope, part in counters.group_by(_SCOPE, maintain_order=True):
        values = part.select(pl.col("name").str.split("{").list.first().alias("name"), "value")
        total = dict(values.group_by("name").agg(pl.col("value").sum()).iter_rows())
        if _PUBLISHED not in total:
            continue
        place = dict(zip(_SCOPE, scope, strict=True))
        flows = _within(known.flows, place)
        refusing = _within(known.queues, place).filter(
            pl.col("overflow").str.starts_with("reject-publish") & ~pl.col("name").str.starts_with(_OWN)
        )
        # A node has all of its counters from its start: one that is not there has never risen.
        broker = Broker(
            total[_PUBLISHED],
            total.get(_CONFIRMED, 0),
            tuple(refusing["name"].unique().sort()),
            tuple(flows["service"].unique().sort()),
        )
        teams = set(flows["team"])
        owner = teams.pop() if len(teams) == 1 else UNOWNED
        for rule in OF_BROKERS:
            for found in rule.check(broker):
                yield _row(rule.name, found, {**place, "vhost": None}, owner, part["at_ns"].max())  # type: ignore[arg-type]  # of an Int64 column


def _within(frame: pl.DataFrame, place: Mapping[str, object]) -> pl.DataFrame:
    """The rows of one scope; a null environment and an empty broker are any."""
    mine: list[pl.Expr] = [pl.col("tenant").eq(place["tenant"])]
    if place["environment"] is not None:
        mine.append(pl.col("environment").is_null() | pl.col("environment").eq(place["environment"]))
    if place["broker"]:
        mine.append(pl.col("broker").is_in(["", place["broker"]]))
    return frame.filter(*mine)
