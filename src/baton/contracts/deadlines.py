"""Deadlines that contracts set on messages, as data for the judgement."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from baton.contracts.ways import names
from baton.schema import SEPARATOR

if TYPE_CHECKING:
    from collections.abc import Sequence

    from baton.contracts.contract import Agreed, Contract

_OF_ROWS = ["environment", "service", "channel", "routing_key", "to_service"]


def agreed(rows: pl.DataFrame, contracts: Agreed) -> pl.DataFrame:
    """Adds the deadlines that were agreed for messages.

    Of several contracts that speak of one message the longest deadline holds: a deadline accuses, and an accusation in
    doubt waits.

    Args:
        rows: messages with `environment, service, channel, routing_key, relation, expected_by` (String) and `services`
            (List(String): who may receive it).
        contracts: all that was agreed.

    Returns:
        The rows with `agreed_ns` (by contracts.yaml) and `imported_ns` (by AsyncAPI): Int64, after the send; null where
        nothing was agreed. `expected_by` is declared where nothing was learned.
    """
    told = {"agreed_ns": _timed(contracts.signed), "imported_ns": _timed(contracts.imported)}
    if not any(told.values()):
        return rows.with_columns(pl.lit(None, dtype=pl.Int64).alias(name) for name in told)
    to = pl.col("services").list.join(SEPARATOR).alias("to_service")
    of_rows = rows.select(*_OF_ROWS[:4], to)
    ways = of_rows.unique().with_columns(pl.lit("message").alias("kind"))
    ways = ways.with_columns(_longest(timed).alias(name) for name, timed in told.items())
    found = of_rows.join(ways, on=_OF_ROWS, how="left", nulls_equal=True, maintain_order="left")
    rows = rows.with_columns(found["agreed_ns"], found["imported_ns"])
    named = pl.coalesce("agreed_ns", "imported_ns").is_not_null() & (pl.col("relation") == "expected")
    declared = pl.when(named).then(pl.lit("declared"))
    return rows.with_columns(pl.coalesce("expected_by", declared).alias("expected_by"))


def _timed(contracts: Sequence[Contract]) -> list[Contract]:
    return [one for one in contracts if one.kind == "message" and one.clauses.deadline_ns is not None]


def _longest(contracts: list[Contract]) -> pl.Expr:
    """Int64: the longest deadline of those that speak of a way."""
    told = [pl.when(names(one)).then(pl.lit(one.clauses.deadline_ns, dtype=pl.Int64)) for one in contracts]
    return pl.max_horizontal(told) if told else pl.lit(None, dtype=pl.Int64)
