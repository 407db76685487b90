from __future__ import annotations

import polars as pl

from baton.looks import LOOK, read
from baton.schema import SPANS
from recording import Recording


def told() -> Recording:
    """Four spans of two looks."""
    recording = Recording()
    for at in range(2):
        recording.receive(at=at, under=recording.send(at=at, message=f"m-{at}"))
    return recording


def test_what_was_read_is_what_was_there() -> None:
    """Spans taken apart and put together again are the same, column for column, in their order."""
    frame = told().frame()
    assert read(frame.lazy()).lazy().select(SPANS.names).collect().equals(frame)


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


def test_further_columns_belong_to_the_look() -> None:
    """What ownership settled by a span's own attributes goes with it."""
    frame = told().frame().with_columns(team=pl.Series(["a", "a", "a", "b"]))
    spans = read(frame.lazy(), "team")
    assert spans.looks.height == 3
    assert spans.each("team").to_list() == ["a", "a", "a", "b"]


def test_only_the_columns_read_are_there() -> None:
    """A projection stays one: nothing asks for columns that were not wanted."""
    spans = read(told().frame().lazy().drop("attributes", "events", "resource"))
    assert not {"attributes", "events", "resource"} & set(spans.lazy().collect_schema())
