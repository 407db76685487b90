"""One request as the journal keeps it: bytes to record and back, without a file.

    segment = magic, record ...
    record  = length u32, checksum of the length u32, crc32 of the payload u32, payload        (big-endian)
    payload = ingested_at i64, encoding u8, tenant length u16, tenant, body

A record at the end of a segment is torn if bytes of it are missing, or are zero where a power cut kept the file's
length and not its data: its write never finished, so it was never acknowledged. Any other record whose checksum fails
is damaged, and nothing behind it can be trusted to begin where it seems to. The length has a checksum of its own, or
one flipped bit in it would pass everything behind it off as torn.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import NamedTuple

from baton.errors import StoreError

MAGIC = b"BATONJ\x00\x01"
"""The last two bytes are the format's version."""

PROTOBUF = 1
"""The only encoding so far: ExportTraceServiceRequest as OTLP protobuf."""

_FRAME = struct.Struct(">III")
_HEAD = struct.Struct(">qBH")
_LENGTH = struct.Struct(">I")
_SEED = zlib.crc32(MAGIC)


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


@dataclass(frozen=True, slots=True)
class Contents:
    """What a segment holds.

    Attributes:
        records: the whole ones, in the order written.
        torn_bytes: bytes at the end that are no whole record; 0 of a segment that was closed in order.
    """

    records: list[Record]
    torn_bytes: int


def pack(record: Record) -> bytes:
    """The record's bytes."""
    tenant = record.tenant.encode()
    payload = b"".join((_HEAD.pack(record.ingested_at, PROTOBUF, len(tenant)), tenant, record.body))
    return _FRAME.pack(len(payload), _length_check(len(payload)), zlib.crc32(payload)) + payload


def unpack(data: bytes) -> Contents:
    """The records of a segment's bytes.

    Raises:
        StoreError: a record is damaged, or the segment is of another format; the message says at which byte.
    """
    written = len(data.rstrip(b"\0"))
    if written < len(MAGIC) and MAGIC.startswith(data[:written]):
        return Contents([], len(data))
    if not data.startswith(MAGIC):
        raise StoreError(f"starts with 0x{data[: len(MAGIC)].hex()}, not with 0x{MAGIC.hex()}")
    records: list[Record] = []
    at = len(MAGIC)
    while at < len(data):
        end = _end(data, at, written)
        if end is None:
            return Contents(records, len(data) - at)
        records.append(_record(data[at + _FRAME.size : end], at))
        at = end
    return Contents(records, 0)


def _end(data: bytes, at: int, written: int) -> int | None:
    """Where the record at `at` ends; None if it is torn. Zeros follow from `written` on."""
    if len(data) - at < _FRAME.size:
        return None
    length, length_check, checksum = _FRAME.unpack_from(data, at)
    end = at + _FRAME.size
    if _length_check(length) == length_check:
        end += int(length)
        if end > len(data):
            return None
        if zlib.crc32(data[at + _FRAME.size : end]) == checksum:
            return end
    if written < end:
        return None
    raise StoreError(f"the record at byte {at} of {len(data)} is damaged: its checksum fails")


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
