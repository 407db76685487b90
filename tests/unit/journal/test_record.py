from __future__ import annotations

import struct
import zlib

import pytest

from baton.errors import StoreError
from baton.journal.record import MAGIC, Record, pack, unpack

RECORDS = [Record(1, "default", b"first"), Record(2**62, "ünïted", b""), Record(-1, "", bytes(range(256)) * 9)]
SEGMENT = MAGIC + b"".join(map(pack, RECORDS))
LAST = len(SEGMENT) - len(pack(RECORDS[-1]))


def test_what_is_packed_is_unpacked() -> None:
    """Time, tenant and body come back as they were, empty ones included."""
    assert unpack(SEGMENT).records == RECORDS
    assert unpack(SEGMENT).torn_bytes == 0


@pytest.mark.parametrize("size", [*range(len(MAGIC) + 1), LAST + 1, LAST + 11, LAST + 12, LAST + 13, len(SEGMENT) - 1])
def test_a_segment_cut_anywhere_keeps_its_whole_records(size: int) -> None:
    """A torn last record is cut off and its size told; those before it stand."""
    contents = unpack(SEGMENT[:size])
    assert contents.records == (RECORDS[:2] if size >= LAST else [])
    assert contents.torn_bytes == (size - LAST if size >= LAST else size if size < len(MAGIC) else 0)


@pytest.mark.parametrize("size", [0, 4, len(MAGIC), LAST, LAST + 5, LAST + 12, LAST + 100, len(SEGMENT) - 1])
def test_zeros_where_data_never_came_are_torn(size: int) -> None:
    """A power cut may leave the file's new length and not its data."""
    contents = unpack(SEGMENT[:size] + bytes(len(SEGMENT) - size + 5000))
    assert contents.records == (RECORDS[:2] if size >= LAST else [])
    assert contents.torn_bytes > 0


@pytest.mark.parametrize("at", [len(MAGIC) + i for i in (0, 3, 5, 9, 12, 20, 24, 30)])
@pytest.mark.parametrize("flip", [0x01, 0x80])
def test_a_flipped_bit_is_reported_never_guessed_around(at: int, flip: int) -> None:
    """A bit flipped in a record with others behind it, its length included, is damage, not the end of the segment."""
    damaged = bytearray(SEGMENT)
    damaged[at] ^= flip
    with pytest.raises(StoreError, match=f"the record at byte {len(MAGIC)} of {len(SEGMENT)} is damaged"):
        unpack(bytes(damaged))


def test_a_flipped_bit_in_the_last_record_is_damage_too() -> None:
    """All its bytes are there, so it was written, and may have been acknowledged."""
    damaged = bytearray(SEGMENT)
    damaged[-1] ^= 1
    with pytest.raises(StoreError, match=f"the record at byte {LAST}"):
        unpack(bytes(damaged))


@pytest.mark.parametrize("filler", [b"\xff", b"\x01"])
def test_filler_is_damage(filler: bytes) -> None:
    """Blocks of one byte over and over are no torn record."""
    with pytest.raises(StoreError, match="the record at byte 8"):
        unpack(MAGIC + filler * 5000)


def test_another_format_is_refused() -> None:
    """Other magic bytes, or an encoding that this version does not know, are named."""
    with pytest.raises(StoreError, match="starts with 0x4241544f4e4a0002"):
        unpack(MAGIC[:-1] + b"\x02" + SEGMENT[len(MAGIC) :])
    payload = struct.pack(">qBH", 1, 9, 0)
    length = struct.pack(">I", len(payload))
    record = length + struct.pack(">II", zlib.crc32(length, zlib.crc32(MAGIC)), zlib.crc32(payload)) + payload
    with pytest.raises(StoreError, match="encoding 9"):
        unpack(MAGIC + record)
