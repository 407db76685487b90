"""What was found of few messages, laid beside all."""

from __future__ import annotations

import polars as pl

PLACE = "_place"
"""Position of a message's row among all rows (UInt32): one number instead of the six names of a row."""


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
