from __future__ import annotations

import polars as pl
import pytest

from baton.handoffs.beside import PLACE, beside, unseen

ROWS = pl.DataFrame({"send": [4, 5, 6]})


def found(**at: dict[int, int]) -> list[pl.DataFrame]:
    """A frame a column: its values by place."""
    return [
        pl.DataFrame({PLACE: list(said), name: list(said.values())}, schema={PLACE: pl.UInt32, name: pl.Int64})
        for name, said in at.items()
    ]


@pytest.mark.parametrize(
    ("said", "told"),
    [({}, [None, None, None]), ({1: 7}, [None, 7, None]), ({2: 9, 0: 8}, [8, None, 9])],
)
def test_what_was_found_stands_at_its_place(said: dict[int, int], told: list[int | None]) -> None:
    """Places may come in any order; where nothing was found stands null, of the same type."""
    laid = beside(ROWS, *found(late=said))
    assert laid["late"].to_list() == told
    assert laid.schema == {"send": pl.Int64, "late": pl.Int64}


def test_several_findings_stand_beside_each_other() -> None:
    """Each brings its own columns, and no row is moved."""
    assert beside(ROWS, *found(a={0: 1}, b={2: 3})).rows() == [(4, 1, None), (5, None, None), (6, None, 3)]


def test_nothing_is_laid_beside_nothing() -> None:
    """Without rows, columns of the right type."""
    assert beside(ROWS.clear(), *found(a={})).schema == {"send": pl.Int64, "a": pl.Int64}


def test_what_lacks_its_receipt_bears_its_place() -> None:
    """A message that nobody takes lacks none: there is nobody to ask."""
    rows = pl.DataFrame({"row": [1, None, None, None], "subscription": ["a", "b", None, "c"]})
    assert unseen(rows).select("subscription", PLACE).rows() == [("b", 1), ("c", 3)]
