"""What the ownership file declares: where a journey type begins, how long a handoff may take, what queues hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from baton.ownership.rules import compile_rules
from baton.ownership.unique import per_unique
from baton.schema import FACTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from baton.ownership.catalog import Catalog


def entries(spans: pl.LazyFrame, catalog: Catalog) -> pl.LazyFrame:
    """Mark the spans with which a declared journey type begins.

    Args:
        spans: a frame with `service` and `name` (String), and any others.
        catalog: the ownership file.

    Returns:
        the same rows in the same order with the column `journey_type` (String; null where the span enters none, or
        several with equal right).
    """
    rules = compile_rules(catalog)

    def journey_type(service: str | None, name: str | None) -> str | None:
        return rules.explain(("entry", service or "", name or "")).claimant

    return spans.with_columns(journey_type=per_unique(("service", "name"), journey_type, pl.String()))


def tail_sampled(services: pl.LazyFrame, catalog: Catalog) -> pl.LazyFrame:
    """Which services are declared as sampled by tail.

    Args:
        services: a frame with `service` and `environment` (String), and any others.
        catalog: the ownership file.

    Returns:
        the same rows in the same order with the column `tail` (Boolean).
    """
    rules = compile_rules(catalog)

    def tail(service: str | None, environment: str | None) -> bool:
        return bool(rules.explain(("sampling", service or "", environment or "")).matched)

    return services.with_columns(tail=per_unique(("service", "environment"), tail, pl.Boolean()))


def deadlines(channels: pl.LazyFrame, catalog: Catalog) -> pl.LazyFrame:
    """The declared deadline of a handoff over each channel.

    Args:
        channels: a frame with `channel` and `environment` (String; the channel null for calls), and any others.
        catalog: the ownership file.

    Returns:
        the same rows in the same order with the column `declared_ns` (Int64, nanoseconds after the send; null where
        none is declared). Of several declarations with equal right the longest holds: a deadline accuses, and an
        accusation in doubt waits.
    """
    rules = compile_rules(catalog)
    declared_ns = {f"channels[{number}]": channel.deadline_ns for number, channel in enumerate(catalog.channels)}

    def deadline_ns(channel: str | None, environment: str | None) -> int | None:
        if channel is None:
            return None
        claimants = rules.explain(("deadline", channel, environment or "")).claimants
        return max((declared_ns[claimant] for claimant in claimants), default=None)

    return channels.with_columns(declared_ns=per_unique(("channel", "environment"), deadline_ns, pl.Int64()))


def measures(catalog: Catalog) -> pl.DataFrame:
    """The attributes that say what a lost journey cost, by journey type.

    Returns:
        `journey_type` (null: of every journey without a type), `customer`, `segment`, `amount`, `currency`: attribute
        names, null where none is named.
    """

    def rows() -> Iterator[dict[str, str | None]]:
        general = catalog.impact.model_dump()
        yield {"journey_type": None, **general}
        for kind in catalog.journey_types:
            own = kind.impact.model_dump(exclude_none=True)
            yield {"journey_type": kind.name, **general, **own}

    names = ("journey_type", "customer", "segment", "amount", "currency")
    return pl.DataFrame(list(rows()), schema=dict.fromkeys(names, pl.String()))


def facts(catalog: Catalog, tenants: Sequence[str]) -> pl.DataFrame:
    """The declared queues and what is routed to them, as facts that always hold, of any broker.

    Args:
        catalog: the ownership file, which is every tenant's.
        tenants: whose facts they are.

    Returns:
        FACTS's columns: rows of queues and routes, source declared, `at_ns` 0. Of a declared queue nothing but its
        limits is known; one with a limit and no word on overflow drops its head, as RabbitMQ does.
    """
    rows = [{**row, "tenant": tenant} for tenant in tenants for row in _facts(catalog)]
    return pl.DataFrame(rows, schema=FACTS.schema)


def _facts(catalog: Catalog) -> Iterator[dict[str, str | int | None]]:
    for queue in catalog.queues:
        shared: dict[str, str | int | None] = {
            "at_ns": 0,
            "environment": queue.environment,
            "broker": "",
            "source": "declared",
            "vhost": "",
        }
        limited = queue.limit is not None or queue.size is not None
        yield {
            **shared,
            "fact": "queue",
            "name": queue.name,
            "messages_max": queue.limit,
            "bytes_max": queue.size,
            "overflow": queue.overflow or ("drop-head" if limited else None),
            "ttl_ns": queue.ttl_ns,
            "priorities": queue.priorities,
            "dead_letter": queue.dead_letter,
        }
        route: dict[str, str | int | None] = {**shared, "fact": "route", "to": queue.name, "to_kind": "queue"}
        yield {**route, "name": "", "kind": "default", "routing_key": queue.name}
        for source in queue.sources:
            yield {**route, "name": source.exchange, "kind": "topic", "routing_key": source.key}
