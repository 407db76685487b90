"""What was found of few messages, laid beside all."""

from __future__ import annotations

import polars as pl

PLACE = "_place"
"""Position of a message's row among all rows (UInt32): one number instead of the six names of a row."""


def unseen(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows of subscriptions that lack their receipt, with PLACE."""
    lacking = pl.col("row").is_null() & pl.col("subscription").is_not_null()
    at = rows.select(pl.arg_where(lacking)).to_series()
    # Few of many: to pick them costs less than to ask every column which it is to leave out.
    return rows[at].with_columns(at.alias(PLACE))


def beside(rows: pl.DataFrame, *found: pl.DataFrame) -> pl.DataFrame:
    """Adds columns, null where nothing was found.

    As a left join by position: most rows lack nothing, and no column of theirs is looked at.

    Args:
        rows: any frame.
        found: frames with PLACE, each place once, and the columns to add.
    """
    return rows.with_columns(column for one in found for column in _spread(one, rows.height))


def _spread(found: pl.DataFrame, height: int) -> list[pl.Series] | list[pl.Expr]:
    told = found.drop(PLACE)
    if found.is_empty():
        return [pl.lit(None, dtype=dtype).alias(name) for name, dtype in told.schema.items()]
    at = pl.select(pl.repeat(None, height, dtype=pl.UInt32)).to_series()
    at = at.scatter(found[PLACE], pl.int_range(found.height, dtype=pl.UInt32, eager=True))
    return told.select(pl.all().gather(at)).get_columns()
