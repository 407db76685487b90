"""OTLP/JSON -> protobuf as compiled code, for requests written to the usual letter.

It gives up, without a reason, on whatever is unusual: a fault, an escape in a name, a name that comes twice, an enum by
name, a number that needs more than 64 bits or another rounding than one division, base64, deep nesting. `otlp_json`
then takes its own walk, which tolerates or names it: so the two can differ only where this one answers, and there a
test holds it to that walk.

What is written never outgrows what was read by more than the lengths of open messages: every field's name and quotes
are longer than its tag and length.
"""
# ruff: noqa: C901, PLR0911, PLR0912, PLR0913, PLR0915, PLR0917, PLR1714, PLR2004, SIM109 # kernels: a walk is one loop, all that it needs an argument, and bytes are numbers

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from baton.jit import jit_lean
from baton.wire.reading import load8

if TYPE_CHECKING:
    from baton.wire.words import Byte, Flag, Word

SLACK_BYTES = 4096
"""How much longer than the JSON the output must be able to grow."""
DEPTH_MAX = 60
"""Open messages; below what the walk in `otlp_json` refuses."""
SKIP_DEPTH_MAX = 64
SLOTS = 1024
"""Of the table of names; a power of two."""

ONE, MANY, STRING, ID, BOOL, DOUBLE, ENUM, INT, UINT, FIXED64, FIXED32, OTHER = range(12)
"""Kinds of field: a message, messages, a text, an id of so many bytes, ...; OTHER is never taken here."""

_0, _1, _2, _3, _4, _6, _7, _8, _10 = (np.uint64(n) for n in (0, 1, 2, 3, 4, 6, 7, 8, 10))
_127, _128, _63 = np.uint64(127), np.uint64(128), np.uint64(63)
_ODD, _SHIFT, _SLOT_MASK = np.uint64(0x9E3779B97F4A7C15), np.uint64(40), np.uint64(SLOTS - 1)
_GIVE_UP = np.uint64(2**64 - 1)
_CONTROLS, _LOWS = np.uint64(0x2020202020202020), np.uint64(0x0101010101010101)
_HIGHS, _QUOTES = np.uint64(0x8080808080808080), np.uint64(0x2222222222222222)
_BACKSLASHES = np.uint64(0x5C5C5C5C5C5C5C5C)
_EXACT = np.uint64(2**53)
_DIGITS_MAX = np.uint64(19)
_UINT64_TENTH = np.uint64(2**64 // 10)

# Where the walk stands: before a name or `}`, before an item or `]`, after a value, after an item.
_NAME, _ITEM, _AFTER_VALUE, _AFTER_ITEM = 0, 1, 2, 3


class Names(NamedTuple):
    """The fields by name, an open-addressed table; a row of each array belongs to one name.

    Attributes:
        text: all names, end to end (uint8).
        start, size: where each stands in it (uint64); size 0 is a free slot.
        owner: the type of message that has it (uint64).
        tag: its protobuf tag (uint64).
        kind: ONE to OTHER (uint8).
        child: the type of its messages, or the bytes of its id (uint64).
        least, most: its integers' bounds, absolute values (uint64).
        reserve: by type, not by name: how many bytes the length of such a message usually takes (uint64).
    """

    text: np.ndarray
    start: np.ndarray
    size: np.ndarray
    owner: np.ndarray
    tag: np.ndarray
    kind: np.ndarray
    child: np.ndarray
    least: np.ndarray
    most: np.ndarray
    reserve: np.ndarray


_QUOTE, _BACKSLASH, _COMMA, _COLON, _MINUS, _POINT, _BLANK = (ord(char) for char in '"\\,:-. ')
_OPEN, _SHUT, _OPEN_ARRAY, _SHUT_ARRAY, _ZERO, _NINE, _N, _U = (ord(char) for char in "{}[]09nu")


@jit_lean
def slot_of(text: np.ndarray, start: Word, size: Word, owner: Word) -> Word:
    """Where the search for a name of a type of message begins."""
    mixed = _0
    for i in range(min(size, _8)):
        mixed = mixed << _8 | np.uint64(text[start + i])
    mixed ^= (size << np.uint64(48)) ^ (owner << np.uint64(56)) ^ np.uint64(text[start + size - _1])
    return mixed * _ODD >> _SHIFT & _SLOT_MASK


@jit_lean
def transcode(text: np.ndarray, out: np.ndarray, names: Names, stack: np.ndarray) -> Word:
    """Writes the request to `out`, which is `SLACK_BYTES` longer than the text; returns the bytes, or 2**64 - 1.

    Args:
        text: the JSON (uint8).
        out: uint8.
        names: the fields by name.
        stack: `DEPTH_MAX + 1` rows of 4 words: type, where its length stands, fields seen, slot of the open array.
    """
    end = np.uint64(len(text))
    position = _space(text, _0, end)
    if position == end or text[position] != _OPEN:
        return _GIVE_UP
    position += _1
    depth, written, mode, fresh = 0, _0, _NAME, True
    stack[0, 0], stack[0, 2], stack[0, 3] = _0, _0, _GIVE_UP
    while True:
        position = _space(text, position, end)
        if position == end:
            return _GIVE_UP
        byte = text[position]
        if mode == _AFTER_VALUE or (mode == _NAME and fresh and byte == _SHUT):
            if byte == _COMMA and mode == _AFTER_VALUE:
                position, mode, fresh = position + _1, _NAME, False
                continue
            if byte != _SHUT:
                return _GIVE_UP
            position += _1
            if depth == 0:
                return written if _space(text, position, end) == end else _GIVE_UP
            written = _close(out, stack[depth, 1], written, names.reserve[stack[depth, 0]])
            depth -= 1
            mode = _AFTER_VALUE if stack[depth, 3] == _GIVE_UP else _AFTER_ITEM
            continue
        if mode == _AFTER_ITEM or (mode == _ITEM and fresh and byte == _SHUT_ARRAY):
            if byte == _COMMA and mode == _AFTER_ITEM:
                position, mode, fresh = position + _1, _ITEM, False
                continue
            if byte != _SHUT_ARRAY:
                return _GIVE_UP
            stack[depth, 3] = _GIVE_UP
            position, mode = position + _1, _AFTER_VALUE
            continue
        if mode == _ITEM:
            slot = stack[depth, 3]
            if byte == _N:
                position = _word(text, position, end)
                if position == _GIVE_UP:
                    return _GIVE_UP
                mode = _AFTER_ITEM
                continue
            if byte != _OPEN:
                return _GIVE_UP
        else:
            start, stop = _plain_string(text, position, end)
            position = _space(text, stop + _1, end) if stop != _GIVE_UP else end
            if position == end or text[position] != _COLON:
                return _GIVE_UP
            position = _space(text, position + _1, end)
            if position == end:
                return _GIVE_UP
            slot = _find(names, text, start, stop - start, stack[depth, 0])
            mode, byte = _AFTER_VALUE, text[position]
            if slot == _GIVE_UP:
                position = _skip(text, position, end)
                if position == _GIVE_UP:
                    return _GIVE_UP
                continue
            seen = _1 << (names.tag[slot] >> _3 & _63)
            if stack[depth, 2] & seen != _0:
                return _GIVE_UP
            stack[depth, 2] |= seen
            kind = names.kind[slot]
            if byte == _N:
                position = _word(text, position, end)
                if position == _GIVE_UP:
                    return _GIVE_UP
                continue
            if kind == MANY:
                if byte != _OPEN_ARRAY:
                    return _GIVE_UP
                stack[depth, 3] = slot
                position, mode, fresh = position + _1, _ITEM, True
                continue
            if kind != ONE:
                written = _put_varint(out, written, names.tag[slot])
                position, written = _scalar(text, position, end, out, written, names, slot)
                if position == _GIVE_UP or written > position + np.uint64(SLACK_BYTES // 2):
                    return _GIVE_UP
                continue
            if byte != _OPEN:
                return _GIVE_UP
        # A message begins.
        if depth == DEPTH_MAX:
            return _GIVE_UP
        written = _put_varint(out, written, names.tag[slot])
        depth += 1
        child = names.child[slot]
        stack[depth, 0], stack[depth, 1], stack[depth, 2], stack[depth, 3] = child, written, _0, _GIVE_UP
        written += names.reserve[child]
        position, mode, fresh = position + _1, _NAME, True


# --- reading ---------------------------------------------------------------------------------------------------------


@jit_lean
def _space(text: np.ndarray, position: Word, end: Word) -> Word:
    while position < end and (text[position] == _BLANK or 0x09 <= text[position] <= 0x0A or text[position] == 0x0D):
        position += _1
    return position


@jit_lean
def _word(text: np.ndarray, position: Word, end: Word) -> Word:
    """The position after `null`, `true` or `false`."""
    if end - position >= _4:
        a, b, c, d = text[position], text[position + _1], text[position + _2], text[position + _3]
        if a == 0x6E and b == 0x75 and c == 0x6C and d == 0x6C:
            return position + _4
        if a == 0x74 and b == 0x72 and c == 0x75 and d == 0x65:
            return position + _4
        if a == 0x66 and b == 0x61 and c == 0x6C and d == 0x73 and end - position > _4 and text[position + _4] == 0x65:
            return position + _4 + _1
    return _GIVE_UP


@jit_lean
def _plain_string(text: np.ndarray, position: Word, end: Word) -> tuple[Word, Word]:
    """Where a string of printable ASCII without escapes begins and ends."""
    if text[position] != _QUOTE:
        return _0, _GIVE_UP
    start = position + _1
    position = start
    while position < end:
        byte = text[position]
        if byte == _QUOTE:
            return start, position
        if byte < _BLANK or byte >= 0x7F or byte == _BACKSLASH:
            break
        position += _1
    return _0, _GIVE_UP


@jit_lean
def _find(names: Names, text: np.ndarray, start: Word, size: Word, owner: Word) -> Word:
    """The slot of a name; 2**64 - 1 for one that the type of message does not have."""
    if size == _0:
        return _GIVE_UP
    slot = slot_of(text, start, size, owner)
    while names.size[slot] != _0:
        if names.size[slot] == size and names.owner[slot] == owner:
            difference = np.uint8(0)
            for i in range(size):
                difference |= text[start + i] ^ names.text[names.start[slot] + i]
            if difference == 0:
                return slot
        slot = (slot + _1) & _SLOT_MASK
    return _GIVE_UP


@jit_lean
def _skip(text: np.ndarray, position: Word, end: Word) -> Word:
    """The position after a value that nobody reads, which must be JSON all the same."""
    arrays, depth, mode, fresh = _0, _0, _AFTER_VALUE, False
    first = True
    while True:
        if not first:
            position = _space(text, position, end)
        if position >= end:
            return _GIVE_UP
        byte = text[position]
        if not first and mode == _AFTER_VALUE:
            close = _SHUT_ARRAY if arrays & _1 != _0 else _SHUT
            if byte == _COMMA:
                position, mode, fresh = position + _1, _ITEM if arrays & _1 != _0 else _NAME, False
                continue
            if byte != close:
                return _GIVE_UP
            position += _1
            arrays >>= _1
            depth -= _1
            if depth == _0:
                return position
            continue
        if fresh and byte == (_SHUT_ARRAY if arrays & _1 != _0 else _SHUT):
            mode, fresh = _AFTER_VALUE, False
            continue
        if not first and mode == _NAME:
            _, stop = _plain_string(text, position, end)
            position = _space(text, stop + _1, end) if stop != _GIVE_UP else end
            if position == end or text[position] != _COLON:
                return _GIVE_UP
            position = _space(text, position + _1, end)
            if position == end:
                return _GIVE_UP
            byte = text[position]
        first = False
        if byte == _OPEN or byte == _OPEN_ARRAY:
            if depth == np.uint64(SKIP_DEPTH_MAX - 1):
                return _GIVE_UP
            is_array = byte == _OPEN_ARRAY
            arrays = arrays << _1 | (_1 if is_array else _0)
            depth += _1
            position, mode, fresh = position + _1, _ITEM if is_array else _NAME, True
            continue
        if byte == _QUOTE:
            _, stop = _plain_string(text, position, end)
            position = stop + _1 if stop != _GIVE_UP else _GIVE_UP
        elif byte == _MINUS or _ZERO <= byte <= _NINE:
            position, _, _, _ = _number(text, position, end)
        else:
            position = _word(text, position, end)
        if position == _GIVE_UP or depth == _0:
            return position
        mode, fresh = _AFTER_VALUE, False


@jit_lean
def _number(text: np.ndarray, position: Word, end: Word) -> tuple[Word, Word, Flag, Word]:
    """A number of at most 19 digits without an exponent: where it ends, its digits, sign, and how many are decimals.

    Not -0, which is an int to some and a float to others.
    """
    negative = text[position] == _MINUS
    if negative:
        position += _1
    value, digits, decimals, start = _0, _0, _0, position
    while position < end and _ZERO <= text[position] <= _NINE:
        value = value * _10 + np.uint64(text[position] - _ZERO)
        digits += _1
        position += _1
        if digits > _DIGITS_MAX:
            return _GIVE_UP, _0, False, _0
    if digits == _0 or (digits > _1 and text[start] == _ZERO):
        return _GIVE_UP, _0, False, _0
    if position < end and text[position] == _POINT:
        position += _1
        while position < end and _ZERO <= text[position] <= _NINE:
            value = value * _10 + np.uint64(text[position] - _ZERO)
            digits += _1
            decimals += _1
            position += _1
            if digits > _DIGITS_MAX:
                return _GIVE_UP, _0, False, _0
        if decimals == _0:
            return _GIVE_UP, _0, False, _0
    if position < end and text[position] | 0x20 == 0x65:
        return _GIVE_UP, _0, False, _0
    if negative and value == _0:
        return _GIVE_UP, _0, False, _0
    return position, value, negative, decimals


# --- writing ---------------------------------------------------------------------------------------------------------


@jit_lean
def _scalar(
    text: np.ndarray, position: Word, end: Word, out: np.ndarray, written: Word, names: Names, slot: Word
) -> tuple[Word, Word]:
    """Reads the value of a field and writes it after its tag."""
    kind, byte = names.kind[slot], text[position]
    if kind == STRING or kind == ID:
        if byte != _QUOTE:
            return _GIVE_UP, written
        position, stop = _string(text, position + _1, end, out, written + _1)
        if position == _GIVE_UP:
            return _GIVE_UP, written
        if kind == ID:
            stop = _id(out, written + _1, stop, names.child[slot])
        return position, _close(out, written, stop, _1)
    if kind == BOOL:
        if byte == _N:
            return _GIVE_UP, written
        out[written] = 1 if byte == 0x74 else 0
        return _word(text, position, end), written + _1
    if kind == OTHER:
        return _GIVE_UP, written
    quoted = byte == _QUOTE and kind != DOUBLE and kind != ENUM
    if quoted:
        position += _1
    if position == end or not (text[position] == _MINUS or _ZERO <= text[position] <= _NINE):
        return _GIVE_UP, written
    position, value, negative, decimals = _number(text, position, end)
    if position == _GIVE_UP:
        return _GIVE_UP, written
    if kind == DOUBLE:
        if value > _EXACT:
            return _GIVE_UP, written
        # Both are exact, and so the quotient is rounded once (10**22 is the largest exact power; 19 digits at most).
        double, power = np.float64(value), 1.0
        for _ in range(decimals):
            power *= 10.0
        double = double / power
        return position, _put_double(out, written, -double if negative else double)
    if decimals != _0 or value > (names.least[slot] if negative else names.most[slot]):
        return _GIVE_UP, written
    if quoted:
        if position == end or text[position] != _QUOTE:
            return _GIVE_UP, written
        position += _1
    if negative:
        value = _0 - value
    if kind == INT or kind == UINT or kind == ENUM:
        return position, _put_varint(out, written, value)
    width = _8 if kind == FIXED64 else _4
    for i in range(width):
        out[written + i] = np.uint8(value >> (i * _8) & np.uint64(255))
    return position, written + width


@jit_lean
def _put_double(out: np.ndarray, written: Word, double: float) -> Word:
    """By its bits: 1 of sign, 11 of exponent, 52 of fraction."""
    bits = _0
    magnitude = abs(double)
    if magnitude > 0.0:
        mantissa, exponent = math.frexp(magnitude)
        # Of numbers with 19 digits none is subnormal.
        whole = np.uint64(np.int64(mantissa * 2.0**53))
        bits = np.uint64(exponent + 1022) << np.uint64(52) | (whole & np.uint64(2**52 - 1))
    if double < 0.0:
        bits |= np.uint64(2**63)
    for i in range(_8):
        out[written + i] = np.uint8(bits >> (i * _8) & np.uint64(255))
    return written + _8


@jit_lean
def _put_varint(out: np.ndarray, written: Word, value: Word) -> Word:
    while value >= _128:
        out[written] = np.uint8(value & _127 | _128)
        value >>= _7
        written += _1
    out[written] = np.uint8(value)
    return written + _1


@jit_lean
def _close(out: np.ndarray, prefix: Word, written: Word, reserved: Word) -> Word:
    """Writes the length of what stands after `prefix` and the bytes reserved there; moves it where they do not fit."""
    size = written - prefix - reserved
    width, rest = _1, size
    while rest >= _128:
        rest >>= _7
        width += _1
    if width < reserved:
        for i in range(size):
            out[prefix + width + i] = out[prefix + reserved + i]
    elif width > reserved:
        for i in range(size):
            out[prefix + width + size - _1 - i] = out[prefix + reserved + size - _1 - i]
    for i in range(width):
        more = _128 if i + _1 < width else _0
        out[prefix + i] = np.uint8((size >> (i * _7)) & _127 | more)
    return prefix + width + size


@jit_lean
def _id(out: np.ndarray, start: Word, stop: Word, size: Word) -> Word:
    """Turns the text of an id into its bytes; what is no hex of that size stays, at a length that no valid id has."""
    chars = stop - start
    if chars == size:
        out[stop] = 0x3F
        return stop + _1
    if chars != size * _2:
        return stop
    for i in range(chars):
        if _nibble(out[start + i]) > 15:
            return stop
    for i in range(size):
        out[start + i] = _nibble(out[start + i * _2]) << 4 | _nibble(out[start + i * _2 + _1])
    return start + size


@jit_lean
def _nibble(byte: Byte) -> Word:
    """The value of a hex digit; 255 if it is none."""
    if _ZERO <= byte <= _NINE:
        return np.uint8(byte - _ZERO)
    lower = byte | 0x20
    return np.uint8(lower - 0x57) if 0x61 <= lower <= 0x66 else np.uint8(255)


@jit_lean
def _string(text: np.ndarray, position: Word, end: Word, out: np.ndarray, written: Word) -> tuple[Word, Word]:
    """Writes what stands before the closing quote; where the string ends in the text, and in the output."""
    while True:
        while end - position >= _8:
            word = load8(text, position)
            quotes, slashes = word ^ _QUOTES, word ^ _BACKSLASHES
            special = (word - _CONTROLS) & ~word | (quotes - _LOWS) & ~quotes | (slashes - _LOWS) & ~slashes | word
            if special & _HIGHS != _0:
                break
            for i in range(_8):
                out[written + i] = text[position + i]
            position += _8
            written += _8
        if position == end:
            return _GIVE_UP, written
        byte = text[position]
        if byte == _QUOTE:
            return position + _1, written
        if byte < _BLANK:
            return _GIVE_UP, written
        if byte == _BACKSLASH:
            position, written = _escape(text, position, end, out, written)
            if position == _GIVE_UP:
                return _GIVE_UP, written
            continue
        size = _1 if byte < 0x80 else _utf8(text, position, end)
        if size == _0:
            return _GIVE_UP, written
        for i in range(size):
            out[written + i] = text[position + i]
        position += size
        written += size


@jit_lean
def _utf8(text: np.ndarray, position: Word, end: Word) -> Word:
    """Bytes of the character of two or more bytes that begins here; 0 if none does."""
    first = text[position]
    size = _2 if first < 0xE0 else _3 if first < 0xF0 else _4
    if first < 0xC2 or first > 0xF4 or end - position < size:
        return _0
    for i in range(_1, size):
        if text[position + i] & 0xC0 != 0x80:
            return _0
    second = text[position + _1]
    overlong = (first == 0xE0 and second < 0xA0) or (first == 0xF0 and second < 0x90)
    beyond = (first == 0xED and second > 0x9F) or (first == 0xF4 and second > 0x8F)
    return _0 if overlong or beyond else size


@jit_lean
def _escape(text: np.ndarray, position: Word, end: Word, out: np.ndarray, written: Word) -> tuple[Word, Word]:
    """Writes the character that the escape at `position` means."""
    if end - position < _2:
        return _GIVE_UP, written
    letter = text[position + _1]
    if letter == _U:
        code = _unit(text, position, end)
        position += _6
        if code & np.uint64(0xF800) == np.uint64(0xD800):  # a surrogate: only a high one before a low one is text
            low = _unit(text, position, end) if position < end else _GIVE_UP
            if code >= np.uint64(0xDC00) or low == _GIVE_UP or low & np.uint64(0xFC00) != np.uint64(0xDC00):
                return _GIVE_UP, written
            code = (code & np.uint64(0x3FF)) << _10 | (low & np.uint64(0x3FF))
            code += np.uint64(0x10000)
            position += _6
        if code == _GIVE_UP:
            return _GIVE_UP, written
        return position, _put_character(out, written, code)
    if letter == _N:
        meant = np.uint8(0x0A)
    elif letter == 0x74:
        meant = np.uint8(0x09)
    elif letter == 0x72:
        meant = np.uint8(0x0D)
    elif letter == 0x62:
        meant = np.uint8(0x08)
    elif letter == 0x66:
        meant = np.uint8(0x0C)
    elif letter == _QUOTE or letter == _BACKSLASH or letter == 0x2F:
        meant = letter
    else:
        return _GIVE_UP, written
    out[written] = meant
    return position + _2, written + _1


@jit_lean
def _unit(text: np.ndarray, position: Word, end: Word) -> Word:
    r"""The number of a `\uXXXX`; 2**64 - 1 if none stands there."""
    if end - position < _6 or text[position] != _BACKSLASH or text[position + _1] != 0x75:
        return _GIVE_UP
    code = _0
    for i in range(_2, _6):
        nibble = _nibble(text[position + i])
        if nibble > 15:
            return _GIVE_UP
        code = code << _4 | np.uint64(nibble)
    return code


@jit_lean
def _put_character(out: np.ndarray, written: Word, code: Word) -> Word:
    """As UTF-8."""
    low = np.uint64(0x3F)
    if code < _128:
        out[written] = code
        return written + _1
    if code < np.uint64(0x800):
        out[written] = np.uint64(0xC0) | code >> _6
        out[written + _1] = _128 | code & low
        return written + _2
    if code < np.uint64(0x10000):
        out[written] = np.uint64(0xE0) | code >> np.uint64(12)
        out[written + _1] = _128 | code >> _6 & low
        out[written + _2] = _128 | code & low
        return written + _3
    out[written] = np.uint64(0xF0) | code >> np.uint64(18)
    out[written + _1] = _128 | code >> np.uint64(12) & low
    out[written + _2] = _128 | code >> _6 & low
    out[written + _3] = _128 | code & low
    return written + _4
