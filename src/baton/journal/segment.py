"""The segments of a journal: files `NNNNNNNN.seg`, numbered upwards without end, read without locks."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from baton.errors import StoreError
from baton.journal.record import unpack

if TYPE_CHECKING:
    from pathlib import Path

    from baton.journal.record import Contents

SUFFIX = ".seg"
DIGITS = 8


def segment_path(folder: Path, number: int) -> Path:
    """Where segment `number` lies."""
    return folder / f"{number:0{DIGITS}}{SUFFIX}"


def segment_numbers(folder: Path) -> list[int]:
    """The numbers of the segments there are, ascending; other files are passed over."""
    return sorted(int(path.stem) for path in folder.glob(f"*{SUFFIX}") if path.stem.isascii() and path.stem.isdigit())


def read_segment(folder: Path, number: int) -> Contents:
    """A segment's records; of one still being written, those written so far.

    Raises:
        FileNotFoundError: it was drained to the table meanwhile.
        StoreError: it is damaged; the message names file, byte and next step.
    """
    path = segment_path(folder, number)
    try:
        return unpack(path.read_bytes())
    except StoreError as error:
        raise StoreError(
            f"journal segment {path}: {error}. To go on without it, move the file elsewhere: what it holds is not in "
            "the table yet"
        ) from error


def delete_segment(folder: Path, number: int) -> None:
    """Deletes a segment whose records are durable elsewhere; one that is gone already is no error."""
    segment_path(folder, number).unlink(missing_ok=True)
    sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """Makes names created and deleted in the folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
