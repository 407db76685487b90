"""One request as the journal keeps it: bytes to record and back, one after the other.

    segment = magic, record ...
    record  = length u32, checksum of the length u32, crc32 of the payload u32, payload        (big-endian)
    payload = ingested_at i64, encoding u8, tenant length u16, tenant, body

A record at the end of a segment is torn if bytes of it are missing, or are zero where a power cut kept the file's
length and not its data: its write never finished, so it was never acknowledged. Any other record whose checksum fails
is damaged, and was perhaps acknowledged. The length has a checksum of its own, so a damaged payload costs that record
alone: the next one begins where the length says. One flipped byte in length or checksum is put right, for each
vouches for the other; beyond that nothing tells where the next record begins, and what follows is lost. Nothing is
searched for inside payloads: whoever sends could put a record there.
"""

from __future__ import annotations

import os
import struct
import zlib
from typing import TYPE_CHECKING, NamedTuple

from baton.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

MAGIC = b"BATONJ\x00\x01"
"""The last two bytes are the format's version."""

PROTOBUF = 1
"""The only encoding so far: ExportTraceServiceRequest as OTLP protobuf."""

_NAME_BYTES = 6
_FRAME = struct.Struct(">III")
_HEAD = struct.Struct(">qBH")
_LENGTH = struct.Struct(">I")
_SEED = zlib.crc32(MAGIC)
_SECTOR_BYTES = 512  # what disks write whole or not at all
_BLOCK_BYTES = 64 * 1024


class Record(NamedTuple):
    """One accepted request.

    Attributes:
        ingested_at: when Baton took it, ns since 1970.
        tenant: whose telemetry it is.
        body: ExportTraceServiceRequest, protobuf.
    """

    ingested_at: int
    tenant: str
    body: bytes


class Damage(NamedTuple):
    """Bytes of a segment that are not what was written.

    Attributes:
        at: byte of the segment where it begins.
        lost_bytes: how many bytes of records are lost; 0 where the damage was put right.
        after_ns: ingestion of the last whole record before it; null without one.
        before_ns: ingestion of the next whole record; null without one.
    """

    at: int
    lost_bytes: int
    after_ns: int | None
    before_ns: int | None = None


def pack(record: Record) -> tuple[bytes, bytes]:
    """The record's bytes, in two parts so that the body is not copied."""
    tenant = record.tenant.encode()
    head = _HEAD.pack(record.ingested_at, PROTOBUF, len(tenant)) + tenant
    length = len(head) + len(record.body)
    checksum = zlib.crc32(record.body, zlib.crc32(head))
    return _FRAME.pack(length, _length_check(length), checksum) + head, record.body


class Records:
    """A segment's whole records, read one by one; what is not whole is known when they have been iterated.

    Attributes:
        at: byte where the record that was yielded last begins.
        torn_bytes: bytes at the end that are no whole record; 0 of a segment that was closed in order.
        damages: in the order found.
    """

    def __init__(self, file: BinaryIO) -> None:
        """Reads what the file holds now; it is closed at the end of the iteration."""
        self._file = file
        self._size = os.fstat(file.fileno()).st_size
        self._last_ns: int | None = None
        self.at = 0
        self.torn_bytes = 0
        self.damages: list[Damage] = []

    def __iter__(self) -> Iterator[Record]:
        """The records, in the order written; once.

        Raises:
            StoreError: another version of Baton wrote the segment; the message says at which byte.
        """
        with self._file:
            at = self._begin()
            while at < self._size:
                self.at = at
                record, at = self._next(at)
                if record is not None:
                    yield record

    def refuse(self, record: Record, at: int) -> None:
        """Counts a whole record as damage: its checksum holds, and its body is no request."""
        self.damages.append(Damage(at, len(record.body), record.ingested_at, record.ingested_at))

    def _begin(self) -> int:
        """Where the first record begins; the end where there is none."""
        head = self._read(0, len(MAGIC))
        if head == MAGIC:
            return len(MAGIC)
        if MAGIC.startswith(head.rstrip(b"\0")) and self._zeros_from(len(head.rstrip(b"\0"))):
            return self._torn(0)
        frame = self._read(len(MAGIC), _FRAME.size)
        if len(frame) == _FRAME.size and _is_sound(*_FRAME.unpack(frame)):
            return self._damaged(0, len(MAGIC), 0)
        if head.startswith(MAGIC[:_NAME_BYTES]):
            raise StoreError(f"starts with 0x{head.hex()}, not with 0x{MAGIC.hex()}: another version of Baton wrote it")
        return self._damaged(0, self._size, self._size)

    def _next(self, at: int) -> tuple[Record | None, int]:
        """The record at `at`, if it is whole, and where the next begins."""
        frame = self._read(at, _FRAME.size)
        if len(frame) < _FRAME.size:
            return None, self._torn(at)
        length, length_check, checksum = _FRAME.unpack(frame)
        begin = at + _FRAME.size
        if _is_sound(length, length_check, checksum):
            payload = self._read(begin, length)
            end = begin + length
            if zlib.crc32(payload) == checksum and end <= self._size:
                return self._whole(payload, at), end
            is_torn = end > self._size or self._never_came(at, end)
            return None, self._torn(at) if is_torn else self._damaged(at, end, end - at)
        for mended in _mended(length, length_check):
            payload = self._read(begin, mended) if begin + mended <= self._size else b""
            if payload and zlib.crc32(payload) == checksum:
                self._damaged(at, begin, 0)
                return self._whole(payload, at), begin + mended
        is_torn = self._never_came(at, begin)
        return None, self._torn(at) if is_torn else self._damaged(at, self._size, self._size - at)

    def _never_came(self, at: int, end: int) -> bool:
        """Whether the record from `at` to `end` was cut off by a power cut: zeros, at least to a sector, to the end.

        Fewer may be the record's own.
        """
        sector = max(at, (self._size - 1) // _SECTOR_BYTES * _SECTOR_BYTES)
        return self._zeros_from(min(sector, end - 1))

    def _whole(self, payload: bytes, at: int) -> Record:
        record = _record(payload, at)
        self._last_ns = record.ingested_at
        self.damages = [
            damage if damage.before_ns is not None else damage._replace(before_ns=record.ingested_at)
            for damage in self.damages
        ]
        return record

    def _torn(self, at: int) -> int:
        self.torn_bytes = self._size - at
        return self._size

    def _damaged(self, at: int, end: int, lost_bytes: int) -> int:
        self.damages.append(Damage(at, lost_bytes, self._last_ns))
        return end

    def _read(self, at: int, size: int) -> bytes:
        """`size` bytes from `at`; fewer at the end. A length that is beyond it is never read: it may be anything."""
        self._file.seek(at)
        return self._file.read(min(size, self._size - at))

    def _zeros_from(self, at: int) -> bool:
        """Whether all bytes from `at` on are zero."""
        while at < self._size:
            block = self._read(at, _BLOCK_BYTES)
            if block.strip(b"\0"):
                return False
            at += len(block)
        return True


def _mended(length: int, length_check: int) -> list[int]:
    """What the length may have been, if one byte of it or of its checksum has changed."""
    told = _LENGTH.pack(length)
    changed = (
        _LENGTH.unpack(told[:place] + bytes([value]) + told[place + 1 :])[0]
        for place in range(_LENGTH.size)
        for value in range(256)
    )
    return [length, *(other for other in changed if _length_check(other) == length_check)]


def _is_sound(length: int, length_check: int, _checksum: int) -> bool:
    return _length_check(length) == length_check


def _length_check(length: int) -> int:
    # Seeded: the plain CRC-32 of four 0xff bytes is 0xffffffff, and erased blocks read as that.
    return zlib.crc32(_LENGTH.pack(length), _SEED)


def _record(payload: bytes, at: int) -> Record:
    if len(payload) < _HEAD.size:
        raise StoreError(f"the record at byte {at} has {len(payload)} bytes: another version of Baton wrote it")
    ingested_at, encoding, tenant_bytes = _HEAD.unpack_from(payload)
    body = _HEAD.size + tenant_bytes
    if encoding != PROTOBUF or body > len(payload):
        raise StoreError(f"the record at byte {at} is of encoding {encoding}: another version of Baton wrote it")
    return Record(ingested_at, payload[_HEAD.size : body].decode(), payload[body:])
