"""Flows: who sends what into which queue, by the broker's routes.

Spans name an exchange and often no key, so a flow is laid to a queue only where the routes leave no doubt
(`routes.Reach`), or where the receiver names a queue that they allow. What may reach one queue or another reaches none
here: a flow in doubt accuses nobody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from baton.brokers.places import SCOPE, kept_keys, of_scope
from baton.brokers.routes import routes
from baton.schema import FLOWS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from baton.brokers.routes import Reach, Routes

_QUEUE = ["tenant", "environment", "broker", "vhost", "name"]
_LIMITS = ["kind", "messages_max", "bytes_max", "overflow", "ttl_ns"]
_ORDER = [*FLOWS.names[:5], "handoffs", "service", "channel", "routing_key", "journey_type"]
SENDERS = ["channel", "route_key", "service", "team", "journey_type"]
"""What tells one flow from another."""


def flows(
    judged: pl.DataFrame, sends: pl.DataFrame, facts: pl.DataFrame, criticality: Mapping[str, str]
) -> pl.DataFrame:
    """FLOWS: the messages of an analysis, by the queues that take them.

    Args:
        judged: judged rows with `kind, send, relation, queue, from_team, journey_type` (`analysis.Analysis.judged`).
        sends: SENDS.
        facts: FACTS that hold at one time (`history.held`), declared ones among them.
        criticality: of each declared journey type.

    Returns:
        FLOWS, sorted by queue, the largest flow first.
    """
    return laid(sent(judged, sends), facts, criticality)


def laid(mix: pl.DataFrame, facts: pl.DataFrame, criticality: Mapping[str, str]) -> pl.DataFrame:
    """FLOWS of a mix of traffic, the frame of `sent`; the others as of `flows`."""
    if facts.is_empty():
        return FLOWS.empty()
    rows = [row for scope, part in mix.group_by(SCOPE, maintain_order=True) for row in _of_scope(scope, part, facts)]
    names = [*FLOWS.names[:5], *_LIMITS, *SENDERS, "handoffs"]
    schema = {name: FLOWS.schema.get(name, pl.String()) for name in names}
    urgency = pl.col("journey_type").replace_strict(dict(criticality), default=None, return_dtype=pl.String)
    # What a stream or topic holds at most is how long it keeps messages, taken or not: nobody is crowded out.
    kept = pl.col("kind").is_in(["stream", "topic"]).fill_null(value=False)
    bounded = ~kept & pl.any_horizontal(pl.col("messages_max", "bytes_max").is_not_null())
    return (
        pl.DataFrame(rows, schema=schema, orient="row")
        .with_columns(urgency.alias("criticality"), bounded.alias("bounded"))
        .rename({"route_key": "routing_key"})
        .select(FLOWS.names)
        .sort(*_ORDER, descending=[name == "handoffs" for name in _ORDER])
    )


def newest(facts: pl.DataFrame) -> pl.DataFrame:
    """One row a queue: of several words on it that of who counts its messages, else the newest.

    What people declare of a queue counts only where no broker knows that name.

    Args:
        facts: FACTS that hold at one time.

    Returns:
        FACTS, its rows of queues, sorted by name.
    """
    told = facts.filter(pl.col("fact") == "queue")
    broker = told.filter(pl.col("source") != "declared")
    declared = told.filter(pl.col("source") == "declared").join(broker, on=["tenant", "name"], how="anti")
    return (
        pl.concat([broker, declared])
        .sort(pl.col("waiting").is_not_null(), "at_ns", maintain_order=True)
        .unique(_QUEUE, keep="last", maintain_order=True)
        .sort(_QUEUE)
    )


def sent(judged: pl.DataFrame, sends: pl.DataFrame) -> pl.DataFrame:
    """The mix of traffic, one row a kind of message; arguments as of `flows`.

    Returns:
        SCOPE and SENDERS columns, `handoffs` (how many messages were sent so), `named` (a list of `queue`, as receivers
        call it, and `count`).
    """
    onward = (pl.col("relation") == "onward").fill_null(value=False)
    rows = (
        judged.lazy()
        .filter((pl.col("kind") == "message") & ~onward)
        .select("send", "queue", "journey_type", pl.col("from_team").alias("team"))
        .join(sends.lazy().select("send", *SCOPE, "channel", "routing_key", "service"), on="send")
        .collect()
    )
    # A message has a row for every subscription: it counts once, and once for each queue that a receiver named.
    first = rows["send"].is_first_distinct()
    named = pl.struct("queue", pl.col("len").alias("count")).filter(pl.col("queue").is_not_null())
    return (
        kept_keys(rows)
        .lazy()
        .with_columns(first.alias("first"))
        .group_by(*SCOPE, *SENDERS, "queue")
        .agg(pl.len(), pl.col("first").sum().cast(pl.Int64).alias("handoffs"))
        .sort(*SCOPE, *SENDERS, "queue")
        .group_by(*SCOPE, *SENDERS, maintain_order=True)
        .agg(pl.col("handoffs").sum(), named.alias("named"))
        .collect()
    )


def _of_scope(scope: tuple[object, ...], mix: pl.DataFrame, facts: pl.DataFrame) -> Iterator[tuple[object, ...]]:
    known = of_scope(facts, *scope)
    if known.is_empty():
        return
    reaches = reached(standing(known), mix)
    limits = {(row["vhost"], row["name"]): tuple(row[key] for key in _LIMITS) for row in newest(known).to_dicts()}
    for row in mix.iter_rows(named=True):
        for queue, handoffs in _taken(reaches[row["channel"], row["route_key"]], row).items():
            if queue in limits:
                yield (*scope, *queue, *limits[queue], *(row[name] for name in SENDERS), handoffs)


def standing(held: pl.DataFrame) -> Routes:
    """The routes of one scope as they stand: none of them changes, whenever it was told.

    Args:
        held: FACTS of one tenant, environment and broker that hold at one time.
    """
    return routes(held.with_columns(at_ns=pl.lit(0, pl.Int64)), 0)


def reached(ways: Routes, mix: pl.DataFrame) -> dict[tuple[str, str | None], Reach | None]:
    """(channel, key) -> where it leads, of all that is in a mix: many senders send alike."""
    ways_sent = mix.select("channel", "route_key").unique().iter_rows()
    return {(channel, key): ways.reach(channel, key) for channel, key in ways_sent}


def _taken(reach: Reach | None, row: Mapping[str, Any]) -> dict[tuple[str, str], int]:
    """(vhost, queue) -> messages: the queues that surely take them, and those that receivers name."""
    if reach is None:
        return {}
    sure = reach.possible if reach.one_set else reach.always
    named = {one["queue"]: one["count"] for one in row["named"] if one["queue"] in reach.possible}
    return {
        (reach.vhost, queue): row["handoffs"] if queue in sure else named[queue]
        for queue in sorted(sure | named.keys())
    }
