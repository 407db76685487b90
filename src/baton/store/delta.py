"""Delta tables made durable: deltalake itself fsyncs nothing.

A commit's Parquet file is written and synced first, then its log entry is made and synced; only then does `commit`
return. What a power cut leaves of a commit that never returned is swept at the next start.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Literal
from uuid import uuid4

import orjson
from deltalake import CommitProperties, DeltaTable, Transaction
from deltalake.exceptions import DeltaError
from deltalake.transaction import AddAction

from baton.errors import StoreError
from baton.journal.segment import sync_folder

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

    from baton.schema import Frame

JOURNAL = "journal"
"""Application id of the transactions whose version is the number of the last segment in the table."""

LOG = "_delta_log"


def create(path: Path, frame: Frame) -> None:
    """Creates an empty table with the frame's columns, unless there is one."""
    DeltaTable.create(path, schema=frame.schema, mode="ignore")


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


def commit(path: Path, frame: pl.DataFrame, mode: Literal["append", "overwrite"], segment: int | None = None) -> None:
    """Adds the frame to the table, or replaces what it holds; returns when the commit is durable.

    Args:
        path: the table.
        frame: rows with the table's columns.
        mode: append or overwrite.
        segment: number of the journal segment that the rows come from: recorded in the same commit.

    Raises:
        StoreError: the disk or the table refused. Nothing was added, unless the message says that it was not synced.
    """
    table = open_table(path)
    version = table.version()
    part = path / f"part-{uuid4().hex}.parquet"
    transactions = None if segment is None else [Transaction(JOURNAL, segment)]
    try:
        frame.write_parquet(part)
        _sync_file(part)
        sync_folder(path)
        table.create_write_transaction(
            [_added(part, len(frame))],
            mode,
            table.schema(),
            commit_properties=CommitProperties(app_transactions=transactions),
        )
    except (OSError, DeltaError) as error:
        # A checkpoint that fails behind the commit is an error too, and the part then belongs to the table.
        if open_table(path).version() == version:
            part.unlink(missing_ok=True)
            raise StoreError(
                f"the table at {path} cannot be written ({_first_line(error)}): see to its disk"
            ) from error
    try:
        _sync_log(path / LOG, version + 1)
    except OSError as error:
        raise StoreError(f"the table at {path} was written but not synced ({error}): see to its disk") from error


def sweep(path: Path) -> None:
    """Removes a log entry that a power cut left in pieces; its rows were never acknowledged as in the table."""
    newest = max((path / LOG).glob("[0-9]*.json"), default=None)
    if newest is not None and not _is_whole(newest):
        newest.unlink()
        sync_folder(path / LOG)


def _added(part: Path, rows: int) -> AddAction:
    stats = orjson.dumps({"numRecords": rows}).decode()
    return AddAction(part.name, part.stat().st_size, {}, time.time_ns() // 1_000_000, data_change=True, stats=stats)


def _sync_log(log: Path, version: int) -> None:
    """Syncs the entry of `version`, a checkpoint made with it, and their names."""
    for entry in (*log.glob(f"{version:020}.*"), *log.glob("_last_checkpoint")):
        _sync_file(entry)
    sync_folder(log)


def _sync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _first_line(error: Exception) -> str:
    """The message without the backtrace that deltalake appends."""
    return next(iter(str(error).splitlines()), type(error).__name__)


def _is_whole(entry: Path) -> bool:
    lines = entry.read_bytes().splitlines()
    try:
        return bool(lines) and all(isinstance(orjson.loads(line), dict) for line in lines)
    except orjson.JSONDecodeError:
        return False
