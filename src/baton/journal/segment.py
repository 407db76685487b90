"""The segments of a journal: files `NNNNNNNN.seg`, numbered upwards without end, read without locks."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from baton.journal.record import Records

if TYPE_CHECKING:
    from pathlib import Path

SUFFIX = ".seg"
DIGITS = 8


def segment_path(folder: Path, number: int) -> Path:
    """Where segment `number` lies."""
    return folder / f"{number:0{DIGITS}}{SUFFIX}"


def segment_numbers(folder: Path) -> list[int]:
    """The numbers of the segments there are, ascending; other files are passed over."""
    named = (path for path in folder.glob(f"*{SUFFIX}") if path.stem.isascii() and path.stem.isdigit())
    return sorted(int(path.stem) for path in named if segment_path(folder, int(path.stem)) == path)


def segment_bytes(folder: Path) -> int:
    """How much all segments hold together; those that are drained meanwhile are none."""
    size = 0
    for number in segment_numbers(folder):
        with suppress(FileNotFoundError):
            size += segment_path(folder, number).stat().st_size
    return size


def read_segment(folder: Path, number: int) -> Records:
    """A segment's whole records; of one still being written, those written so far.

    Raises:
        FileNotFoundError: it was drained to the table meanwhile.
    """
    return Records(segment_path(folder, number).open("rb"))


def keep_segment(folder: Path, number: int, elsewhere: Path) -> Path:
    """Gives the segment a second, durable name in another folder of the same disk; returns it.

    One that has it already is no error.
    """
    elsewhere.mkdir(exist_ok=True)
    kept = segment_path(elsewhere, number)
    with suppress(FileExistsError):
        kept.hardlink_to(segment_path(folder, number))
    sync_folder(elsewhere)
    sync_folder(elsewhere.parent)
    return kept


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
