"""Mutations that know protobuf's wire format: of bytes that a blind mutation breaks, most stay a request.

They go down into a message at random, change its fields there and mend the lengths above.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

DELIMITED, GROUP, GROUP_END = 2, 3, 4
FIXED = {1: 8, 5: 4}
# Numbers that decide something somewhere: enums, flags, times and lengths at their ends.
NUMBERS = (
    0,
    1,
    2,
    5,
    6,
    127,
    128,
    10**12 - 1,
    10**12,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**32 + 2,
    2**63 - 1,
    2**63,
    2**64 - 1,
)
TEXTS = (
    b"",
    b"exception",
    b"exception.type",
    b"service.name",
    b"k8s.pod.name",
    b"messaging.destination.name",
    b"messaging.destination",
    b"server.port",
    b"net.peer.port",
    b"order.id",
    b"session.id",
    b"5672",
    b"-9223372036854775808",
    b"9223372036854775808",
    b"\xe2\x82\xac uro",
    b"\xed\xa0\x80",
    b"\xf4\x8f\xbf\xbf",
    bytes(8),
    bytes(16),
    b"12345678",
    b"1234567890123456",
)

Field = tuple[int, bytes]
"""A tag and what stands behind it; of a delimited field the value without its length."""


def mutated(data: bytes, random: Random, depth: int = 0) -> bytes:
    """The message with one of its fields changed, or one of a message in it."""
    fields = parsed(data)
    if fields is None or (not fields and depth):
        return _bytes(data, random)
    inner = [place for place, (tag, _) in enumerate(fields) if tag & 7 == DELIMITED]
    if inner and random.random() < (0.85 if depth < 4 else 0.5):
        place = random.choice(inner)
        tag, value = fields[place]
        fields[place] = (tag, mutated(value, random, depth + 1))
    else:
        _change(fields, random)
    return joined(fields)


def _change(fields: list[Field], random: Random) -> None:
    place = random.randrange(len(fields) + 1)
    what = random.randrange(7)
    if what == 0:
        fields.insert(place, _new(random))
    elif fields and what == 1:
        fields.insert(place, random.choice(fields))
    elif fields and what == 2:
        fields.pop(random.randrange(len(fields)))
    elif fields and what == 3:
        random.shuffle(fields)
    elif fields:
        place = random.randrange(len(fields))
        tag, value = fields[place]
        if what == 4:
            fields[place] = (random.randrange(1, 18) << 3 | tag & 7, value)
        elif tag & 7 == DELIMITED:
            fields[place] = (tag, random.choice((_bytes(value, random), random.choice(TEXTS), value + value)))
        else:
            fields[place] = (tag, _value(tag & 7, random))


def _new(random: Random) -> Field:
    wire = random.choice((0, 1, 2, 2, 2, 3, 5))
    tag = random.choice((random.randrange(1, 18), random.randrange(1, 18), random.choice(NUMBERS) % 2**29)) << 3 | wire
    return tag, _value(wire, random)


def _value(wire: int, random: Random) -> bytes:
    if wire in FIXED:
        number = random.choice(NUMBERS).to_bytes(8, "little")
        return random.choice((number, random.randbytes(8)))[: FIXED[wire]]
    if wire == DELIMITED:
        return random.choice(TEXTS)
    if wire == GROUP:
        return b""
    padding = b"\x80" * random.choice((0, 0, 0, 1, 4, 9))
    number = varint(random.choice(NUMBERS))
    return number if not padding else bytes([*(byte | 0x80 for byte in number), *padding[1:], 0])


def _bytes(data: bytes, random: Random) -> bytes:
    mutant = bytearray(data)
    at = random.randrange(len(mutant) + 1)
    mutant[at : at + random.randrange(3)] = random.randbytes(random.randrange(3))
    return bytes(mutant)


def parsed(data: bytes) -> list[Field] | None:
    """The fields of a message; None if it is none."""
    fields: list[Field] = []
    at = 0
    while at < len(data):
        tag, at = read(data, at)
        wire = tag & 7
        start = at
        if wire == DELIMITED:
            length, start = read(data, at)
            at = start + length
        elif wire in FIXED:
            at += FIXED[wire]
        elif wire == 0:
            _, at = read(data, at)
        elif wire > GROUP_END:
            return None
        if at > len(data):
            return None
        fields.append((tag, data[start:at]))
    return fields


def joined(fields: list[Field]) -> bytes:
    """The message of these fields."""
    return b"".join(
        varint(tag) + (varint(len(value)) if tag & 7 == DELIMITED else b"") + value for tag, value in fields
    )


def read(data: bytes, at: int) -> tuple[int, int]:
    """A varint and the next position, which is beyond the end where it is cut short."""
    value, shift = 0, 0
    while at < len(data):
        value |= (data[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 0x80:
            return value, at
    return value, len(data) + 1


def varint(number: int) -> bytes:
    """The bytes of a varint."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
