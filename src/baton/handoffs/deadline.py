"""Deadlines: when a message should have been received.

Order of sources: the channel's declaration, the journey type's, what was learned, 30 s.
"""

from __future__ import annotations

import polars as pl

from baton.limits import INSTANT_NS_MAX


def deadlines(rows: pl.DataFrame) -> pl.DataFrame:
    """Adds `deadline_at_ns`.

    Args:
        rows: the frame of `expected.expected` with `declared_ns` (Int64, after the send, declared for the channel) and
            `journey_deadline_ns` (Int64, when the journey was to be done, by its type); null where not declared.

    Returns:
        The rows with `deadline_at_ns` (Int64, sender's clock).
    """
    sent = pl.col("sent_ns").clip(upper_bound=INSTANT_NS_MAX)
    declared = pl.coalesce(sent + pl.col("declared_ns"), pl.max_horizontal("sent_ns", pl.col("journey_deadline_ns")))
    has_declared = pl.col("declared_ns").is_not_null() | pl.col("journey_deadline_ns").is_not_null()
    return rows.with_columns(
        pl.when(has_declared).then(declared).otherwise(sent + pl.col("deadline_ns")).alias("deadline_at_ns")
    )
