"""What the ownership file declares: where a journey type begins, how long a handoff over a channel may take."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from baton.ownership.rules import compile_rules
from baton.ownership.unique import per_unique

if TYPE_CHECKING:
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
