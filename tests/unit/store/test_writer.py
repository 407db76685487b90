from __future__ import annotations

import itertools
import os
import re
import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest

from baton.errors import NotFoundError, StoreError
from baton.journal.record import MAGIC, Record, pack
from baton.limits import OLD_FILES_S, SECOND_NS, SEGMENT_AGE_S_MAX
from baton.schema import EXPECTATIONS, OUTAGES, SPANS
from baton.store import delta, reader, rewrite
from baton.store import writer as module
from baton.store.reader import Store
from baton.store.rewrite import Rewrite
from baton.store.writer import Drained, Writer, existing

if TYPE_CHECKING:
    from collections.abc import Callable

    Spans = Callable[..., pl.DataFrame]
    Segment = Callable[..., None]


AGE_NS = int(SEGMENT_AGE_S_MAX * SECOND_NS)


def names(path: Path) -> list[str]:
    """The names of the spans in the store."""
    return sorted(Store(path).spans().collect()["name"])


def test_a_new_store_is_empty_and_readable(tmp_path: Path) -> None:
    """The writer makes folder, tables and format; nothing was learned yet."""
    with Writer(tmp_path / "a" / "b") as writer:
        assert writer.drained == 0
    assert Store(tmp_path / "a" / "b").spans().collect().equals(SPANS.empty())
    assert Store(tmp_path / "a" / "b").expectations() is None


def test_a_store_has_one_writer(tmp_path: Path) -> None:
    """A second one is refused while the first is open, and welcome after."""
    with Writer(tmp_path):
        with pytest.raises(StoreError, match="in use by process"), Writer(tmp_path):
            pass
        assert names(tmp_path) == []
    with Writer(tmp_path):
        pass


def test_a_failed_opening_gives_the_lock_back(tmp_path: Path) -> None:
    """A store of another format is refused again and again, not as in use."""
    (tmp_path / "store.json").write_text('{"format": 99}')
    for _ in range(2):
        with pytest.raises(StoreError, match="format 99"), Writer(tmp_path):
            pass


def test_a_folder_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    """A file in the way is an error with its path."""
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"file/store cannot be made"), Writer(tmp_path / "file" / "store"):
        pass


def test_a_segment_counts_once(tmp_path: Path, spans: Spans) -> None:
    """Appending a segment again, or one older than the last, adds nothing; spans from elsewhere always count."""
    with Writer(tmp_path) as writer:
        for segment in (3, 3, 2, None, None):
            writer.append(spans(f"of {segment}"), segment)
        assert writer.drained == 3
    assert names(tmp_path) == ["of 3", "of None", "of None"]


def test_a_drain_moves_sealed_segments_and_tells_torn_ones(tmp_path: Path, segment: Segment) -> None:
    """Up to the number given, in order; a torn record is cut off and told, an empty segment just goes."""
    with Writer(tmp_path) as writer:
        segment(tmp_path, 1, "a", "b", torn=b"\x00\x00")
        segment(tmp_path, 2)
        segment(tmp_path, 3, "c")
        segment(tmp_path, 4, "open")
        drained = writer.drain(3)
        assert drained == Drained(3, ["segment 1: 2 bytes of an unfinished record cut off"])
        assert (writer.drained, [path.name for path in writer.journal.iterdir()]) == (3, ["00000004.seg"])
    assert names(tmp_path) == ["a", "b", "c", "open"]


def test_a_crash_between_commit_and_deletion_drains_nothing_twice(
    tmp_path: Path, segment: Segment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The segment is still there after the crash, and its rows are read once before and after the next drain."""

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with Writer(tmp_path) as writer, monkeypatch.context() as patch:
        segment(tmp_path, 1, "a")
        patch.setattr(module, "delete_segment", crash)
        with pytest.raises(KeyboardInterrupt):
            writer.drain(1)
    assert names(tmp_path) == ["a"]
    with Writer(tmp_path) as writer:
        assert writer.drain(1) == Drained(0, [])
        assert list(writer.journal.iterdir()) == []
    assert names(tmp_path) == ["a"]


def test_what_is_learned_replaces_what_was(tmp_path: Path) -> None:
    """Only the last frame is read back, with EXPECTATIONS's columns."""
    learned = EXPECTATIONS.empty().clear(n=2)
    with Writer(tmp_path) as writer:
        writer.save_expectations(learned.clear(n=5))
        writer.save_expectations(learned)
        found = Store(tmp_path).expectations()
    assert found is not None
    assert found.equals(learned)


def test_a_crash_while_a_store_is_made_is_made_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without `store.json` there is no store yet; the next writer finishes it."""

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module, "write_format", crash)
        with pytest.raises(KeyboardInterrupt), Writer(tmp_path):
            pass
    with Writer(tmp_path):
        assert names(tmp_path) == []


def test_a_damaged_segment_is_quarantined_and_the_rest_kept(tmp_path: Path, segment: Segment) -> None:
    """Its whole records and all segments behind it are moved; the file is kept, and the loss told and recorded."""
    with Writer(tmp_path) as writer:
        segment(tmp_path, 1, "a", "b", "c")
        path = tmp_path / "journal" / "00000001.seg"
        damaged = bytearray(path.read_bytes())
        damaged[len(damaged) // 2] ^= 1
        path.write_bytes(damaged)
        segment(tmp_path, 2, "d")
        drained = writer.drain(2)
        assert list(writer.journal.iterdir()) == []
    assert drained.spans == 3
    (warning,) = drained.warnings
    assert re.search(r"00000001.seg is damaged at byte \d+: \d+ bytes .* kept as .*quarantine/00000001.seg", warning)
    assert (tmp_path / "quarantine" / "00000001.seg").read_bytes() == damaged
    assert names(tmp_path) == ["a", "c", "d"]
    (outage,) = Store(tmp_path).outages().iter_rows(named=True)
    assert (outage["kind"], outage["start_ns"], outage["end_ns"], outage["requests"]) == ("damaged", 1, 1, 0)
    assert "00000001.seg is damaged at byte" in outage["reason"]


def test_a_record_that_is_no_request_does_not_hold_up_the_others(tmp_path: Path, segment: Segment) -> None:
    """Whole by its checksum, and yet not to be decoded: it counts as damage, for questions and for the drain."""
    with Writer(tmp_path) as writer:
        segment(tmp_path, 1, "a", "b", torn=b"".join(pack(Record(7, "t", b"no request"))))
        segment(tmp_path, 2, "c")
        assert names(tmp_path) == ["a", "b", "c"]
        drained = writer.drain(2)
    assert drained.spans == 3
    assert "10 bytes of requests are lost" in "".join(drained.warnings)
    assert (tmp_path / "quarantine" / "00000001.seg").exists()
    assert names(tmp_path) == ["a", "b", "c"]
    assert Store(tmp_path).outages().select("start_ns", "end_ns", "kind").rows() == [(7, 7, "damaged")]


def test_a_wholly_damaged_segment_is_told_by_its_files_time(tmp_path: Path, segment: Segment) -> None:
    """Nothing in it says when its requests came; its number is not used again."""
    with Writer(tmp_path) as writer:
        segment(tmp_path, 1, torn=b"\xff" * 40)
        path = tmp_path / "journal" / "00000001.seg"
        os.utime(path, ns=(5, 5))
        assert writer.drain(1).spans == 0
        assert writer.drained == 1
    assert Store(tmp_path).outages().select("start_ns", "end_ns", "kind").rows() == [(5 - AGE_NS, 5, "damaged")]


def test_damage_is_an_outage_before_it_is_drained(tmp_path: Path, segment: Segment) -> None:
    """The first record of a segment: lost between as long as a segment gets before the next, and the next."""
    with Writer(tmp_path) as writer:
        segment(tmp_path, 1, "a", "b")
        path = tmp_path / "journal" / "00000001.seg"
        damaged = bytearray(path.read_bytes())
        damaged[len(MAGIC) + 30] ^= 1
        path.write_bytes(damaged)
        before = Store(tmp_path).outages()
        assert before.select("start_ns", "end_ns", "kind").rows() == [(1 - AGE_NS, 1, "damaged")]
        writer.drain(1)
    assert Store(tmp_path).outages().equals(before)


def test_a_store_without_its_table_is_refused(tmp_path: Path) -> None:
    """A volume that is not mounted must not become an empty store; an empty folder of segments may be missing."""
    with Writer(tmp_path) as writer:
        writer.journal.rmdir()
    with Writer(tmp_path) as writer:
        assert writer.journal.is_dir()
    shutil.rmtree(tmp_path / "spans")
    with pytest.raises(StoreError, match="spans is missing: is all of the store mounted"), Writer(tmp_path):
        pass


def test_a_drain_that_fails_anywhere_is_made_good_by_the_next(
    tmp_path: Path, segment: Segment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever call to the disk fails, no segment goes before its rows are durable, and they are there once."""
    monkeypatch.setattr(reader, "DRAIN_BYTES", 1)
    calls: list[str] = []
    failing: int | None = None

    def failing_at_its_turn(name: str, real: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **keywords: object) -> object:
            calls.append(name)
            if len(calls) == failing:
                raise OSError(5, "Input/output error")
            return real(*arguments, **keywords)

        return call

    disk = [(os, "fsync"), (pl.DataFrame, "write_parquet"), (Path, "hardlink_to"), (Path, "write_bytes")]
    for owner, name in [*disk, (Path, "unlink")]:
        monkeypatch.setattr(owner, name, failing_at_its_turn(name, getattr(owner, name)))
    with Writer(tmp_path) as writer:
        for turn in itertools.count(1):
            failing = None
            segment(tmp_path, 2 * turn - 1, f"{turn}a", f"{turn}b")
            segment(tmp_path, 2 * turn, f"{turn}c")
            expected = sorted(f"{n}{letter}" for n in range(1, turn + 1) for letter in "abc")
            calls.clear()
            failing = turn
            with suppress(StoreError, OSError):
                writer.drain_all()
            failed_at = calls[: turn + 1]
            assert names(tmp_path) == expected, failed_at
            failing = None
            writer.drain_all()
            assert (list(writer.journal.iterdir()), names(tmp_path)) == ([], expected), failed_at
            if len(failed_at) < turn:
                break
    assert set(calls) == {name for _, name in disk} | {"unlink"}
    assert turn > 20


def test_a_commit_that_was_not_synced_is_synced_before_its_segment_goes(
    tmp_path: Path, segment: Segment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next drain finds the segment in the table, and still does not trust it to the page cache."""
    folders: list[str] = []
    sync = delta.sync_folder

    def broken(folder: Path) -> None:
        if folder.name == "_delta_log":
            raise OSError(5, "Input/output error")
        sync(folder)

    def recorded(folder: Path) -> None:
        folders.append(f"{folder.name} {len(list(writer.journal.iterdir()))}")
        sync(folder)

    with Writer(tmp_path) as writer:
        segment(tmp_path, 1, "a")
        with monkeypatch.context() as patch:
            patch.setattr(delta, "sync_folder", broken)
            with pytest.raises(StoreError, match="written but not synced"):
                writer.drain(1)
            assert writer.drained == 1
            with pytest.raises(StoreError, match="cannot be written"):
                writer.drain(1)
            assert len(list(writer.journal.iterdir())) == 1
        monkeypatch.setattr(delta, "sync_folder", recorded)
        assert writer.drain(1) == Drained(0, [])
        assert list(writer.journal.iterdir()) == []
    assert folders == ["_delta_log 1", "spans 1"]
    assert names(tmp_path) == ["a"]


def test_compaction_makes_one_file_of_many_and_changes_no_row(tmp_path: Path, spans: Spans) -> None:
    """Old files stay for readers until they are old; a frame made before it still reads them."""
    with Writer(tmp_path) as writer:
        for name in "abc":
            writer.append(spans(name), None)
        before = Store(tmp_path).spans()
        done = writer.compact(None)
        assert (len(done.removed), len(done.added), done.rows_removed) == (3, 1, 0)
        assert writer.vacuum(OLD_FILES_S) == 0
        assert before.collect().sort("name").equals(Store(tmp_path).spans().collect().sort("name"))
        assert writer.vacuum(0) == 3
        assert writer.compact(None) == Rewrite([], [])
    assert names(tmp_path) == ["a", "b", "c"]


def test_retention_deletes_what_was_taken_earlier(tmp_path: Path, spans: Spans) -> None:
    """By ingestion: a file of old spans goes whole, a mixed one is rewritten, a young one stays as it is."""
    at = pl.col("ingested_at")
    with Writer(tmp_path) as writer:
        writer.append(spans("old").with_columns(at + 8), None)
        writer.append(spans("older", "kept").with_columns(at + pl.Series([0, 9])), None)
        writer.append(spans("young").with_columns(at + 99), None)
        done = rewrite.compact(tmp_path / "spans", 10, everything=False)
        writer.swap(done)
        assert (len(done.removed), [part.rows for part in done.added], done.rows_removed) == (2, [1], 2)
        assert names(tmp_path) == ["kept", "young"]
        assert writer.compact(10).rows_removed == 0
    assert names(tmp_path) == ["kept", "young"]


def test_outages_are_kept_once(tmp_path: Path) -> None:
    """Those saved again after a failure are not there twice."""
    first = pl.DataFrame([(1, 2, "down", None, 0)], schema=OUTAGES.schema, orient="row")
    second = pl.DataFrame([(0, 9, "refusing", "disk", 3)], schema=OUTAGES.schema, orient="row")
    with Writer(tmp_path) as writer:
        for frame in (first, second, first):
            writer.save_outages(frame)
        assert writer.last_beat() is None
        for now_ns in (10**18, 12):
            writer.beat(now_ns)
            assert writer.last_beat() == now_ns
        (tmp_path / "alive").write_text("")
        assert writer.last_beat() is None
    assert Store(tmp_path).outages().equals(pl.concat([second, first]))


def test_a_writer_may_ask_for_a_store_that_is_there(tmp_path: Path) -> None:
    """Where there is none it is not made."""
    with pytest.raises(NotFoundError, match="no store at"):
        existing(tmp_path / "none")
    assert list(tmp_path.iterdir()) == []
