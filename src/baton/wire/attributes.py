"""Attributes into columns, `keys` and lists: the law of `places`, by machine code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from baton.jit import expanded, inlined, jit_lean
from baton.wire.arrays import (
    HELD_BY,
    HELD_PLACE,
    HELD_RANK,
    HELD_START,
    HELD_STOP,
    HELD_TURN,
    KEYS,
)
from baton.wire.places import NOWHERE, NUMBERS, SLOTS, slot
from baton.wire.reading import U0, U1, U3, U5, U8, U, delimited, load8, number, skip, tag
from baton.wire.scan import (
    ARRAY,
    BOOL,
    BYTES,
    DOUBLE,
    EMPTY,
    INT,
    KVLIST,
    STRING,
    T1,
    T2,
    T2_VARINT,
    T3_VARINT,
    T4_FIXED64,
    T5,
    T6,
    T7,
    T8_VARINT,
)
from baton.wire.views import LENGTH, is_int64, text, view

if TYPE_CHECKING:
    from baton.wire.arrays import Cells, Context, Source, Target
    from baton.wire.places import Names
    from baton.wire.reading import Bytes, Words

SET = np.uint8(1)

_WHOLE = U(64)
_SLOTS_MASK = U(SLOTS - 1)

slot_of = inlined(slot)


@inlined
def find(names: Names, data: Bytes, at: np.uint64, length: np.uint64) -> np.uint64:
    """The number of the name that stands there; NOWHERE if it is none of them."""
    if length == U0:
        return NOWHERE
    head = load8(data, at)
    if length >= U8:
        tail = load8(data, at + length - U8)
    else:
        cut = _WHOLE - (length << U3)
        head = head << cut >> cut
        tail = head
    slot = slot_of(head, tail, length)
    while names.slots[slot] != NOWHERE:
        name = names.slots[slot]
        if names.lengths[name] == length and names.heads[name] == head and names.tails[name] == tail:
            place, own = U8, names.starts[name] + U8
            while place + U8 < length and load8(data, at + place) == load8(names.text, own):
                place += U8
                own += U8
            if place + U8 >= length:
                return name
        slot = (slot + U1) & _SLOTS_MASK
    return NOWHERE


@inlined
def attribute(data: Bytes, at: np.uint64, end: np.uint64, stack: Words) -> tuple[U, U, U, U, U]:
    """A KeyValue: start and stop of its key, type of its value; of a string start and stop, else its bits and 0."""
    key, key_end, kind, first, second = U0, U0, EMPTY, U0, U0
    while at < end:
        field, at = tag(data, at, end)
        if field == T1:
            key, key_end = delimited(data, at, end)
            at = key_end
        elif field == T2:
            at, stop = delimited(data, at, end)
            while at < stop:
                field, at = tag(data, at, stop)
                if field == T1:
                    kind = STRING
                    first, second = delimited(data, at, stop)
                    at = second
                elif field == T3_VARINT:
                    kind = INT
                    first, at = number(data, at, stop)
                elif field == T2_VARINT:
                    kind = BOOL
                    first, at = number(data, at, stop)
                else:
                    if field == T4_FIXED64:
                        kind = DOUBLE
                    elif field == T5:
                        kind = ARRAY
                    elif field == T6:
                        kind = KVLIST
                    elif field == T7:
                        kind = BYTES
                    elif field == T8_VARINT:
                        kind = EMPTY
                    at = skip(data, field, at, stop, U5, stack)
        else:
            at = skip(data, field, at, end, U5, stack)
    return key, key_end, kind, first, second


@expanded
def append(kind: int, key: tuple[U, U], value: tuple[U, U], type_: np.uint64, into: Target) -> None:
    """Appends to the entries of a kind."""
    place = into.cursors[kind]
    into.entries.keys[place, 0], into.entries.keys[place, 1] = key
    into.entries.values[place, 0], into.entries.values[place, 1] = value
    into.entries.types[place] = type_
    into.cursors[kind] = place + U1


@inlined
def plain(kind: int, at: np.uint64, end: np.uint64, source: Source, context: Context, into: Target) -> None:
    """Appends an attribute that no column can hold."""
    key, key_end, type_, first, second = attribute(source.data, at, end, context.stack)
    named = view(source.data, key, key_end - key, U0)
    append(kind, named, text(type_, first, second, at, source, into), type_, into)


@inlined
def put(
    kind: int,
    owner: np.uint64,
    turn: np.uint64,
    row: np.uint64,
    at: np.uint64,
    end: np.uint64,
    names: Names,
    cells: Cells,
    source: Source,
    context: Context,
    into: Target,
) -> None:
    """Puts an attribute into its column, into `keys`, or into the owner's list (`kind`).

    `owner` is a number that no other owner has, `turn` one that grows from attribute to attribute, `row` the owner's in
    `cells`; the attribute's bytes are those from `at` to `end`.
    """
    data = source.data
    key, key_end, type_, first, second = attribute(data, at, end, context.stack)
    name = find(names, data, key, key_end - key)
    column = NOWHERE
    value = U0, U0
    bits = first
    if name != NOWHERE and type_ >= STRING and type_ <= DOUBLE:
        column = names.columns[name]
        if column == NOWHERE or column < NUMBERS:
            value = text(type_, first, second, at, source, into)
            if value[0] & LENGTH == U0 and names.fills_empty[name] == U0:
                column, name = NOWHERE, NOWHERE
        elif type_ == STRING:
            fits, bits = is_int64(data, first, second)
            if not fits:
                column = NOWHERE
        elif type_ != INT:
            column = NOWHERE
    if name != NOWHERE and type_ >= STRING and type_ <= DOUBLE and names.keys[name] != U0:
        append(KEYS, view(data, key, key_end - key, U0), value, type_, into)
        return
    held = context.held
    if column != NOWHERE and held[column, HELD_BY] == owner:
        if held[column, HELD_RANK] < names.ranks[name]:
            column = NOWHERE
        else:
            give_way(kind, owner, column, source, context, into)
    if column == NOWHERE:
        named = view(data, key, key_end - key, U0)
        append(kind, named, text(type_, first, second, at, source, into), type_, into)
        return
    held[column, HELD_BY], held[column, HELD_RANK], held[column, HELD_TURN] = owner, names.ranks[name], turn
    held[column, HELD_PLACE], held[column, HELD_START], held[column, HELD_STOP] = into.cursors[kind], at, end
    if column < NUMBERS:
        cells.views[column, row, 0], cells.views[column, row, 1] = value
        cells.stated[column, row] = SET
    else:
        cells.numbers[column - NUMBERS, row] = bits
        cells.numbered[column - NUMBERS, row] = SET


@jit_lean
def give_way(kind: int, owner: np.uint64, column: np.uint64, source: Source, context: Context, into: Target) -> None:
    """Moves the attribute that held the column to its own place in the owner's list."""
    held, entries = context.held, into.entries
    start, stop = held[column, HELD_START], held[column, HELD_STOP]
    place, turn = held[column, HELD_PLACE], held[column, HELD_TURN]
    at = into.cursors[kind]
    while at > place:
        entries.keys[at, 0], entries.keys[at, 1] = entries.keys[at - U1, 0], entries.keys[at - U1, 1]
        entries.values[at, 0], entries.values[at, 1] = entries.values[at - U1, 0], entries.values[at - U1, 1]
        entries.types[at] = entries.types[at - U1]
        at -= U1
    last = into.cursors[kind]
    into.cursors[kind] = place
    plain(kind, start, stop, source, context, into)
    into.cursors[kind] = last + U1
    for other in range(held.shape[0]):
        if held[other, HELD_BY] == owner and held[other, HELD_TURN] > turn:
            held[other, HELD_PLACE] += U1
