"""The second pass over a request's bytes: from the bytes that `scan` took for good into arrays, span by span.

Texts are Arrow views (16 bytes: the length, then up to 12 bytes of text, or 4 of it, a buffer's number and an offset)
over the requests' own bytes (buffer 0) or over the arena of rendered texts (buffer 1). Which attribute fills which
column, and what becomes of the others, is the law of `places`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from baton.limits import TIME_NS_MAX
from baton.wire.jit import expanded, inlined, jit_lean
from baton.wire.places import (
    CONTEXT_TEXTS,
    END_NS,
    ENVIRONMENT,
    EXCEPTION_TYPE,
    FLAGS,
    INGESTED_AT,
    NAME,
    NOWHERE,
    NUMBERS,
    PARENT_KEY,
    PARENT_SPAN_ID,
    SCHEMA_URL,
    SCOPE_NAME,
    SCOPE_VERSION,
    SERVICE,
    SERVICE_INSTANCE,
    SLOTS,
    SPAN_ID,
    SPAN_KEY,
    START_NS,
    STATUS_MESSAGE,
    TENANT,
    TRACE_ID,
    TRACE_KEY,
    TRACE_STATE,
    slot,
)
from baton.wire.reading import BAD, U0, U1, U2, U3, U4, U5, U8, U, delimited, load4, load8, number, skip, tag
from baton.wire.scan import (
    ARRAY,
    BOOL,
    BYTES,
    DOUBLE,
    EMPTY,
    INT,
    KVLIST,
    SIGN,
    SPECIAL_START,
    STRING,
    T1,
    T1_FIXED64,
    T2,
    T2_VARINT,
    T3,
    T3_VARINT,
    T4,
    T4_FIXED64,
    T5,
    T6,
    T6_FIXED32,
    T6_VARINT,
    T7,
    T7_FIXED64,
    T8_FIXED64,
    T8_VARINT,
    T9,
    T11,
    T13,
    T15,
    T16_FIXED32,
    is_span_id,
    is_trace_id,
)

if TYPE_CHECKING:
    from baton.wire.places import Names
    from baton.wire.reading import Bytes, Words

# Enum values that OTLP may add later stand as "unspecified" and "unset": Int8 holds no others.
KIND_MAX, STATUS_CODE_MAX = U(5), U2

KIND, STATUS_CODE = 0, 1

# The lists of a span, and where their entries stand; a resource's and a scope's own attributes wait apart.
ATTRIBUTES, KEYS, RESOURCE, SCOPE, EVENTS, LINKS = range(6)
LISTS = 6
EVENT_ATTRIBUTES, LINK_ATTRIBUTES, RESOURCE_OWN, SCOPE_OWN = 6, 7, 8, 9
ROW, SEEN, SPECIAL, ARENA = 10, 11, 12, 13
CURSORS = 16

# What holds a column of the owner at hand: its owner, its rank, its turn, where it would stand in the list, its bytes.
HELD_BY, HELD_RANK, HELD_TURN, HELD_PLACE, HELD_START, HELD_STOP = range(6)
HELD_SIZE = 6

INT_TEXT_BYTES_MAX = 20
"""Of `-9223372036854775808`."""

_LENGTH = U(2**32 - 1)
_INLINE_MAX = U(12)
_32 = U(32)
_64 = U(64)
_TIME_NS_MAX = U(TIME_NS_MAX)
_TRUE = U(int.from_bytes(b"true", "little"))
_FALSE = U(int.from_bytes(b"fals", "little"))
_E = U(ord("e"))
_ZERO, _NINE, _MINUS = U(ord("0")), U(ord("9")), U(ord("-"))
_TEN = U(10)
_EIGHT_DIGITS = U(10**8)
_DIGITS_MAX = U(19)  # of an Int64
_EXCEPTION_HEAD = U(int.from_bytes(b"exceptio", "little"))
_EXCEPTION_TAIL = U(int.from_bytes(b"xception", "little"))
_TYPE_TAIL = U(int.from_bytes(b"ion.type", "little"))
_SET = np.uint8(1)
_SLOTS_MASK = U(SLOTS - 1)

slot_of = inlined(slot)


class Source(NamedTuple):
    """What a fill reads.

    Attributes:
        data: the requests' bytes, one after the other, then eight more at least.
        bounds: where each begins, and where the last ends.
        ingested: when each was taken.
        tenants: the view of each one's tenant.
        rejected: one bit a span, in the order sent: it is not kept.
        specials: what `scan` left of attributes whose text is made elsewhere, in the order of their bytes.
        special_views: the view of each one's text.
    """

    data: Bytes
    bounds: Words
    ingested: Words
    tenants: Words
    rejected: Bytes
    specials: Words
    special_views: Words


class Cells(NamedTuple):
    """One cell a column and row.

    Attributes:
        views: (column, row, 2).
        stated: (column, row): 0 is null.
        numbers: (column, row).
        numbered: (column, row): 0 is null.
    """

    views: Words
    stated: Bytes
    numbers: Words
    numbered: Bytes


class Entries(NamedTuple):
    """Attributes of all kinds of owners; those of a kind stand together.

    Attributes:
        keys: (entry, 2).
        values: (entry, 2).
        types: AnyValue's field numbers.
    """

    keys: Words
    values: Words
    types: Bytes


class Events(NamedTuple):
    """Events of all spans; `ends` is where the attributes of each end."""

    names: Words
    times: Words
    timed: Bytes
    ends: Words


class Links(NamedTuple):
    """Links of all spans; `ends` is where the attributes of each end."""

    trace_ids: Words
    span_ids: Words
    states: Words
    stated: Bytes
    trace_keys: Words
    span_keys: Words
    flags: Words
    ends: Words


class Target(NamedTuple):
    """What a fill writes.

    Attributes:
        cells: of the spans.
        small: (kind, status code; row).
        ends: (list, row): where the entries of each span end.
        entries: attributes and keys.
        events: events.
        links: links.
        arena: rendered texts; room for those of ints from `cursors[ARENA]` on.
        cursors: where the next entry of each kind goes.
        starts: where those of each kind begin.
    """

    cells: Cells
    small: Bytes
    ends: Words
    entries: Entries
    events: Events
    links: Links
    arena: Bytes
    cursors: Words
    starts: Words


class Context(NamedTuple):
    """What is said once for many spans, and scratch.

    Attributes:
        cells: of one row: the columns that a resource and a scope fill.
        held: who holds which column (`HELD_BY` and so on), of the span or the resource at hand.
        unknown_service: the view of what stands for a service without a name.
        stack: as of `skip`.
    """

    cells: Cells
    held: Words
    unknown_service: Words
    stack: Words


@inlined
def view(data: Bytes, at: np.uint64, length: np.uint64, buffer: np.uint64) -> tuple[U, U]:
    """The Arrow view of `length` bytes at `at`; `data` goes on for 12 bytes at least from there."""
    if length == U0:
        return U0, U0
    low = load8(data, at)
    if length > _INLINE_MAX:
        return length | low << _32, buffer | at << _32
    if length <= U4:
        cut = _64 - (length << U3)
        return length | low << cut >> cut << _32, U0
    cut = _64 - ((length - U4) << U3)
    return length | low << _32, load8(data, at + U4) << cut >> cut


@inlined
def surrogate(data: Bytes, at: np.uint64) -> np.uint64:
    """Eight bytes, big-endian."""
    low = U(data[at + U(7)]) | U(data[at + U(6)]) << U8 | U(data[at + U5]) << U(16) | U(data[at + U4]) << U(24)
    high = U(data[at + U3]) << U(32) | U(data[at + U2]) << U(40) | U(data[at + U1]) << U(48) | U(data[at]) << U(56)
    return low | high


@inlined
def find(names: Names, data: Bytes, at: np.uint64, length: np.uint64) -> np.uint64:
    """The number of the name that stands there; NOWHERE if it is none of them."""
    if length == U0:
        return NOWHERE
    head = load8(data, at)
    if length >= U8:
        tail = load8(data, at + length - U8)
    else:
        cut = _64 - (length << U3)
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


@jit_lean
def int_view(bits: np.uint64, arena: Bytes, cursors: Words) -> tuple[U, U]:
    """The view of an int's text; a long one goes into the arena."""
    at = cursors[ARENA]
    rest = (bits ^ BAD) + U1 if bits >= SIGN else bits
    if bits < _EIGHT_DIGITS:
        text, length = U0, U0
        while True:
            text = text << U8 | rest % _TEN + _ZERO
            length += U1
            rest //= _TEN
            if rest == U0:
                return length | text << _32, text >> _32
    place = at + U(INT_TEXT_BYTES_MAX)
    end = place
    while rest > U0:
        place -= U1
        arena[place] = rest % _TEN + _ZERO
        rest //= _TEN
    if bits >= SIGN:
        place -= U1
        arena[place] = _MINUS
    length = end - place
    if length > _INLINE_MAX:
        cursors[ARENA] = end
    return view(arena, place, length, U1)


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
            return U4 | _TRUE << _32, U0
        return U5 | _FALSE << _32, _E
    if kind == EMPTY:
        return U0, U0
    return special_view(start, source, into.cursors)


@jit_lean
def is_int64(data: Bytes, at: np.uint64, end: np.uint64) -> tuple[bool, U]:
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

    Args:
        owner: a number that no other owner has.
        turn: a number that grows from attribute to attribute.
        row: the owner's row in `cells`.
        at: where the attribute begins.
        end: where it ends.
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
            if value[0] & _LENGTH == U0 and names.fills_empty[name] == U0:
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
    if column != NOWHERE:
        if held[column, HELD_BY] == owner:
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
        cells.stated[column, row] = _SET
    else:
        cells.numbers[column - NUMBERS, row] = bits
        cells.numbered[column - NUMBERS, row] = _SET


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


@jit_lean
def fill(
    source: Source,
    first: np.uint64,
    last: np.uint64,
    names: Names,
    resource_names: Names,
    context: Context,
    into: Target,
) -> None:
    """Fills the arrays with the spans of the requests from `first` up to `last`."""
    data = source.data
    resources = U0
    request = first
    while request < last:
        at, end = source.bounds[request], source.bounds[request + U1]
        while at < end:
            field, at = tag(data, at, end)
            if field == T1:
                at, stop = delimited(data, at, end)
                resources += U1
                resource_spans(at, stop, request, resources, source, names, resource_names, context, into)
                at = stop
            else:
                at = skip(data, field, at, end, U0, context.stack)
        request += U1


@expanded
def resource_spans(
    at: np.uint64,
    end: np.uint64,
    request: np.uint64,
    owner: np.uint64,
    source: Source,
    names: Names,
    resource_names: Names,
    context: Context,
    into: Target,
) -> None:
    data, cells = source.data, context.cells
    start = at
    for column in range(cells.stated.shape[0]):
        cells.stated[column, 0] = 0
    state(cells, TENANT, (source.tenants[request, 0], source.tenants[request, 1]))
    state(cells, SERVICE, (context.unknown_service[0], context.unknown_service[1]))
    state(cells, ENVIRONMENT, (U0, U0))
    state(cells, SERVICE_INSTANCE, (U0, U0))
    into.cursors[RESOURCE_OWN] = into.starts[RESOURCE_OWN]
    schema_url = U0, U0
    # What the resource is may be said after its spans, or twice.
    while at < end:
        field, at = tag(data, at, end)
        if field == T1:
            at, stop = delimited(data, at, end)
            while at < stop:
                field, at = tag(data, at, stop)
                if field == T1:
                    at, last = delimited(data, at, stop)
                    put(RESOURCE_OWN, BAD - owner, at, U0, at, last, resource_names, cells, source, context, into)
                    at = last
                else:
                    at = skip(data, field, at, stop, U2, context.stack)
        elif field == T3:
            at, stop = delimited(data, at, end)
            schema_url = view(data, at, stop - at, U0)
            at = stop
        else:
            at = skip(data, field, at, end, U1, context.stack)
    at = start
    while at < end:
        field, at = tag(data, at, end)
        if field == T2:
            at, stop = delimited(data, at, end)
            before = into.cursors[ROW]
            scope_spans(at, stop, schema_url, source, names, context, into)
            spread(before, source.ingested[request], context, into)
            at = stop
        else:
            at = skip(data, field, at, end, U1, context.stack)


@expanded
def state(cells: Cells, column: int, value: tuple[U, U]) -> None:
    """Sets a column of one row."""
    cells.views[column, 0, 0], cells.views[column, 0, 1] = value
    cells.stated[column, 0] = 1


@expanded
def state_text(cells: Cells, column: int, value: tuple[U, U]) -> None:
    """Sets a column of one row; an empty text is null."""
    cells.views[column, 0, 0], cells.views[column, 0, 1] = value
    cells.stated[column, 0] = 1 if value[0] & _LENGTH != U0 else 0


@expanded
def scope_spans(
    at: np.uint64,
    end: np.uint64,
    schema_url: tuple[U, U],
    source: Source,
    names: Names,
    context: Context,
    into: Target,
) -> None:
    data = source.data
    start = at
    name, version, own_url = (U0, U0), (U0, U0), (U0, U0)
    into.cursors[SCOPE_OWN] = into.starts[SCOPE_OWN]
    while at < end:
        field, at = tag(data, at, end)
        if field == T1:
            at, stop = delimited(data, at, end)
            while at < stop:
                field, at = tag(data, at, stop)
                if field == T1 or field == T2 or field == T3:
                    at, last = delimited(data, at, stop)
                    if field == T1:
                        name = view(data, at, last - at, U0)
                    elif field == T2:
                        version = view(data, at, last - at, U0)
                    else:
                        plain(SCOPE_OWN, at, last, source, context, into)
                    at = last
                else:
                    at = skip(data, field, at, stop, U3, context.stack)
        elif field == T3:
            at, stop = delimited(data, at, end)
            own_url = view(data, at, stop - at, U0)
            at = stop
        else:
            at = skip(data, field, at, end, U2, context.stack)
    state_text(context.cells, SCOPE_NAME, name)
    state_text(context.cells, SCOPE_VERSION, version)
    state_text(context.cells, SCHEMA_URL, own_url if own_url[0] & _LENGTH != U0 else schema_url)
    at = start
    while at < end:
        field, at = tag(data, at, end)
        if field == T2:
            at, stop = delimited(data, at, end)
            seen = into.cursors[SEEN]
            into.cursors[SEEN] = seen + U1
            if U(source.rejected[seen >> U3]) >> (seen & U(7)) & U1 == U0:
                span(at, stop, source, names, context, into)
            at = stop
        else:
            at = skip(data, field, at, end, U2, context.stack)


@expanded
def spread(before: np.uint64, ingested: np.uint64, context: Context, into: Target) -> None:
    """Gives the rows since `before` what their resource and scope say."""
    after = into.cursors[ROW]
    cells, own = into.cells, context.cells
    for column in range(CONTEXT_TEXTS):
        if own.stated[column, 0] != 0:
            low, high = own.views[column, 0, 0], own.views[column, 0, 1]
            row = before
            while row < after:
                cells.views[column, row, 0], cells.views[column, row, 1] = low, high
                cells.stated[column, row] = _SET
                row += U1
    row = before
    while row < after:
        cells.numbers[INGESTED_AT, row] = ingested
        copy(RESOURCE_OWN, RESOURCE, row, into)
        copy(SCOPE_OWN, SCOPE, row, into)
        row += U1


@expanded
def copy(own: int, kind: int, row: np.uint64, into: Target) -> None:
    """Appends a resource's or scope's own attributes to those of a row."""
    entries, place = into.entries, into.starts[own]
    at = into.cursors[kind]
    while place < into.cursors[own]:
        entries.keys[at, 0], entries.keys[at, 1] = entries.keys[place, 0], entries.keys[place, 1]
        entries.values[at, 0], entries.values[at, 1] = entries.values[place, 0], entries.values[place, 1]
        entries.types[at] = entries.types[place]
        at += U1
        place += U1
    into.cursors[kind] = at
    into.ends[kind, row] = at - into.starts[kind]


@expanded
def span(at: np.uint64, end: np.uint64, source: Source, names: Names, context: Context, into: Target) -> None:
    data, cells = source.data, into.cells
    row = into.cursors[ROW]
    kind, code = U0, U0
    parent, parent_end = U0, U0
    exception, raised = (U0, U0), False
    while at < end:
        field, at = tag(data, at, end)
        if field == T9:
            at, stop = delimited(data, at, end)
            put(ATTRIBUTES, row + U1, at, row, at, stop, names, cells, source, context, into)
            at = stop
        elif field == T1:
            at, stop = delimited(data, at, end)
            cells.views[TRACE_ID, row, 0], cells.views[TRACE_ID, row, 1] = view(data, at, stop - at, U0)
            if stop - at == U(16):
                cells.numbers[TRACE_KEY, row] = surrogate(data, at + U8)
            at = stop
        elif field == T2:
            at, stop = delimited(data, at, end)
            cells.views[SPAN_ID, row, 0], cells.views[SPAN_ID, row, 1] = view(data, at, stop - at, U0)
            if stop - at == U8:
                cells.numbers[SPAN_KEY, row] = surrogate(data, at)
            at = stop
        elif field == T4:
            parent, parent_end = delimited(data, at, end)
            at = parent_end
        elif field == T7_FIXED64:
            cells.numbers[START_NS, row] = load8(data, at)
            at += U8
        elif field == T8_FIXED64:
            cells.numbers[END_NS, row] = load8(data, at)
            at += U8
        elif field == T5:
            at, stop = delimited(data, at, end)
            cells.views[NAME, row, 0], cells.views[NAME, row, 1] = view(data, at, stop - at, U0)
            at = stop
        elif field == T6_VARINT:
            kind, at = number(data, at, end)
            kind &= _LENGTH
        elif field == T16_FIXED32:
            cells.numbers[FLAGS, row] = load4(data, at)
            at += U4
        elif field == T3:
            at, stop = delimited(data, at, end)
            write(cells, TRACE_STATE, row, view(data, at, stop - at, U0))
            at = stop
        elif field == T15:
            at, stop = delimited(data, at, end)
            while at < stop:
                field, at = tag(data, at, stop)
                if field == T2:
                    at, last = delimited(data, at, stop)
                    write(cells, STATUS_MESSAGE, row, view(data, at, last - at, U0))
                    at = last
                elif field == T3_VARINT:
                    code, at = number(data, at, stop)
                    code &= _LENGTH
                else:
                    at = skip(data, field, at, stop, U4, context.stack)
        elif field == T11:
            at, stop = delimited(data, at, end)
            is_exception, low, high = event(at, stop, source, context, into)
            if is_exception and not raised:
                raised = True
                exception = low, high
            at = stop
        elif field == T13:
            at, stop = delimited(data, at, end)
            link(at, stop, source, context, into)
            at = stop
        else:
            at = skip(data, field, at, end, U3, context.stack)
    if parent != parent_end and load8(data, parent) != U0:
        write(cells, PARENT_SPAN_ID, row, view(data, parent, U8, U0))
        cells.numbers[PARENT_KEY, row] = surrogate(data, parent)
        cells.numbered[PARENT_KEY, row] = _SET
    write(cells, EXCEPTION_TYPE, row, exception)
    into.small[KIND, row] = kind if kind <= KIND_MAX else U0
    into.small[STATUS_CODE, row] = code if code <= STATUS_CODE_MAX else U0
    for list_ in (ATTRIBUTES, KEYS, EVENTS, LINKS):
        into.ends[list_, row] = into.cursors[list_] - into.starts[list_]
    into.cursors[ROW] = row + U1


@expanded
def write(cells: Cells, column: int, row: np.uint64, value: tuple[U, U]) -> None:
    """Sets a cell; an empty text is null."""
    if value[0] & _LENGTH != U0:
        cells.views[column, row, 0], cells.views[column, row, 1] = value
        cells.stated[column, row] = _SET
    else:
        cells.stated[column, row] = 0


@expanded
def event(at: np.uint64, end: np.uint64, source: Source, context: Context, into: Target) -> tuple[bool, U, U]:
    """Appends an event: whether it is an exception, and the view of that one's type."""
    data, events = source.data, into.events
    place = into.cursors[EVENTS]
    first = into.cursors[EVENT_ATTRIBUTES]
    time = U0
    name, name_end = at, at
    while at < end:
        field, at = tag(data, at, end)
        if field == T3:
            at, stop = delimited(data, at, end)
            plain(EVENT_ATTRIBUTES, at, stop, source, context, into)
            at = stop
        elif field == T1_FIXED64:
            time = load8(data, at)
            at += U8
        elif field == T2:
            name, name_end = delimited(data, at, end)
            at = name_end
        else:
            at = skip(data, field, at, end, U4, context.stack)
    events.names[place, 0], events.names[place, 1] = view(data, name, name_end - name, U0)
    # Events bear no verdict: one whose time no Int64 holds keeps its place and loses its time.
    events.times[place] = time if time <= _TIME_NS_MAX else U0
    events.timed[place] = U1 if time <= _TIME_NS_MAX else U0
    events.ends[place] = into.cursors[EVENT_ATTRIBUTES] - into.starts[EVENT_ATTRIBUTES]
    into.cursors[EVENTS] = place + U1
    if name_end - name != U(9) or load8(data, name) != _EXCEPTION_HEAD or load8(data, name + U1) != _EXCEPTION_TAIL:
        return False, U0, U0
    entries = into.entries
    while first < into.cursors[EVENT_ATTRIBUTES]:
        if is_exception_type(entries.keys[first, 0], entries.keys[first, 1], data):
            return True, entries.values[first, 0], entries.values[first, 1]
        first += U1
    return True, U0, U0


@expanded
def is_exception_type(low: np.uint64, high: np.uint64, data: Bytes) -> bool:
    """Whether the view is that of `exception.type`."""
    if low & _LENGTH != U(14):
        return False
    at = high >> _32
    return load8(data, at) == _EXCEPTION_HEAD and load8(data, at + U(6)) == _TYPE_TAIL


@expanded
def link(at: np.uint64, end: np.uint64, source: Source, context: Context, into: Target) -> None:
    """Appends a link; one with an invalid id names no span and is left out."""
    data, links = source.data, into.links
    start = at
    trace, trace_end, own, own_end, state_, state_end, flags = U0, U0, U0, U0, U0, U0, U0
    while at < end:
        field, at = tag(data, at, end)
        if field == T1:
            trace, trace_end = delimited(data, at, end)
            at = trace_end
        elif field == T2:
            own, own_end = delimited(data, at, end)
            at = own_end
        elif field == T3:
            state_, state_end = delimited(data, at, end)
            at = state_end
        elif field == T6_FIXED32:
            flags = load4(data, at)
            at += U4
        else:
            at = skip(data, field, at, end, U4, context.stack)
    if not (is_trace_id(data, trace, trace_end) and is_span_id(data, own, own_end)):
        return
    place = into.cursors[LINKS]
    links.trace_ids[place, 0], links.trace_ids[place, 1] = view(data, trace, U(16), U0)
    links.span_ids[place, 0], links.span_ids[place, 1] = view(data, own, U8, U0)
    links.states[place, 0], links.states[place, 1] = view(data, state_, state_end - state_, U0)
    links.stated[place] = U1 if state_ != state_end else U0
    links.trace_keys[place], links.span_keys[place] = surrogate(data, trace + U8), surrogate(data, own)
    links.flags[place] = flags
    at = start
    while at < end:
        field, at = tag(data, at, end)
        if field == T4:
            at, stop = delimited(data, at, end)
            plain(LINK_ATTRIBUTES, at, stop, source, context, into)
            at = stop
        else:
            at = skip(data, field, at, end, U4, context.stack)
    links.ends[place] = into.cursors[LINK_ATTRIBUTES] - into.starts[LINK_ATTRIBUTES]
    into.cursors[LINKS] = place + U1
