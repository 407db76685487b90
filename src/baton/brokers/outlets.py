"""Outlets: what is sent, or given up, and led nowhere by the routes that hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from baton.brokers.flows import newest, reached, standing
from baton.brokers.history import SNAPSHOT, held
from baton.brokers.places import SCOPE, of_scope

if TYPE_CHECKING:
    from collections.abc import Iterator

    from baton.brokers.routes import Reach

_TEXT = pl.String()

UNTAKEN = pl.Schema(
    {
        **dict.fromkeys((*SCOPE, "vhost", "exchange"), _TEXT),
        "routing_keys": pl.List(_TEXT),
        "services": pl.List(_TEXT),
        "handoffs": pl.Int64(),
        "at_ns": pl.Int64(),
    }
)
"""An exchange and what of its messages no binding takes and no alternate exchange parks: the routing keys (none where
the spans say none: nothing is bound to it), who sent them, how many. `handoffs` is 0 of an exchange to which nothing is
bound and nobody was seen to send."""

LETTERS = pl.Schema({**dict.fromkeys((*SCOPE, "vhost", "name"), _TEXT), "parks": pl.Boolean(), "nowhere": pl.Boolean()})
"""Of a queue: others' dead letters, or what no binding takes, come to rest in it; its own dead letters lead nowhere."""


def untaken(mix: pl.DataFrame, facts: pl.DataFrame, at_ns: int) -> pl.DataFrame:
    """UNTAKEN, as the routes stand at a time; only of vhosts of which a snapshot told all routes.

    Args:
        mix: what was sent, the frame of `flows.sent`.
        facts: FACTS, as a history.
        at_ns: when.
    """
    told = facts.filter((pl.col("at_ns") <= at_ns) & (pl.col("source") != "declared"))
    whole = told.filter((pl.col("fact") == SNAPSHOT) & (pl.col("name") == "route"))
    looked = dict(whole.group_by("vhost").agg(pl.col("at_ns").max()).iter_rows())
    known = held(told, at_ns)
    rows: list[tuple[object, ...]] = []
    for scope, part in mix.group_by(SCOPE, maintain_order=True):
        reaches = reached(standing(of_scope(known, *scope)), part)
        rows += [(*scope, *row) for row in _untaken(reaches, part, looked)]
    seen = {(row[0], row[3], row[4]) for row in rows}
    rows += [row for row in _unbound(known, looked) if (row[0], row[3], row[4]) not in seen]
    return pl.DataFrame(rows, schema=UNTAKEN, orient="row").sort(*SCOPE, "vhost", "exchange")


def _untaken(
    reaches: dict[tuple[str, str | None], Reach | None], part: pl.DataFrame, looked: dict[str, int]
) -> Iterator[tuple[object, ...]]:
    lost: dict[tuple[str, str], list[dict[str, object]]] = {}
    for row in part.iter_rows(named=True):
        reach = reaches[row["channel"], row["route_key"]]
        if reach is not None and reach.vhost in looked and not reach.possible and not reach.parked:
            lost.setdefault((reach.vhost, row["channel"]), []).append(row)
    for (vhost, exchange), found in lost.items():
        keys = sorted({str(row["route_key"]) for row in found if row["route_key"] is not None})
        services = sorted({str(row["service"]) for row in found})
        handoffs = sum(int(str(row["handoffs"])) for row in found)
        yield vhost, exchange, keys, services, handoffs, looked[vhost]


def _unbound(known: pl.DataFrame, looked: dict[str, int]) -> Iterator[tuple[object, ...]]:
    """Exchanges that nothing is bound to: a route that leads nowhere says so (`management.rows`)."""
    place = [*SCOPE, "vhost", "name"]
    bound = known.filter((pl.col("fact") == "route") & pl.col("to").is_not_null())
    empty = known.filter((pl.col("fact") == "route") & pl.col("to").is_null() & ~pl.col("name").str.starts_with("amq."))
    alone = empty.join(bound, on=place, how="anti", nulls_equal=True).select(place).unique().sort(place)
    for *scope, vhost, name in alone.iter_rows():
        if vhost in looked:
            yield (*scope, vhost, name, [], [], 0, looked[vhost])


def letters(facts: pl.DataFrame, at_ns: int) -> pl.DataFrame:
    """LETTERS of every queue, as the routes stand at a time.

    Args:
        facts: FACTS, as a history.
        at_ns: when.
    """
    told = facts.filter(pl.col("at_ns") <= at_ns)
    looked = set(told.filter((pl.col("fact") == SNAPSHOT) & (pl.col("name") == "route"))["vhost"])
    rows: list[tuple[object, ...]] = []
    for scope, known in held(told, at_ns).group_by(SCOPE, maintain_order=True):
        rows += [(*scope, *row) for row in _letters(known, looked)]
    return pl.DataFrame(rows, schema=LETTERS, orient="row")


def _letters(known: pl.DataFrame, looked: set[str]) -> Iterator[tuple[object, ...]]:
    ways, queues = standing(known), newest(known)
    parks: set[tuple[str, str]] = set()
    nowhere: set[tuple[str, str]] = set()
    for vhost, name, exchange, key in queues.select("vhost", "name", "dead_letter", "dead_letter_routing").iter_rows():
        if exchange is not None and vhost in looked:
            behind = ways.from_exchange(vhost, exchange, key)
            # Under a message's own key any queue may be meant.
            parks |= {(vhost, one) for one in behind.possible if key is not None or exchange}
            if not behind.possible and not behind.parked:
                nowhere.add((vhost, name))
    alternate = (pl.col("fact") == "route") & (pl.col("kind") == "alternate")
    for vhost, to in known.filter(alternate).select("vhost", "to").iter_rows():
        parks |= {(vhost, one) for one in ways.from_exchange(vhost, to, None).possible}
    for vhost, name in queues.select("vhost", "name").iter_rows():
        yield vhost, name, (vhost, name) in parks, (vhost, name) in nowhere
