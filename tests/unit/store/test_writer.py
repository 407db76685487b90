from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from baton.errors import StoreError
from baton.schema import EXPECTATIONS, SPANS
from baton.store import writer as module
from baton.store.reader import Store
from baton.store.writer import Drained, Writer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import polars as pl

    Spans = Callable[..., pl.DataFrame]
    Segment = Callable[..., None]


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
