"""Protobuf's wire format, as kernels read it: varints, tags, lengths, unknown fields, UTF-8.

The laws are those of upb, protobuf's own parser (measured on 7.36):
- A tag is a varint of at most 5 bytes and 32 bits; field number 0 is none, except inside an unknown group.
- A length is a varint of at most 5 bytes and 31 bits, and ends within its message.
- Any other varint has at most 10 bytes; what stands above 64 bits is cut off.
- A field of the wrong wire type is an unknown one. Unknown fields are passed over; groups must close, each its own.
- Messages and groups nest at most 100 deep.

Positions are `uint64` indices. A reader returns `BAD` as the next position where the bytes are faulty.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from baton.jit import inlined, jit_lean

if TYPE_CHECKING:
    import numpy.typing as npt

    Bytes: TypeAlias = npt.NDArray[np.uint8]
    Words: TypeAlias = npt.NDArray[np.uint64]
    Truth: TypeAlias = bool | np.bool

U = np.uint64
# numba makes a float of a uint64 and a plain number: each number is a uint64 of its own.
U0, U1, U2, U3, U4, U5, U6, U7, U8 = (U(number) for number in range(9))
BAD = U(2**64 - 1)

VARINT, FIXED64, DELIMITED, GROUP, GROUP_END, FIXED32 = (U(number) for number in range(6))
TAG_MAX = U(2**32 - 1)
LENGTH_MAX = U(2**31 - 1)
DEPTH_MAX = U(100)

_MORE = U(0x80)
_LOW = U(0x7F)
_TEN = U(10)
_HIGH_BITS = U(0x8080808080808080)


@inlined
def load4(data: Bytes, at: np.uint64) -> np.uint64:
    """Four bytes, little-endian."""
    low = U(data[at]) | U(data[at + U1]) << U8
    return low | U(data[at + U2]) << U(16) | U(data[at + U3]) << U(24)


@inlined
def load8(data: Bytes, at: np.uint64) -> np.uint64:
    """Eight bytes, little-endian: LLVM makes one load of it."""
    low = U(data[at]) | U(data[at + U1]) << U8 | U(data[at + U2]) << U(16) | U(data[at + U3]) << U(24)
    high = U(data[at + U4]) << U(32) | U(data[at + U5]) << U(40) | U(data[at + U6]) << U(48)
    return low | high | U(data[at + U7]) << U(56)


@jit_lean
def varint(data: Bytes, at: np.uint64, end: np.uint64, bytes_max: np.uint64, most: np.uint64) -> tuple[U, U]:
    """Value and next position; BAD where it is cut short, longer than `bytes_max`, or above `most`."""
    value, shift = U0, U0
    stop = min(end, at + bytes_max)
    while at < stop:
        byte = U(data[at])
        at += U1
        value |= (byte & _LOW) << shift
        if byte < _MORE:
            return value, (at if value <= most else BAD)
        shift += U7
    return value, BAD


@inlined
def number(data: Bytes, at: np.uint64, end: np.uint64) -> tuple[U, U]:
    """A varint of 64 bits."""
    if at < end and U(data[at]) < _MORE:
        return U(data[at]), at + U1
    return varint(data, at, end, _TEN, BAD)


@inlined
def tag(data: Bytes, at: np.uint64, end: np.uint64) -> tuple[U, U]:
    """A field's number and wire type."""
    if at < end and U(data[at]) < _MORE:
        return U(data[at]), at + U1
    return varint(data, at, end, U5, TAG_MAX)


@inlined
def delimited(data: Bytes, at: np.uint64, end: np.uint64) -> tuple[U, U]:
    """Start and stop of what a length stands before; BAD, twice, where it does not end before `end`."""
    if at < end and U(data[at]) < _MORE:
        length = U(data[at])
        start = at + U1
    else:
        length, start = varint(data, at, end, U5, LENGTH_MAX)
        if start == BAD:
            return BAD, BAD
    if length > end - start:
        return BAD, BAD
    return start, start + length


@jit_lean
def skip(data: Bytes, known: np.uint64, at: np.uint64, end: np.uint64, depth: np.uint64, stack: Words) -> np.uint64:
    """The position after the value of an unknown field.

    Args:
        data: the bytes.
        known: its tag, read already.
        at: where its value begins.
        end: where its message ends.
        depth: how deep that message nests; the request is 0.
        stack: scratch for the numbers of open groups, `DEPTH_MAX` of them.
    """
    if known < U8:
        return BAD
    if known & U7 != GROUP:
        return _skip_plain(data, known & U7, at, end)
    stack[U0] = known >> U3
    open_ = U1
    while open_ > U0:
        if depth + open_ > DEPTH_MAX:
            return BAD
        inner, at = tag(data, at, end)
        if at == BAD:
            return BAD
        if inner & U7 == GROUP:
            stack[open_] = inner >> U3
            open_ += U1
        elif inner & U7 == GROUP_END:
            open_ -= U1
            if stack[open_] != inner >> U3:
                return BAD
        else:
            at = _skip_plain(data, inner & U7, at, end)
            if at == BAD:
                return BAD
    return at


@inlined
def _skip_plain(data: Bytes, wire: np.uint64, at: np.uint64, end: np.uint64) -> np.uint64:
    if wire == VARINT:
        return number(data, at, end)[1]
    if wire == DELIMITED:
        return delimited(data, at, end)[1]
    if wire == FIXED64:
        return fixed(at, end, U8)
    if wire == FIXED32:
        return fixed(at, end, U4)
    return BAD


@inlined
def fixed(at: np.uint64, end: np.uint64, size: np.uint64) -> np.uint64:
    """The position after `size` bytes."""
    return at + size if end - at >= size else BAD


@inlined
def is_utf8(data: Bytes, at: np.uint64, end: np.uint64) -> Truth:
    """Whether the bytes are UTF-8: no surrogates, no overlong forms, nothing above U+10FFFF."""
    length = end - at
    if length >= U8:
        # ASCII, nearly always: eight bytes at a time, the last eight overlapping those before.
        bits, place = load8(data, end - U8), at
        while end - place >= U8:
            bits |= load8(data, place)
            place += U8
        return bits & _HIGH_BITS == U0 or _is_utf8(data, at, end)
    if length == U0:
        return True
    if U(data.shape[0]) - at >= U8 and load8(data, at) << (U(64) - (length << U3)) & _HIGH_BITS == U0:
        return True
    return _is_utf8(data, at, end)


@jit_lean
def _is_utf8(data: Bytes, at: np.uint64, end: np.uint64) -> Truth:
    while at < end:
        if end - at >= U8 and load8(data, at) & _HIGH_BITS == U0:
            at += U8
        elif U(data[at]) < _MORE:
            at += U1
        else:
            size = _character(data, at, end)
            if size == U0:
                return False
            at += size
    return True


@jit_lean
def _character(data: Bytes, at: np.uint64, end: np.uint64) -> np.uint64:
    """Bytes of the character of two or more bytes that begins here; 0 if none does."""
    first = U(data[at])
    if first < U(0xC2) or first > U(0xF4) or end - at < U2:
        return U0
    # The second byte's range holds overlong forms, surrogates and what is above U+10FFFF off.
    second, least, most = U(data[at + U1]), U(0x80), U(0xBF)
    if first == U(0xE0):
        least = U(0xA0)
    elif first == U(0xED):
        most = U(0x9F)
    elif first == U(0xF0):
        least = U(0x90)
    elif first == U(0xF4):
        most = U(0x8F)
    if second < least or second > most:
        return U0
    size = U2 if first < U(0xE0) else U3 if first < U(0xF0) else U4
    if end - at < size:
        return U0
    if size > U2 and U(data[at + U2]) & U(0xC0) != _MORE:
        return U0
    if size > U3 and U(data[at + U3]) & U(0xC0) != _MORE:
        return U0
    return size
