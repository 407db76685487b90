from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from baton.errors import StoreError
from baton.journal.record import MAGIC, Record, pack
from baton.journal.segment import delete_segment, read_segment, segment_numbers, segment_path

if TYPE_CHECKING:
    from pathlib import Path


def test_segments_are_listed_by_number(tmp_path: Path) -> None:
    """Ascending by number, beyond eight digits too; files of other names are passed over."""
    for name in ("00000010.seg", "00000009.seg", "100000000.seg", "x.seg", "00000011.tmp", "-1.seg"):
        (tmp_path / name).touch()
    assert segment_numbers(tmp_path) == [9, 10, 100_000_000]
    assert segment_path(tmp_path, 9).exists()


def test_a_damaged_segment_names_file_and_next_step(tmp_path: Path) -> None:
    """Whoever reads the message knows which file, which byte, and what to do."""
    segment_path(tmp_path, 3).write_bytes(MAGIC + b"\xff" * 40)
    with pytest.raises(StoreError, match=r"00000003.seg: the record at byte 8 of 48 .* move the file elsewhere"):
        read_segment(tmp_path, 3)


def test_a_deleted_segment_is_gone(tmp_path: Path) -> None:
    """Deleting twice is no error; reading then is FileNotFoundError, which tells a reader to look again."""
    segment_path(tmp_path, 1).write_bytes(MAGIC + pack(Record(1, "t", b"")))
    delete_segment(tmp_path, 1)
    delete_segment(tmp_path, 1)
    with pytest.raises(FileNotFoundError):
        read_segment(tmp_path, 1)
