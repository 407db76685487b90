from __future__ import annotations

from typing import Literal

import polars as pl
import pytest

from baton.ownership.unique import per_unique


@pytest.mark.parametrize("engine", ["in-memory", "streaming"])
def test_rows_keep_their_order_and_nulls(engine: Literal["in-memory", "streaming"]) -> None:
    """Each row gets the answer to its own values, in place, a null value being a value like any other."""
    frame = pl.LazyFrame({"a": ["x", None, "y", "x", None], "b": [1, 1, None, 1, 1]})
    said = frame.with_columns(c=per_unique(("a", "b"), lambda a, b: None if a is None else f"{a}{b}", pl.String()))
    assert said.collect(engine=engine)["c"].to_list() == ["x1", None, "yNone", "x1", None]


def test_each_combination_is_asked_once() -> None:
    """The function runs for each distinct combination, not for each row, though Polars splits a long frame."""
    asked: list[tuple[str, int]] = []

    def answer(a: str, b: int) -> int:
        asked.append((a, b))
        return b

    frame = pl.DataFrame({"b": [1, 2] * 50_000, "a": ["x"] * 100_000})
    assert frame.select(c=per_unique(("a", "b"), answer, pl.Int64()))["c"].to_list() == [1, 2] * 50_000
    assert sorted(set(asked)) == [("x", 1), ("x", 2)]
    # Two parts may ask for the same combination at the same time.
    assert len(asked) < 100


def test_an_empty_frame_keeps_the_dtype() -> None:
    """Without rows the column has the dtype asked for."""
    frame = pl.LazyFrame(schema={"a": pl.String})
    said = frame.with_columns(c=per_unique(("a",), lambda a: a, pl.String())).collect()
    assert said.schema == {"a": pl.String, "c": pl.String}
