from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest

from baton.errors import StoreError
from baton.looks import LOOK, PLACE, Spans, read
from baton.schema import SPANS
from recording import Recording, ns

if TYPE_CHECKING:
    from pathlib import Path


def told() -> Recording:
    """Four spans of two looks."""
    recording = Recording()
    for at in range(2):
        recording.receive(at=at, under=recording.send(at=at, message=f"m-{at}"))
    return recording


def test_what_was_read_is_what_was_there() -> None:
    """Spans taken apart and put together again are the same, column for column, in their order."""
    frame = told().frame()
    spans = read(frame.lazy())
    assert replace(spans, rows=spans.rows.sort(PLACE)).whole().select(SPANS.names).equals(frame)


def test_a_look_is_kept_once() -> None:
    """However many spans share it; ids, times and message ids are no part of it."""
    spans = read(told().frame().lazy())
    assert spans.looks.height == 2
    assert spans.looks.columns == list(LOOK)
    assert sorted(spans.each("kind")) == [4, 4, 5, 5]


def test_any_column_of_a_look_tells_it_from_others() -> None:
    """Two spans that differ in one of its columns, or in whether it is null, share none."""
    one = told().frame().head(1)
    for name in LOOK:
        other = pl.lit("other" if one.schema[name] == pl.String else 77, dtype=one.schema[name])
        both = pl.concat([one, one.with_columns(other.alias(name))])
        assert read(both.lazy()).looks.height == 2, name


@pytest.mark.parametrize("further", [0, 1 << 40])
def test_a_look_is_split_by_a_further_number(further: int) -> None:
    """Spans of one look that differ in it are of several; what they say stays as it was, however great the numbers."""
    spans = read(told().frame().lazy())
    spans = replace(spans, rows=spans.rows.sort(PLACE))
    split = spans.split("team", np.array([0, 1 + further, 0, 0]))
    assert split.looks.height == 3
    assert split["team"].to_list() == [0, 1 + further, 0, 0]
    assert split.lazy().drop("team").collect().equals(spans.lazy().collect())


def test_the_newest_of_those_who_say_the_same() -> None:
    """One row for each combination of the columns, of whichever look began last; of equals the first row."""
    recording = Recording()
    for at, service, name in ((1, "a", "x"), (3, "a", "y"), (3, "a", "z"), (2, "b", "x"), (0, "b", "x")):
        recording.span(service, at, name)
    spans = read(recording.frame().lazy())
    spans = replace(spans, rows=spans.rows.sort("start_ns", PLACE).with_row_index("row"))
    numbers, rows = spans.newest(("tenant", "service"))
    services = dict(zip(numbers, spans.looks["service"], strict=True))
    assert {services[number]: spans["start_ns"][row] for number, row in enumerate(rows)} == {"a": ns(3), "b": ns(2)}


def test_items_of_some_keys_are_found_where_they_lie() -> None:
    """Of every span that bears one of the keys, as often as it does, at its row."""
    recording = Recording()
    for at in range(4):
        recording.span("a", at, attributes={"b": f"{at:g}", "c": "x", **({"a": "y"} if at % 2 else {})})
    spans = _listing([recording.frame()])
    found = spans.bearing("attributes", {"a", "b"}).sort("row", "key").rows()
    assert found == [(0, "a", "y"), (0, "b", "3"), (1, "b", "2"), (2, "a", "y"), (2, "b", "1"), (3, "b", "0")]
    assert spans.bearing("attributes", {"d"}).is_empty()


def test_only_the_columns_read_are_there() -> None:
    """A projection stays one: nothing asks for columns that were not wanted."""
    spans = read(told().frame().lazy().drop("attributes", "events", "resource"))
    assert not {"attributes", "events", "resource"} & set(spans.lazy().collect_schema())


def _listing(frames: list[pl.DataFrame]) -> Spans:
    """Spans of several frames, of which some end too late, numbered backwards by their start."""
    spans = read(pl.concat([frame.lazy() for frame in frames]), as_of_ns=ns(5))
    return replace(spans, rows=spans.rows.sort("start_ns", descending=True).with_row_index("row"))


def test_lists_are_found_where_they_lie() -> None:
    """Of all spans or of some, whatever was left out before them, wherever their frame stood: each item at its row."""
    frames = []
    for part in range(3):
        recording = Recording()
        for at in (9, 2 + part, 1 - part / 10):
            recording.span("a", at, attributes={"b": f"{at:g}", "a": f"{at:g}", "order.id": f"o-{at:g}"})
        frames.append(recording.frame())
    spans = _listing(frames)
    starts = spans.rows["start_ns"].to_list()
    assert starts == [ns(at) for at in (4, 3, 2, 1, 0.9, 0.8)]
    assert spans.held("attributes").select("row", "key", "value").rows() == [
        (row, *pair) for row, at in enumerate(("4", "3", "2", "1", "0.9", "0.8")) for pair in (("b", at), ("a", at))
    ]
    assert spans.held("keys", pl.Series([4, 1])).rows() == [(1, "order.id", "o-3"), (4, "order.id", "o-0.9")]
    assert spans.held("links").is_empty()
    assert spans.held("keys", pl.Series([], dtype=pl.UInt32)).schema == spans.held("keys").schema


def test_a_file_that_goes_meanwhile_is_told(tmp_path: Path) -> None:
    """Lists are read late: where their file was removed, nothing is answered, and asking again is what helps."""
    file = tmp_path / "part.parquet"
    told().frame().write_parquet(file)
    spans = read(pl.scan_parquet(file))
    spans = replace(spans, rows=spans.rows.with_row_index("row"))
    file.unlink()
    with pytest.raises(StoreError, match=r"removed while it was read.*ask again"):
        spans.held("attributes")
    with pytest.raises(StoreError, match="ask again"):
        spans.whole()


def test_where_keeps_the_spans_of_some_looks() -> None:
    """What is said of looks is said of their spans; null is no."""
    spans = read(told().frame().lazy())
    assert spans.where(pl.col("kind") == 4).select("kind")["kind"].to_list() == [4, 4]
    assert spans.where(pl.col("http_status") == 200).height == 0
