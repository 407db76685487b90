"""Texts as Arrow views: 16 bytes, of which the first four are the length.

Up to 12 bytes of text stand in the view itself; of a longer one its first four, a buffer's number and an offset there.
Buffer 0 is the requests' own bytes, buffer 1 the arena of texts that were made from them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from baton.jit import inlined, jit_lean
from baton.wire.arrays import ARENA, SPECIAL
from baton.wire.reading import BAD, U0, U1, U2, U3, U4, U5, U6, U7, U8, U, load8
from baton.wire.scan import BOOL, EMPTY, INT, SIGN, SPECIAL_START, STRING

if TYPE_CHECKING:
    import numpy as np

    from baton.wire.arrays import Source, Target
    from baton.wire.reading import Bytes, Truth, Words

LENGTH = U(2**32 - 1)
"""The part of a view's first word that holds its length."""

HALF = U(32)
_WHOLE = U(64)
_INLINE_MAX = U(12)
_DIGITS_MAX = U(19)  # of an Int64
_EIGHT_DIGITS = U(10**8)
_TEN = U(10)
_ZERO, _NINE, _MINUS, _E = U(ord("0")), U(ord("9")), U(ord("-")), U(ord("e"))
_TRUE = U(int.from_bytes(b"true", "little"))
_FALS = U(int.from_bytes(b"fals", "little"))


@inlined
def view(data: Bytes, at: np.uint64, length: np.uint64, buffer: np.uint64) -> tuple[U, U]:
    """The Arrow view of `length` bytes at `at`; `data` goes on for 12 bytes at least from there."""
    if length == U0:
        return U0, U0
    low = load8(data, at)
    if length > _INLINE_MAX:
        return length | low << HALF, buffer | at << HALF
    if length <= U4:
        cut = _WHOLE - (length << U3)
        return length | low << cut >> cut << HALF, U0
    cut = _WHOLE - ((length - U4) << U3)
    return length | low << HALF, load8(data, at + U4) << cut >> cut


@inlined
def surrogate(data: Bytes, at: np.uint64) -> np.uint64:
    """Eight bytes, big-endian."""
    low = U(data[at + U7]) | U(data[at + U6]) << U8 | U(data[at + U5]) << U(16) | U(data[at + U4]) << U(24)
    high = U(data[at + U3]) << U(32) | U(data[at + U2]) << U(40) | U(data[at + U1]) << U(48) | U(data[at]) << U(56)
    return low | high


@jit_lean
def digits(bits: np.uint64, arena: Bytes, at: np.uint64) -> np.uint64:
    """Writes an int in decimal: where it ends, at most 20 bytes on."""
    rest = bits
    if bits >= SIGN:
        arena[at] = _MINUS
        at += U1
        rest = (bits ^ BAD) + U1
    end, power = at + U1, _TEN
    while end - at < _DIGITS_MAX and rest >= power:
        end += U1
        power *= _TEN
    place = end
    while place > at:
        place -= U1
        arena[place] = rest % _TEN + _ZERO
        rest //= _TEN
    return end


@jit_lean
def int_view(bits: np.uint64, arena: Bytes, cursors: Words) -> tuple[U, U]:
    """The view of an int's text; a long one goes into the arena."""
    at = cursors[ARENA]
    if bits < _EIGHT_DIGITS:
        text, length = U0, U0
        while True:
            text = text << U8 | bits % _TEN + _ZERO
            length += U1
            bits //= _TEN
            if bits == U0:
                return length | text << HALF, text >> HALF
    end = digits(bits, arena, at)
    if end - at > _INLINE_MAX:
        cursors[ARENA] = end
    return view(arena, at, end - at, U1)


@jit_lean
def special_view(start: np.uint64, source: Source, cursors: Words) -> tuple[U, U]:
    """The view of the special attribute that begins at `start`: mostly the one after the last."""
    place, count = cursors[SPECIAL], U(source.specials.shape[0])
    if place >= count or source.specials[place, SPECIAL_START] != start:
        low, high = U0, count
        while low < high:
            place = (low + high) >> U1
            if source.specials[place, SPECIAL_START] < start:
                low = place + U1
            else:
                high = place
        place = low
    cursors[SPECIAL] = place + U1
    return source.special_views[place, 0], source.special_views[place, 1]


@inlined
def text(
    kind: np.uint64, first: np.uint64, second: np.uint64, start: np.uint64, source: Source, into: Target
) -> tuple[U, U]:
    """The view of an attribute's text; `start` is where the attribute begins."""
    if kind == STRING:
        return view(source.data, first, second - first, U0)
    if kind == INT:
        return int_view(first, into.arena, into.cursors)
    if kind == BOOL:
        if first != U0:
            return U4 | _TRUE << HALF, U0
        return U5 | _FALS << HALF, _E
    if kind == EMPTY:
        return U0, U0
    return special_view(start, source, into.cursors)


@jit_lean
def is_int64(data: Bytes, at: np.uint64, end: np.uint64) -> tuple[Truth, U]:
    """Whether the text is an Int64 in ASCII digits, and its bits."""
    negative = at < end and U(data[at]) == _MINUS
    if negative:
        at += U1
    if at >= end or end - at > _DIGITS_MAX:
        return False, U0
    value = U0
    while at < end:
        digit = U(data[at])
        if digit < _ZERO or digit > _NINE:
            return False, U0
        value = value * _TEN + (digit - _ZERO)
        at += U1
    if negative:
        return value <= SIGN, (value ^ BAD) + U1 if value > U0 else U0
    return value < SIGN, value
