"""Texts of attributes that are not one scalar, by machine code: flat arrays, such as a header's values, and bytes.

JSON as orjson writes it, base64 as Python does. What is not as plain (strings that JSON escapes, doubles, nested
values, values merged of several) is left to `texts`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from baton.jit import inlined, jit_lean
from baton.wire.reading import BAD, U0, U1, U2, U3, U4, U6, U, delimited, number, tag
from baton.wire.scan import (
    ARRAY,
    BYTES,
    SPECIAL_START,
    SPECIAL_STOP,
    SPECIAL_TYPE,
    T1,
    T2,
    T2_VARINT,
    T3_VARINT,
    T5,
    T7,
)
from baton.wire.views import digits, view

if TYPE_CHECKING:
    from baton.wire.reading import Bytes, Words

TEXT_RATIO_MAX = 3
"""Bytes of text for each byte of an attribute, at most: an empty value has two and becomes `null` and a comma."""

_QUOTE, _BACKSLASH, _SPACE = U(ord('"')), U(ord("\\")), U(ord(" "))
_OPEN, _CLOSE, _COMMA, _EQUALS = U(ord("[")), U(ord("]")), U(ord(",")), U(ord("="))
_WORDS = np.frombuffer(b"null\0true\0false", np.uint8)
_NULL, _TRUE, _FALSE = U(0), U(5), U(10)
_ALPHABET = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", np.uint8)
_SIX_BITS = U(63)
_MADE = np.uint8(1)


@jit_lean
def render(data: Bytes, specials: Words, arena: Bytes, views: Words, made: Bytes) -> np.uint64:
    """Writes texts into the arena, one after the other, and their views; returns where they end.

    Args:
        data: the requests' bytes.
        specials: as of `scan`.
        arena: `TEXT_RATIO_MAX` bytes for each byte of the arrays and bytes among them, and 16 more.
        views: (special, 2).
        made: set to 1 where the text was made here.
    """
    used, special = U0, U0
    while special < U(specials.shape[0]):
        kind = specials[special, SPECIAL_TYPE]
        if kind == ARRAY or kind == BYTES:
            member = T5 if kind == ARRAY else T7
            start, stop = sole(data, specials[special, SPECIAL_START], specials[special, SPECIAL_STOP], member)
            end = BAD
            if start != BAD:
                end = array(data, start, stop, arena, used) if kind == ARRAY else base64(data, start, stop, arena, used)
            if end != BAD:
                views[special, 0], views[special, 1] = view(arena, used, end - used, U1)
                made[special] = _MADE
                used = end
        special += U1
    return used


@inlined
def sole(data: Bytes, at: np.uint64, end: np.uint64, member: np.uint64) -> tuple[U, U]:
    """Start and stop of an attribute's value, given once, as this member of AnyValue and nothing else; else BAD."""
    start, stop = BAD, BAD
    while at < end:
        field, at = tag(data, at, end)
        if field == T1:
            at = delimited(data, at, end)[1]
        elif field == T2 and start == BAD:
            start, stop = delimited(data, at, end)
            at = stop
        else:
            return BAD, BAD
    if start == stop:
        return BAD, BAD
    field, at = tag(data, start, stop)
    if field != member:
        return BAD, BAD
    start, end = delimited(data, at, stop)
    return (start, end) if end == stop else (BAD, BAD)


@inlined
def array(data: Bytes, at: np.uint64, end: np.uint64, arena: Bytes, out: np.uint64) -> np.uint64:
    """An ArrayValue as JSON: where its text ends, or BAD."""
    separator = _OPEN
    if at == end:
        arena[out] = _OPEN
        out += U1
    while at < end:
        arena[out] = separator
        separator = _COMMA
        out += U1
        field, at = tag(data, at, end)
        if field != T1:
            return BAD
        at, stop = delimited(data, at, end)
        if at == stop:
            out = word(_NULL, U4, arena, out)
            continue
        field, at = tag(data, at, stop)
        if field == T1:
            at, last = delimited(data, at, stop)
            if last != stop:
                return BAD
            arena[out] = _QUOTE
            out += U1
            while at < stop:
                byte = U(data[at])
                if byte < _SPACE or byte == _QUOTE or byte == _BACKSLASH:
                    return BAD
                arena[out] = byte
                at += U1
                out += U1
            arena[out] = _QUOTE
            out += U1
        elif field == T3_VARINT or field == T2_VARINT:
            bits, at = number(data, at, stop)
            if at != stop:
                return BAD
            if field == T3_VARINT:
                out = digits(bits, arena, out)
            elif bits != U0:
                out = word(_TRUE, U4, arena, out)
            else:
                out = word(_FALSE, U4 + U1, arena, out)
        else:
            return BAD
    arena[out] = _CLOSE
    return out + U1


@inlined
def word(start: np.uint64, length: np.uint64, arena: Bytes, out: np.uint64) -> np.uint64:
    """Writes one of JSON's words: where it ends."""
    for place in range(length):
        arena[out + U(place)] = _WORDS[start + U(place)]
    return out + length


@inlined
def base64(data: Bytes, at: np.uint64, end: np.uint64, arena: Bytes, out: np.uint64) -> np.uint64:
    """Writes bytes as base64: where their text ends."""
    while at < end:
        there = min(end - at, U3)
        bits = U(data[at]) << U(16)
        if there > U1:
            bits |= U(data[at + U1]) << U(8)
        if there > U2:
            bits |= U(data[at + U2])
        arena[out] = _ALPHABET[bits >> U(18)]
        arena[out + U1] = _ALPHABET[bits >> U(12) & _SIX_BITS]
        arena[out + U2] = _ALPHABET[bits >> U6 & _SIX_BITS] if there > U1 else _EQUALS
        arena[out + U3] = _ALPHABET[bits & _SIX_BITS] if there > U2 else _EQUALS
        at += there
        out += U4
    return out
