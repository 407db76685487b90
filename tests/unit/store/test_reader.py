from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

import polars as pl
import pytest

from baton.errors import NotFoundError, StoreError
from baton.journal.record import Record, pack
from baton.schema import EXPECTATIONS, OUTAGES, SPANS, Frame
from baton.store import delta
from baton.store import reader as module
from baton.store.layout import Layout
from baton.store.reader import Store
from baton.store.writer import Writer
from recording import SECOND, Recording, ns

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Spans = Callable[..., pl.DataFrame]
    Segment = Callable[..., None]


def names(frame: pl.LazyFrame) -> list[str]:
    """The names of the spans."""
    return sorted(frame.collect()["name"])


def test_no_store_is_said_at_once(tmp_path: Path) -> None:
    """Opening a path without a store fails before anything is asked of it, and makes nothing there."""
    with pytest.raises(NotFoundError, match=str(tmp_path / "none")):
        Store(tmp_path / "none")
    assert list(tmp_path.iterdir()) == []


def test_table_and_journal_are_read_as_one(tmp_path: Path, spans: Spans, segment: Segment) -> None:
    """Spans of the table, of sealed segments and of the one being written, each once, in SPANS's columns."""
    with Writer(tmp_path) as writer:
        writer.append(spans("table"), 1)
        segment(tmp_path, 1, "table")
        segment(tmp_path, 2, "sealed")
        segment(tmp_path, 3, "open", torn=b"".join(pack(Record(1, "t", b"being written")))[:-3])
        frame = Store(tmp_path).spans()
        assert frame.collect_schema() == SPANS.schema
        assert names(frame) == ["open", "sealed", "table"]


def test_a_frame_once_made_does_not_change(tmp_path: Path, segment: Segment) -> None:
    """A lazy frame collected after a later drain still holds every span once: it names the table's version."""
    with Writer(tmp_path) as writer:
        segment(tmp_path, 1, "a")
        frame = Store(tmp_path).spans()
        writer.drain(1)
        segment(tmp_path, 2, "b")
        writer.drain(2)
    assert names(frame) == ["a"]


def test_a_drain_while_reading_counts_nothing_twice_and_loses_nothing(
    tmp_path: Path, segment: Segment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Drains before the table is opened, and between that and the reading of the segments, are both seen through."""
    with Writer(tmp_path) as writer:
        for number, name in enumerate("abc", start=1):
            segment(tmp_path, number, name)
        listed, read = module.segment_numbers, module.read_segment
        drains = iter([1, 2, 3])

        def numbers(folder: Path) -> list[int]:
            found = listed(folder)
            writer.drain(next(drains, 3))
            return found

        def segment_of(folder: Path, number: int) -> object:
            writer.drain(next(drains, 3))
            return read(folder, number)

        monkeypatch.setattr(module, "segment_numbers", numbers)
        monkeypatch.setattr(module, "read_segment", segment_of)
        assert names(Store(tmp_path).spans()) == ["a", "b", "c"]


def test_a_reader_that_is_always_too_late_says_so(
    tmp_path: Path, segment: Segment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It gives up after a bounded number of attempts rather than spin."""

    def gone(*_: object) -> None:
        raise FileNotFoundError

    with Writer(tmp_path):
        segment(tmp_path, 1, "a")
    monkeypatch.setattr(module, "read_segment", gone)
    with pytest.raises(StoreError, match="try again"):
        Store(tmp_path).spans()


def test_of_a_damaged_segment_all_whole_records_are_read(
    tmp_path: Path, segment: Segment, caplog: pytest.LogCaptureFixture
) -> None:
    """The question is answered, and what is lost is told with file, byte and size."""
    with Writer(tmp_path):
        segment(tmp_path, 1, "a", torn=b"\xff" * 40)
        segment(tmp_path, 2, "b")
    assert names(Store(tmp_path).spans()) == ["a", "b"]
    assert re.search(r"00000001.seg is damaged at byte \d+: 40 bytes of requests are lost", caplog.text)


def test_a_store_without_outages_has_none(tmp_path: Path) -> None:
    """A store that an earlier Baton made has no such table."""
    with Writer(tmp_path):
        pass
    shutil.rmtree(tmp_path / "outages")
    assert Store(tmp_path).outages().equals(OUTAGES.empty())


def test_a_long_journal_is_decoded_in_parts(tmp_path: Path, segment: Segment, monkeypatch: pytest.MonkeyPatch) -> None:
    """However it is cut, every span is there once, in order."""
    monkeypatch.setattr(module, "DRAIN_BYTES", 100)
    with Writer(tmp_path):
        segment(tmp_path, 1, *"abcdefghijklmnop")
    assert Store(tmp_path).spans().collect()["name"].to_list() == [*"abcdefghijklmnop"]


def test_expectations_of_other_columns_are_none_and_make_way(tmp_path: Path) -> None:
    """What a Baton with other columns learned is not used: it is learned anew."""
    with Writer(tmp_path):
        pass
    older = Frame("expectations", EXPECTATIONS.columns[:-1])
    table = tmp_path / "expectations"
    shutil.rmtree(table)
    delta.create(table, older)
    delta.commit(table, [delta.write_part(table, older.empty())])
    assert Store(tmp_path).expectations() is None
    with Writer(tmp_path) as writer:
        writer.save_expectations(EXPECTATIONS.empty().clear(n=1))
    learned = Store(tmp_path).expectations()
    assert learned is not None
    assert len(learned) == 1


def test_a_window_opens_no_file_of_other_times(tmp_path: Path) -> None:
    """Of three files the one whose spans began in the window is read; the other two may even be gone."""
    with Writer(tmp_path) as writer:
        for hour in range(3):
            writer.append(recorded(3600 * hour), None)
    table = Layout(tmp_path).spans
    parts = delta.parts(delta.open_table(table))
    for part in (parts[0], parts[2]):
        (table / part.name).unlink()
    window = Store(tmp_path).spans(ns(3000), ns(4000))
    assert [at - ns(0) for at in window.collect()["start_ns"]] == [3600 * SECOND]


def test_a_window_has_no_span_that_began_outside(tmp_path: Path) -> None:
    """Files and segments are passed over as a whole where that can be, and row by row where it cannot."""
    with Writer(tmp_path) as writer:
        writer.append(pl.concat([recorded(at) for at in range(5)]), None)
    assert len(Store(tmp_path).spans(ns(1), ns(3)).collect()) == 3
    assert len(Store(tmp_path).spans(ns(1)).collect()) == 4
    assert len(Store(tmp_path).spans(None, ns(1)).collect()) == 2
    assert len(Store(tmp_path).spans(ns(9), ns(10)).collect()) == 0


def recorded(at: float) -> pl.DataFrame:
    """One span."""
    recording = Recording()
    recording.span("a", at)
    return recording.frame()
