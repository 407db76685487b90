"""Delta tables made durable: deltalake itself fsyncs nothing, and accepts the same transaction twice.

So Baton writes the log's entries itself, by the Delta protocol (version 1 readers, version 2 writers): a commit's
Parquet files and their names are synced first; then its entry is written and synced under another name, and linked
under its own, which is there whole or not at all and never replaces one; then the log's folder is synced, and only then
does `commit` return. Checkpoints are made aside and moved in the same way. deltalake creates tables, reads logs and
makes the checkpoints. Statistics are row counts and the range of `start_ns`, which says what files a window needs: no
other value of a span stands in the log, for the log outlives what is forgotten.

All that writes here is called by the one process that holds the store's lock.
"""

from __future__ import annotations

import logging
import os
import shutil
import time
from typing import TYPE_CHECKING, NamedTuple
from uuid import uuid4

import orjson
import polars as pl
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from baton.errors import StoreError
from baton.journal.segment import sync_folder
from baton.limits import CHECKPOINT_COMMITS, OLD_FILES_S, ROW_GROUP_ROWS_MAX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from baton.schema import Frame

_log = logging.getLogger(__name__)

JOURNAL = "journal"
"""Application id of the transactions whose version is the number of the last segment in the table."""

LOG = "_delta_log"

PROPERTIES = {
    "delta.dataSkippingStatsColumns": "start_ns",
    # How long checkpoints name deleted files. Nothing reads them: readers hold on to files for `OLD_FILES_S` only.
    "delta.deletedFileRetentionDuration": "interval 1 hours",
}

_ASIDE = "aside"
_RANGE = ("min.start_ns", "max.start_ns")
_STATISTICS = {"min": True, "max": True, "distinct_count": False, "null_count": True}
"""In the files themselves: a question about an hour passes over the row groups of other hours."""
_MS_NS = 1_000_000


class Part(NamedTuple):
    """One Parquet file of a table.

    Attributes:
        name: its path in the table's folder.
        rows: how many it holds.
        size_bytes: its size.
        first_ns: the least `start_ns` in it; null where the table has no such column, or an earlier Baton wrote it.
        last_ns: the greatest.
    """

    name: str
    rows: int
    size_bytes: int
    first_ns: int | None = None
    last_ns: int | None = None

    def touches(self, since_ns: int, until_ns: int) -> bool:
        """Whether a span may have begun in it from `since_ns` to `until_ns`."""
        return self.first_ns is None or self.last_ns is None or (self.first_ns <= until_ns and self.last_ns >= since_ns)


def create(path: Path, frame: Frame) -> None:
    """Creates an empty table with the frame's columns, durable, unless there is one."""
    DeltaTable.create(path, schema=frame.schema, mode="ignore", configuration={**PROPERTIES})
    settle(path)
    sync_folder(path.parent)


def open_table(path: Path) -> DeltaTable:
    """The table as it is now.

    Raises:
        StoreError: it is damaged.
    """
    try:
        return DeltaTable(path)
    except DeltaError as error:
        raise StoreError(
            f"the table at {path} cannot be opened ({_first_line(error)}): restore it from a backup"
        ) from error


def drained(table: DeltaTable) -> int:
    """Number of the last segment in the table; 0 if none is."""
    return table.transaction_version(JOURNAL) or 0


def holds(path: Path, frame: Frame) -> bool:
    """Whether the table has the frame's columns."""
    return pl.scan_delta(open_table(path)).collect_schema() == frame.schema


def parts(table: DeltaTable) -> list[Part]:
    """The files that the table holds, the oldest first."""
    actions = table.get_add_actions(flatten=True)
    known = set(actions.schema.names)
    columns = [
        actions.column(name).to_pylist() if name in known else [None] * actions.num_rows
        for name in ("modification_time", "path", "num_records", "size_bytes", *_RANGE)
    ]
    return [Part(*rest) for _, *rest in sorted(zip(*columns, strict=True))]


def write_part(path: Path, frame: pl.DataFrame) -> Part:
    """Writes the frame as a file of the table that no commit names yet; its content is durable.

    Raises:
        OSError: the disk refused; nothing is left of it.
    """
    # zstd's first level costs no more than lz4 here (1.0 us a span) and takes four fifths of the room.
    return _written(
        path,
        lambda file: frame.write_parquet(
            file, compression="zstd", compression_level=1, statistics=_STATISTICS, row_group_size=ROW_GROUP_ROWS_MAX
        ),
    )


def sink_part(path: Path, frame: pl.LazyFrame) -> Part:
    """The same for a frame that need not fit in memory, pressed harder: it is written once and read often."""
    return _written(
        path,
        lambda file: frame.sink_parquet(
            file, compression="zstd", compression_level=3, statistics=_STATISTICS, row_group_size=ROW_GROUP_ROWS_MAX
        ),
    )


def commit(path: Path, added: Sequence[Part], removed: Sequence[str] = (), segment: int | None = None) -> None:
    """Adds and removes files of the table in one step; returns when that is durable.

    Args:
        path: the table.
        added: files written by `write_part` or `sink_part`.
        removed: names of files that the table holds.
        segment: number of the journal segment that the rows come from: recorded in the same commit.

    Raises:
        StoreError: the disk or the table refused. Nothing was changed and the files to add are gone, unless the message
            says that it was not synced.
    """
    version = open_table(path).version() + 1
    now_ms = time.time_ns() // _MS_NS
    entry = [
        {"commitInfo": {"timestamp": now_ms, "operation": "WRITE", "engineInfo": "baton"}},
        *([] if segment is None else [{"txn": {"appId": JOURNAL, "version": segment, "lastUpdated": now_ms}}]),
        *(_removed(name, now_ms) for name in removed),
        *(_added(part, now_ms) for part in added),
    ]
    draft = path / f"draft-{uuid4().hex}.json"
    try:
        for name in removed:
            (path / name).touch()  # from now on it is old: see `vacuum`
        sync_folder(path)
        draft.write_bytes(b"".join(orjson.dumps(action) + b"\n" for action in entry))
        sync_file(draft)
        (path / LOG / f"{version:020}.json").hardlink_to(draft)
    except OSError as error:
        discard(path, added)
        raise StoreError(f"the table at {path} cannot be written ({error}): see to its disk") from error
    finally:
        draft.unlink(missing_ok=True)
    try:
        sync_folder(path / LOG)
    except OSError as error:
        raise StoreError(f"the table at {path} was written but not synced ({error}): see to its disk") from error
    _checkpoint_if_due(path, version)


def discard(path: Path, unused: Iterable[Part]) -> None:
    """Deletes files that were written for a commit that was not made."""
    for part in unused:
        (path / part.name).unlink(missing_ok=True)


def settle(path: Path) -> None:
    """Makes durable what may have been committed and not synced: an earlier sync failed, or its process was killed.

    Raises:
        OSError: the disk refused.
    """
    newest = _newest(path)
    if newest is not None:
        sync_file(newest)
    sync_folder(path / LOG)
    sync_folder(path)


def refuse_damage(path: Path) -> None:
    """Passes if the newest log entry is whole: an entry gets its name when all of it is synced, so no crash tears it.

    Raises:
        StoreError: it is damaged, and what it names is acknowledged.
    """
    newest = _newest(path)
    if newest is not None and not _is_whole(newest):
        raise StoreError(
            f"{newest} is damaged: restore it from a backup. To go on without the rows that it added, move it elsewhere"
        )


def upgrade(path: Path) -> None:
    """Gives a table of an earlier Baton its properties."""
    table = open_table(path)
    if not PROPERTIES.items() <= table.metadata().configuration.items():
        table.alter.set_table_properties(PROPERTIES)


def checkpoint(path: Path) -> None:
    """Sums up the log, and deletes entries that nobody needs any more, so that opening stays fast.

    Raises:
        OSError, DeltaError: the disk refused; the log stands as it was.
    """
    log, aside = path / LOG, path / _ASIDE
    shutil.rmtree(aside, ignore_errors=True)
    (aside / LOG).mkdir(parents=True)
    known = {entry.name for entry in log.glob("[0-9]*")}
    for name in known:
        (aside / LOG / name).hardlink_to(log / name)
    DeltaTable(aside).create_checkpoint()
    # `_last_checkpoint` comes last in this order: it names the others.
    for made in sorted(entry for entry in (aside / LOG).iterdir() if entry.name not in known):
        sync_file(made)
        made.replace(log / made.name)
    sync_folder(log)
    shutil.rmtree(aside)
    summed_up = max(int(entry.name.partition(".")[0]) for entry in log.glob("*.checkpoint*.parquet"))
    for name in known:
        if int(name.partition(".")[0]) < summed_up and _is_old(log / name, OLD_FILES_S):
            (log / name).unlink()


def vacuum(path: Path, older_s: float) -> int:
    """Deletes files that the table does not hold, and has not held for `older_s`; returns how many.

    Running readers may read a version of the table that still held them. Files that no commit ever named go too.
    """
    held = {part.name for part in parts(open_table(path))}
    left = [one for one in path.iterdir() if one.suffix in {".parquet", ".json"} and one.name not in held]
    old = [one for one in left if _is_old(one, older_s)]
    for one in old:
        one.unlink()
    sync_folder(path)
    return len(old)


def sync_file(path: Path) -> None:
    """Makes the file's content durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _written(path: Path, write: Callable[[Path], object]) -> Part:
    file = path / f"part-{uuid4().hex}.parquet"
    try:
        write(file)
        sync_file(file)
        return Part(file.name, *_figures(file))
    except BaseException as error:
        file.unlink(missing_ok=True)
        if isinstance(error, pl.exceptions.ComputeError):  # what Polars says of a full disk
            raise OSError(_first_line(error)) from error
        raise


def _figures(file: Path) -> tuple[int, int, int | None, int | None]:
    """Rows, bytes, and the range of `start_ns`."""
    written, starts = pl.scan_parquet(file), pl.col("start_ns")
    size = file.stat().st_size
    if "start_ns" not in written.collect_schema():
        return int(written.select(pl.len()).collect().item()), size, None, None
    rows, first_ns, last_ns = (
        written.select(pl.len(), starts.min().alias("a"), starts.max().alias("b")).collect().row(0)
    )
    return rows, size, first_ns, last_ns


def _added(part: Part, now_ms: int) -> dict[str, object]:
    # The protocol's `path` is a URI; the names of parts need no escapes.
    return {
        "add": {
            "path": part.name,
            "partitionValues": {},
            "size": part.size_bytes,
            "modificationTime": now_ms,
            "dataChange": True,
            "stats": orjson.dumps(_stats(part)).decode(),
        }
    }


def _stats(part: Part) -> dict[str, object]:
    if part.first_ns is None:
        return {"numRecords": part.rows}
    return {
        "numRecords": part.rows,
        "minValues": {"start_ns": part.first_ns},
        "maxValues": {"start_ns": part.last_ns},
        "nullCount": {"start_ns": 0},
    }


def _removed(name: str, now_ms: int) -> dict[str, object]:
    return {"remove": {"path": name, "deletionTimestamp": now_ms, "dataChange": True, "partitionValues": {}}}


def _checkpoint_if_due(path: Path, version: int) -> None:
    """A commit is durable without its checkpoint: one that fails is told, and the next commit tries again."""
    try:
        summed_up = orjson.loads((path / LOG / "_last_checkpoint").read_bytes())["version"]
    except (OSError, ValueError, KeyError):
        summed_up = 0
    if version - summed_up < CHECKPOINT_COMMITS:
        return
    try:
        checkpoint(path)
    except (OSError, DeltaError) as error:
        _log.warning("the log of the table at %s cannot be summed up: %s", path, _first_line(error))


def _newest(path: Path) -> Path | None:
    return max((path / LOG).glob("[0-9]*.json"), default=None)


def _is_old(file: Path, older_s: float) -> bool:
    return time.time() - file.stat().st_mtime >= older_s


def _first_line(error: Exception) -> str:
    """The message without the backtrace that deltalake appends."""
    return next(iter(str(error).splitlines()), type(error).__name__)


def _is_whole(entry: Path) -> bool:
    lines = entry.read_bytes().splitlines()
    try:
        return bool(lines) and all(isinstance(orjson.loads(line), dict) for line in lines)
    except orjson.JSONDecodeError:
        return False
