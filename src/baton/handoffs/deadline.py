"""Deadlines: when a message should have been received.

Order of sources: the contract's, the channel's declaration, the journey type's, AsyncAPI's, what was learned, 30 s.
"""

from __future__ import annotations

import polars as pl

from baton.limits import INSTANT_NS_MAX


def deadlines(rows: pl.DataFrame) -> pl.DataFrame:
    """Adds `deadline_at_ns`.

    Args:
        rows: the frame of `expected.expected` with `declared_ns` (Int64, after the send, declared for the channel) and
            `journey_deadline_ns` (Int64, when the journey was to be done, by its type); null where not declared; and
            what `contracts.deadlines.agreed` adds.

    Returns:
        The rows with `deadline_at_ns` (Int64, sender's clock).
    """
    sent = pl.col("sent_ns").clip(upper_bound=INSTANT_NS_MAX)
    by_journey = pl.when(pl.col("journey_deadline_ns").is_not_null()).then(
        pl.max_horizontal("sent_ns", pl.col("journey_deadline_ns"))
    )
    after = {name: sent + pl.col(name) for name in ("agreed_ns", "declared_ns", "imported_ns", "deadline_ns")}
    return rows.with_columns(
        pl.coalesce(
            after["agreed_ns"], after["declared_ns"], by_journey, after["imported_ns"], after["deadline_ns"]
        ).alias("deadline_at_ns")
    ).drop("agreed_ns", "imported_ns")
