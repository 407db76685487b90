from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

import pytest

from baton.errors import StoreError
from baton.journal.record import MAGIC, Damage, Record, Records, pack

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Read = Callable[[bytes], tuple[list[Record], Records]]

RECORDS = [Record(1, "default", b"first"), Record(2**62, "ünïted", b""), Record(3, "", bytes(range(256)) * 9)]
PACKED = [b"".join(pack(record)) for record in RECORDS]
SEGMENT = MAGIC + b"".join(PACKED)
FIRST, SECOND, LAST = len(MAGIC), len(MAGIC) + len(PACKED[0]), len(SEGMENT) - len(PACKED[-1])


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """The whole records of a segment's bytes, and what was not whole."""

    def records(data: bytes) -> tuple[list[Record], Records]:
        (tmp_path / "segment").write_bytes(data)
        found = Records((tmp_path / "segment").open("rb"))
        return list(found), found

    return records


def test_what_is_packed_is_unpacked(read: Read) -> None:
    """Time, tenant and body come back as they were, empty ones included."""
    records, found = read(SEGMENT)
    assert (records, found.torn_bytes, found.damages) == (RECORDS, 0, [])


@pytest.mark.parametrize("size", [*range(len(MAGIC) + 1), LAST + 1, LAST + 11, LAST + 12, LAST + 13, len(SEGMENT) - 1])
def test_a_segment_cut_anywhere_keeps_its_whole_records(read: Read, size: int) -> None:
    """A torn last record is cut off and its size told; those before it stand."""
    records, found = read(SEGMENT[:size])
    assert records == (RECORDS[:2] if size >= LAST else [])
    assert found.torn_bytes == (size - LAST if size >= LAST else size if size < len(MAGIC) else 0)
    assert found.damages == []


@pytest.mark.parametrize("size", [0, 4, len(MAGIC), LAST, LAST + 5, LAST + 12, LAST + 100, len(SEGMENT) - 1])
def test_zeros_where_data_never_came_are_torn(read: Read, size: int) -> None:
    """A power cut may leave the file's new length and not its data."""
    records, found = read(SEGMENT[:size] + bytes(len(SEGMENT) - size + 100_000))
    assert records == (RECORDS[:2] if size >= LAST else [])
    assert found.torn_bytes > 0
    assert found.damages == []


@pytest.mark.parametrize("at", range(SECOND))
@pytest.mark.parametrize("flip", [0x01, 0x80, 0xFF])
def test_a_flipped_byte_costs_its_record_at_most(read: Read, at: int, flip: int) -> None:
    """Wherever it stands, in magic, length, checksums or payload: all other records are read, and it is told."""
    damaged = bytearray(SEGMENT)
    damaged[at] ^= flip
    records, found = read(bytes(damaged))
    assert found.torn_bytes == 0
    # A length and its checksum vouch for each other; of a payload and its checksum nobody knows which is wrong.
    if at < FIRST + 8:
        assert records == RECORDS
        assert found.damages == [Damage(0 if at < FIRST else FIRST, 0, None, RECORDS[0].ingested_at)]
    else:
        assert records == RECORDS[1:]
        assert found.damages == [Damage(FIRST, len(PACKED[0]), None, RECORDS[1].ingested_at)]


def test_a_flipped_bit_in_the_last_record_is_damage_too(read: Read) -> None:
    """All its bytes are there, so it was written, and may have been acknowledged; it came after the one before."""
    damaged = bytearray(SEGMENT)
    damaged[-1] ^= 1
    records, found = read(bytes(damaged))
    assert records == RECORDS[:2]
    assert found.damages == [Damage(LAST, len(PACKED[-1]), RECORDS[1].ingested_at)]


def test_zeros_of_its_own_do_not_make_a_record_torn(read: Read) -> None:
    """A damaged last record that ends in zeros was written whole, and may have been acknowledged."""
    packed = bytearray(b"".join(pack(Record(4, "t", b"body" + bytes(9)))))
    packed[30] ^= 1
    records, found = read(SEGMENT + bytes(packed))
    assert (records, found.torn_bytes) == (RECORDS, 0)
    assert found.damages == [Damage(len(SEGMENT), len(packed), 3)]


@pytest.mark.parametrize("filler", [b"\xff", b"\x01"])
def test_filler_is_damage_to_the_end(read: Read, filler: bytes) -> None:
    """Behind blocks of one byte over and over nothing says where a record begins: the rest is lost, and told."""
    records, found = read(SEGMENT[:SECOND] + filler * 5000 + SEGMENT[SECOND:])
    assert records == RECORDS[:1]
    assert found.damages == [Damage(SECOND, 5000 + len(SEGMENT) - SECOND, RECORDS[0].ingested_at)]


def test_a_record_inside_a_damaged_one_is_never_taken_for_one(read: Read) -> None:
    """What a sender puts into a body stays a body, also where the record around it is damaged."""
    outer = bytearray(b"".join(pack(Record(9, "tenant", PACKED[0]))))
    outer[12] ^= 1
    assert read(MAGIC + bytes(outer) + PACKED[1])[0] == [RECORDS[1]]
    outer[0:4] = b"\xff" * 4
    assert read(MAGIC + bytes(outer) + PACKED[1])[0] == []


def test_another_format_is_refused(read: Read) -> None:
    """Other magic bytes, or an encoding that this version does not know, are named; they are no damage."""
    with pytest.raises(StoreError, match=r"starts with 0x4241544f4e4a0002, .* another version"):
        read(MAGIC[:-1] + b"\x02" + bytes(range(200)))
    payload = struct.pack(">qBH", 1, 9, 0)
    length = struct.pack(">I", len(payload))
    record = length + struct.pack(">II", zlib.crc32(length, zlib.crc32(MAGIC)), zlib.crc32(payload)) + payload
    with pytest.raises(StoreError, match="encoding 9"):
        read(MAGIC + record)
    assert read(b"no journal at all")[1].damages == [Damage(0, 17, None)]
