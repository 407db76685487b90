from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import polars as pl
import pytest
from deltalake import DeltaTable

from baton.errors import StoreError
from baton.limits import OLD_FILES_S
from baton.schema import SPANS
from baton.store import delta

if TYPE_CHECKING:
    from collections.abc import Callable

    Spans = Callable[..., pl.DataFrame]

LOG = "_delta_log"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """An empty table of SPANS."""
    delta.create(tmp_path / "spans", SPANS)
    return tmp_path / "spans"


def append(table: Path, spans: pl.DataFrame, segment: int | None = None) -> None:
    """One commit of one file."""
    delta.commit(table, [delta.write_part(table, spans)], segment=segment)


def held(table: Path) -> list[delta.Part]:
    """The files that the table holds."""
    return delta.parts(delta.open_table(table))


def names(table: Path) -> list[str]:
    """The names of the spans in the table."""
    return sorted(pl.scan_delta(table).collect()["name"])


def age(*files: Path) -> None:
    """Makes files look as old as no reader is."""
    for file in files:
        os.utime(file, (0, file.stat().st_mtime - 2 * OLD_FILES_S))


def test_a_table_keeps_the_schema(table: Path, spans: Spans) -> None:
    """Rows come back with SPANS's columns, dtypes and values, empty lists included, whoever reads the table."""
    append(table, spans("a"))
    assert pl.scan_delta(table).collect().equals(spans("a"))
    assert DeltaTable(table).count() == 1


def test_creating_twice_keeps_what_is_there(table: Path, spans: Spans) -> None:
    """A crash between creation and `store.json` leads here again."""
    append(table, spans("a"))
    delta.create(table, SPANS)
    assert names(table) == ["a"]


def test_files_come_and_go_in_one_step(table: Path, spans: Spans) -> None:
    """A commit may add several files, remove others, or only record a segment; the oldest file is listed first."""
    for name in "abc":
        append(table, spans(name))
    first, second, third = held(table)
    assert [first.rows, second.rows, third.rows] == [1, 1, 1]
    added = [delta.write_part(table, spans("d", "e")), delta.sink_part(table, spans("f").lazy())]
    delta.commit(table, added, [first.name, third.name])
    delta.commit(table, [], segment=9)
    assert names(table) == ["b", "d", "e", "f"]
    assert held(table) == [second, *sorted(added)]
    assert delta.drained(delta.open_table(table)) == 9


def test_checkpoints_keep_all_and_the_log_stays_short(
    table: Path, spans: Spans, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Segment numbers, rows and what was removed outlive them; entries that no reader needs any more go."""
    monkeypatch.setattr(delta, "CHECKPOINT_COMMITS", commits := 8)
    append(table, spans("a"), segment=7)
    (first,) = held(table)
    delta.commit(table, [delta.write_part(table, spans("b"))], [first.name])
    for _ in range(2, commits):
        delta.commit(table, [])
    log = table / LOG
    assert len(list(log.glob("*.checkpoint.parquet"))) == 1
    assert len(list(log.glob("[0-9]*.json"))) == commits + 1
    age(*log.glob("[0-9]*.json"))
    for _ in range(commits):
        delta.commit(table, [])
    kept = [f"{commits + number:020}.json" for number in range(1, commits + 1)]
    assert sorted(entry.name for entry in log.glob("[0-9]*.json")) == kept
    assert (names(table), delta.drained(delta.open_table(table))) == (["b"], 7)
    assert sorted(path.name for path in table.iterdir()) == sorted([LOG, first.name, held(table)[0].name])


def test_a_checkpoint_that_fails_harms_nothing(
    table: Path, spans: Spans, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Its commit stands, it is told, and the next commit makes it good."""

    def broken(_path: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(delta, "CHECKPOINT_COMMITS", 2)
    with monkeypatch.context() as patch:
        patch.setattr(delta, "checkpoint", broken)
        for name in "ab":
            append(table, spans(name))
    assert "cannot be summed up: [Errno 28] No space left" in caplog.text
    assert not list((table / LOG).glob("*.checkpoint.parquet"))
    append(table, spans("c"))
    assert len(list((table / LOG).glob("*.checkpoint.parquet"))) == 1
    assert names(table) == ["a", "b", "c"]


def test_the_log_holds_no_values(table: Path, spans: Spans) -> None:
    """Neither entries nor checkpoints, not by Baton nor by deltalake's own tools on the same table."""
    for name in ("secret-1", "secret-2"):
        append(table, spans(name))
    DeltaTable(table).optimize.compact()
    delta.checkpoint(table)
    actions = pl.read_parquet(*(table / LOG).glob("*.checkpoint.parquet"))
    text = "".join(entry.read_text() for entry in (table / LOG).glob("*.json")) + str(actions.to_dicts())
    assert "numRecords" in text
    assert "secret" not in text


def test_everything_is_synced_before_the_commit_returns(
    table: Path, spans: Spans, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parquet file, its folder, the log entry's content before the entry is there; then its folder."""
    synced: list[tuple[str, bool]] = []
    fsync = os.fsync

    def recorded(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        synced.append((path.suffix or path.name, (table / LOG / f"{1:020}.json").exists()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", recorded)
    append(table, spans("a"))
    assert synced == [(".parquet", False), ("spans", False), (".json", False), (LOG, True)]


def test_old_files_go_when_no_reader_needs_them(table: Path, spans: Spans) -> None:
    """Counted from when the table let go of them; what a crash left behind goes as well, what is held never."""
    for name in "ab":
        append(table, spans(name))
    first, second = held(table)
    left = delta.write_part(table, spans("left"))
    (table / "draft-1.json").touch()
    age(*(table / part.name for part in (first, second, left)), table / "draft-1.json")
    delta.commit(table, [], [first.name])
    assert delta.vacuum(table, OLD_FILES_S) == 2
    assert {path.name for path in table.iterdir()} == {LOG, first.name, second.name}
    assert delta.vacuum(table, 0) == 1
    assert names(table) == ["b"]


def test_a_refused_commit_leaves_nothing(table: Path, spans: Spans, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the disk refuses, the error is told and no file of it stays."""

    def broken(*_: object) -> None:
        raise OSError(28, "No space left on device")

    for patched, name in [(delta, "sync_file"), (delta, "sync_folder"), (Path, "hardlink_to")]:
        part = delta.write_part(table, spans("a"))
        with monkeypatch.context() as patch:
            patch.setattr(patched, name, broken)
            with pytest.raises(StoreError, match="No space left"):
                delta.commit(table, [part])
        assert [path.name for path in table.iterdir()] == [LOG]
    with monkeypatch.context() as patch:
        patch.setattr(delta, "sync_file", broken)
        with pytest.raises(OSError, match="No space left"):
            delta.write_part(table, spans("a"))
    assert [path.name for path in table.iterdir()] == [LOG]


def test_polars_full_disk_is_one_too(table: Path, spans: Spans, monkeypatch: pytest.MonkeyPatch) -> None:
    """Polars tells it as an error of its own; nothing of the file stays."""

    def full(_frame: pl.DataFrame, file: Path, **_: object) -> None:
        file.write_bytes(b"PAR1")
        raise pl.exceptions.ComputeError("underlying IO error: No space left on device")

    monkeypatch.setattr(pl.DataFrame, "write_parquet", full)
    with pytest.raises(OSError, match="No space left"):
        delta.write_part(table, spans("a"))
    assert [path.name for path in table.iterdir()] == [LOG]


def test_a_damaged_table_is_told(table: Path) -> None:
    """The message names the table and the next step."""
    (table / LOG / f"{0:020}.json").write_text("{")
    with pytest.raises(StoreError, match=r"cannot be opened .* restore it from a backup"):
        delta.open_table(table)


def test_an_earlier_table_gets_its_properties(tmp_path: Path, spans: Spans) -> None:
    """Once; it keeps its rows and its segments."""
    table = tmp_path / "spans"
    DeltaTable.create(table, schema=SPANS.schema)
    append(table, spans("a"), segment=3)
    for _ in range(2):
        delta.upgrade(table)
    assert delta.open_table(table).metadata().configuration.items() >= delta.PROPERTIES.items()
    assert (names(table), delta.drained(delta.open_table(table)), delta.open_table(table).version()) == (["a"], 3, 2)


def test_entries_are_what_the_protocol_asks_for(table: Path, spans: Spans) -> None:
    """Every field that the protocol requires of an action is there."""
    append(table, spans("a"), segment=4)
    (part,) = held(table)
    delta.commit(table, [], [part.name])
    lines = [(table / LOG / f"{version:020}.json").read_bytes().splitlines() for version in (1, 2)]
    actions: dict[str, Any] = {}
    for line in (*lines[0], *lines[1]):
        actions |= orjson.loads(line)
    assert actions["txn"].keys() >= {"appId", "version"}
    assert actions["add"].keys() >= {"path", "partitionValues", "size", "modificationTime", "dataChange"}
    assert actions["remove"].keys() >= {"path", "deletionTimestamp", "dataChange"}


@pytest.mark.parametrize("torn", [b"", b"\x00" * 300, b'{"commitInfo":{"ti', b'{"commitInfo":{}}\n{"add":{"pa'])
def test_a_damaged_log_entry_is_refused(table: Path, spans: Spans, torn: bytes) -> None:
    """No crash tears an entry, so what it names was acknowledged: it is told, and nothing is deleted."""
    append(table, spans("a"), segment=1)
    delta.refuse_damage(table)
    entry = table / "_delta_log" / f"{2:020}.json"
    entry.write_bytes(torn)
    with pytest.raises(StoreError, match=f"{entry.name} is damaged: restore it from a backup"):
        delta.refuse_damage(table)
    assert entry.read_bytes() == torn
