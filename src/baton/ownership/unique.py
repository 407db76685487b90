"""One Python call for each distinct combination of values in a frame, never one a row."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, TypeVar

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Callable

Answer = TypeVar("Answer", str, int)


def per_unique(columns: tuple[str, ...], answer: Callable[..., Answer | None], dtype: pl.DataType) -> pl.Expr:
    """`answer(*values)` for each row, called once for each distinct combination of the columns' values.

    Args:
        columns: names of the frame's columns, in the order of the function's arguments.
        answer: a pure function of their values, each of which may be None.
        dtype: dtype of the answers.

    Returns:
        an expression of that dtype, null where the answer is None.
    """
    # Polars hands an elementwise function the rows in several parts, and names recur in each.
    known_answer = cache(answer)

    def look_up(rows: pl.Series) -> pl.Series:
        frame = rows.struct.unnest()
        known = frame.unique()
        answers = pl.Series("answer", [known_answer(*values) for values in known.iter_rows()], dtype=dtype)
        joined = frame.join(
            known.with_columns(answers), on=columns, how="left", nulls_equal=True, maintain_order="left"
        )
        return joined["answer"]

    return pl.struct(columns).map_batches(look_up, return_dtype=dtype, is_elementwise=True)
