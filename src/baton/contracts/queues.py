"""What contracts ask of the queues on the way: somewhere for what they give up, and nobody who crowds them.

Brokers' own word decides. Of a queue that only ownership.yaml or the neutral document tells of, a limit is known, and
nothing is known of what it leaves out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from baton.contracts.outcome import Outcome
from baton.contracts.ways import key_glob, matches
from baton.limits import NAMES_MAX

if TYPE_CHECKING:
    from baton.contracts.contract import Contract
    from baton.contracts.outcome import Known

_PUBLISHED, _CONFIRMED = (f"rabbitmq_global_messages_received{part}_total" for part in ("", "_confirm"))
"""RabbitMQ's counters of messages published, and of those on channels that wait for confirms."""
_TOLD_WHOLE = ("management", "definitions")
"""Sources that say all there is of a queue: of the others a limit or exchange that is not named may be there."""
_LOGS = ("topic", "stream")
"""Kinds that keep what was sent: they give nothing up by a receiver's word, and have nowhere for it."""


def dead_letter(_contract: Contract, rows: pl.DataFrame, known: Known) -> Outcome:
    """Every queue that these messages went through has somewhere for what it gives up."""
    queues = _queues(rows, known.facts)
    said = queues.filter(pl.col("dead_letter").is_not_null() | pl.col("source").is_in(_TOLD_WHOLE))
    without = said.filter(pl.col("dead_letter").is_null() & ~pl.col("kind").is_in(_LOGS).fill_null(value=False))
    with_one = said.filter(pl.col("dead_letter").is_not_null())
    judged = without.height + with_one.height
    if without.height:
        breaking = rows.filter(pl.col("queue").is_in(without["name"].implode()))
        reason = f"{_names(without)} {'has' if without.height == 1 else 'have'} no dead-letter exchange"
        return Outcome("breached", reason, "queue", judged, without.height, 0, None, breaking)
    unknown = rows["queue"].is_null().any() or set(rows["queue"].drop_nulls()) - set(said["name"])
    if not judged or unknown:
        return Outcome("unproven", "no broker's word on every queue that it goes through", "queue", judged)
    return Outcome(
        "holds", f"{_names(with_one)}: dead letters go to {_names(with_one, 'dead_letter')}", "queue", judged
    )


def isolation(contract: Contract, rows: pl.DataFrame, known: Known) -> Outcome:
    """No bounded queue that these messages go through takes both a critical flow and one that is not.

    A flow is critical by its journey type; one that nobody declared critical is not. The contract's own messages are,
    unless their own journeys are declared less: alone in a queue these crowd nobody out.
    """
    place = ["tenant", "environment", "broker", "queue"]
    own = rows.select(place).drop_nulls("queue").unique()
    flows = known.flows.join(own, on=place, how="semi")
    queues = set(flows["queue"])
    if rows["queue"].is_null().any() or set(own["queue"]) - queues or own.is_empty():
        unknown = "no broker's word on every queue that it goes through"
        return Outcome("unproven", unknown, "queue", len(queues))
    bounded, ours = flows.filter("bounded"), _own(contract)
    undeclared = pl.col("criticality").is_null()
    lesser = pl.when(undeclared).then(~ours).otherwise(pl.col("criticality").is_in(["normal", "low"]))
    mixed = bounded.filter((lesser.any() & (~lesser).any()).over(*place, "vhost"))
    if mixed.height:
        # Those that are less; where these are the contract's own, whom they may crowd out.
        told = (mixed.filter(lesser & ~ours), mixed.filter(~ours), mixed)
        others = next(one for one in told if one.height)
        shared = others["queue"].n_unique()
        who = others.select("service", "journey_type").unique().sort("service", "journey_type").head(NAMES_MAX)
        said = ", ".join(f"{service} ({journey or 'no journey type'})" for service, journey in who.iter_rows())
        breaking = rows.filter(pl.col("queue").is_in(others["queue"].unique().implode()))
        names = ", ".join(sorted(set(others["queue"]))[:NAMES_MAX])
        reason = f"{names}, which is bounded, also takes {said}"
        return Outcome("breached", reason, "queue", len(queues), shared, 0, None, breaking)
    silent = _queues(rows, known.facts).filter(~pl.col("source").is_in(_TOLD_WHOLE))["name"]
    untold = pl.col("bounded").is_null() | (~pl.col("bounded") & pl.col("queue").is_in(silent.implode()))
    if flows.select(untold.any()).item():
        return Outcome("unproven", "nobody says whether its queue is bounded", "queue", len(queues))
    parted = "no critical flow shares its queue with one that is less"
    reason = "no queue that it goes through is bounded" if bounded.is_empty() else parted
    return Outcome("holds", reason, "queue", len(queues))


def confirms(_contract: Contract, rows: pl.DataFrame, known: Known) -> Outcome:
    """The sender waits for the broker's word on what it publishes.

    Spans do not say so. A sender that heard a nack waits for it. Else RabbitMQ's counters tell, where they counted as
    much as was sent here: of what came in, all or nothing came over channels that wait; what lies between may be
    anybody's.
    """
    sends = rows.unique("send", keep="any")
    nacked = sends.filter("nacked").height
    if nacked:
        reason = f"the sender heard the broker's no to {nacked:,} sends"
        return Outcome("holds", reason, "sender", nacked)
    counted = _counted(sends, known.facts)
    if counted is None or counted[0] < sends.height:
        return Outcome("unproven", "neither a span nor a counter says whether the sender waits", "sender")
    published, confirmed = counted
    told = f"of {published:,} messages published to its broker {confirmed:,} came over channels that wait for confirms"
    if confirmed == 0:
        return Outcome("breached", told, "sender", published, published, breaking=sends)
    if confirmed >= published:
        return Outcome("holds", told, "sender", published)
    return Outcome("unproven", f"{told}: nothing tells whose", "sender", published)


def _counted(sends: pl.DataFrame, facts: pl.DataFrame) -> tuple[int, int] | None:
    """What the one broker of these sends counted: published, and with confirms; null where it is not one, or silent."""
    brokers = sends["broker"].unique().to_list()
    if len(brokers) != 1:
        return None
    environments = sends["environment"].unique().implode()
    own = (pl.col("environment").is_null() | pl.col("environment").is_in(environments)) & pl.col("tenant").is_in(
        sends["tenant"].unique().implode()
    )
    counters = facts.filter(pl.col("fact") == "counter", own, pl.col("broker").is_in(["", brokers[0]]))
    if counters.select("environment", "broker").n_unique() > 1:
        return None
    named = counters.select(pl.col("name").str.split("{").list.first(), "value").group_by("name").agg(pl.all().sum())
    total = dict(named.iter_rows())
    # A node has all of its counters from its start: one that is not there has never risen.
    return (total[_PUBLISHED], total.get(_CONFIRMED, 0)) if _PUBLISHED in total else None


def _own(contract: Contract) -> pl.Expr:
    """Whether a flow of FLOWS is the contract's (Boolean)."""
    own = matches("service", (contract.sender,))
    if contract.channel is not None:
        own &= matches("channel", (contract.channel,))
    if contract.key is not None:
        own &= matches("routing_key", (key_glob(contract.key),))
    return own


def _queues(rows: pl.DataFrame, facts: pl.DataFrame) -> pl.DataFrame:
    """What is said of the queues of these rows, a broker's word before a declared one."""
    names = rows.select("tenant", pl.col("queue").alias("name")).drop_nulls().unique()
    environments = rows["environment"].unique().implode()
    of_here = pl.col("environment").is_null() | pl.col("environment").is_in(environments)
    return (
        facts.filter(pl.col("fact") == "queue", of_here)
        .join(names, on=["tenant", "name"], how="semi")
        .sort(pl.col("source") == "declared", "at_ns", descending=[False, True])
        .unique(["tenant", "name"], keep="first", maintain_order=True)
        .sort("name")
    )


def _names(queues: pl.DataFrame, column: str = "name") -> str:
    """Names in one line; AMQP's default exchange has none."""
    names = [name or "the default exchange" for name in queues[column].unique(maintain_order=True)]
    more = len(names) - NAMES_MAX
    return ", ".join(names[:NAMES_MAX]) + (f" and {more:,} more" if more > 0 else "")
