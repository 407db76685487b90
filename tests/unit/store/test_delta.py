from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest
from deltalake import DeltaTable

from baton.errors import StoreError
from baton.schema import SPANS
from baton.store import delta

if TYPE_CHECKING:
    from collections.abc import Callable

    Spans = Callable[..., pl.DataFrame]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """An empty table of SPANS."""
    delta.create(tmp_path / "spans", SPANS)
    return tmp_path / "spans"


def names(table: Path) -> list[str]:
    """The names of the spans in the table."""
    return sorted(pl.scan_delta(table).collect()["name"])


def test_a_table_keeps_the_schema(table: Path, spans: Spans) -> None:
    """Rows come back with SPANS's columns, dtypes and values, empty lists included."""
    delta.commit(table, spans("a"), "append")
    assert pl.scan_delta(table).collect().equals(spans("a"))


def test_creating_twice_keeps_what_is_there(table: Path, spans: Spans) -> None:
    """A crash between creation and `store.json` leads here again."""
    delta.commit(table, spans("a"), "append")
    delta.create(table, SPANS)
    assert names(table) == ["a"]


def test_the_segment_is_recorded_in_the_same_commit(table: Path, spans: Spans) -> None:
    """Its number outlives commits without one, and checkpoints."""
    assert delta.drained(delta.open_table(table)) == 0
    delta.commit(table, spans("a"), "append", segment=7)
    delta.commit(table, spans("b"), "append")
    DeltaTable(table).create_checkpoint()
    assert delta.drained(delta.open_table(table)) == 7


def test_overwriting_replaces_all_rows(table: Path, spans: Spans) -> None:
    """Only the last frame is left, an empty one too."""
    delta.commit(table, spans("a", "b"), "append")
    delta.commit(table, spans("c"), "overwrite")
    assert names(table) == ["c"]
    delta.commit(table, SPANS.empty(), "overwrite")
    assert names(table) == []


def test_everything_is_synced_before_the_commit_returns(
    table: Path, spans: Spans, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parquet file and its folder before the log entry is made; then the entry and its folder."""
    synced: list[tuple[str, bool]] = []
    fsync = os.fsync

    def recorded(descriptor: int) -> None:
        path = str(Path(f"/proc/self/fd/{descriptor}").readlink())
        synced.append((path.removeprefix(f"{table}"), (table / "_delta_log" / f"{1:020}.json").exists()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", recorded)
    delta.commit(table, spans("a"), "append")
    (part,) = table.glob("*.parquet")
    log = "/_delta_log"
    assert synced == [(f"/{part.name}", False), ("", False), (f"{log}/{1:020}.json", True), (log, True)]


def test_a_refused_commit_leaves_nothing(table: Path, spans: Spans, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether the disk or the log refuses, the error is told and no file of it stays."""

    def broken(*_: object) -> None:
        raise OSError(28, "No space left on device")

    for name in ("_sync_file", "sync_folder"):
        with monkeypatch.context() as patch:
            patch.setattr(delta, name, broken)
            with pytest.raises(StoreError, match="No space left"):
                delta.commit(table, spans("a"), "append")
    (table / "_delta_log" / f"{0:020}.json").write_text("{")
    with pytest.raises(StoreError, match="cannot be opened"):
        delta.commit(table, spans("a"), "append")
    assert list(table.glob("*.parquet")) == []


@pytest.mark.parametrize("torn", [b"", b"\x00" * 300, b'{"commitInfo":{"ti', b'{"commitInfo":{}}\n{"add":{"pa'])
def test_a_torn_log_entry_is_swept(table: Path, spans: Spans, torn: bytes) -> None:
    """What a power cut left of a commit that never returned makes way for the next; whole entries stay."""
    delta.commit(table, spans("a"), "append", segment=1)
    (table / "_delta_log" / f"{2:020}.json").write_bytes(torn)
    delta.sweep(table)
    delta.sweep(table)
    delta.commit(table, spans("b"), "append", segment=2)
    assert names(table) == ["a", "b"]
