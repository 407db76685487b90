from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from baton.journal.record import MAGIC, Record, pack
from baton.journal.segment import (
    delete_segment,
    keep_segment,
    read_segment,
    segment_bytes,
    segment_numbers,
    segment_path,
)

if TYPE_CHECKING:
    from pathlib import Path


def test_segments_are_listed_by_number(tmp_path: Path) -> None:
    """Ascending by number, beyond eight digits too; files of other names are passed over."""
    for name in ("00000010.seg", "00000009.seg", "100000000.seg", "x.seg", "00000011.tmp", "-1.seg"):
        (tmp_path / name).touch()
    assert segment_numbers(tmp_path) == [9, 10, 100_000_000]
    assert segment_path(tmp_path, 9).exists()


def test_the_size_is_that_of_all_segments(tmp_path: Path) -> None:
    """Other files do not count."""
    for name, size in (("00000010.seg", 5), ("00000009.seg", 7), ("x", 100)):
        (tmp_path / name).write_bytes(bytes(size))
    assert segment_bytes(tmp_path) == 12


def test_a_kept_segment_outlives_its_deletion(tmp_path: Path) -> None:
    """It has its name elsewhere, however often that is asked for."""
    journal, elsewhere = tmp_path / "journal", tmp_path / "elsewhere"
    journal.mkdir()
    segment_path(journal, 4).write_bytes(b"damaged")
    assert keep_segment(journal, 4, elsewhere) == keep_segment(journal, 4, elsewhere) == elsewhere / "00000004.seg"
    delete_segment(journal, 4)
    assert (elsewhere / "00000004.seg").read_bytes() == b"damaged"


def test_a_deleted_segment_is_gone(tmp_path: Path) -> None:
    """Deleting twice is no error; reading then is FileNotFoundError, which tells a reader to look again."""
    segment_path(tmp_path, 1).write_bytes(MAGIC + b"".join(pack(Record(1, "t", b""))))
    delete_segment(tmp_path, 1)
    delete_segment(tmp_path, 1)
    with pytest.raises(FileNotFoundError):
        read_segment(tmp_path, 1)
