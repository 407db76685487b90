"""The first pass over a request's bytes: whether they are one, what of it is kept, and how much room it takes.

Everything is checked here, wherever it stands: the wire format, UTF-8 of every string field, how deep values nest. So
the second pass (`fill`) may trust the bytes. What is counted goes into a `state`, an array of `uint64`; a rejected
span and a link without ids take no room.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from baton.jit import expanded, inlined, jit_lean
from baton.limits import NESTING_MAX, SPAN_ID_BYTES, TIME_NS_MAX, TRACE_ID_BYTES
from baton.wire.reading import (
    BAD,
    U0,
    U1,
    U2,
    U3,
    U4,
    U5,
    U6,
    U7,
    U8,
    U,
    delimited,
    fixed,
    is_utf8,
    load8,
    number,
    skip,
    tag,
)

if TYPE_CHECKING:
    from baton.wire.reading import Bytes, Truth, Words

# What a state counts.
(
    KEPT,
    REJECTED,
    SEEN,
    ATTRIBUTES,
    EVENTS,
    EVENT_ATTRIBUTES,
    LINKS,
    LINK_ATTRIBUTES,
    RESOURCE_ROWS,
    SCOPE_ROWS,
    NESTED,
    LONG_INTS,
    SPECIALS,
) = range(13)
COUNTS = 13
# The largest of its kind: attributes of one owner, of one resource, of one scope.
OWNER_MAX, RESOURCE_MAX, SCOPE_MAX = 13, 14, 15
# What is wrong with the bytes, and where; of a value that nests too deep, the range of its attribute's key.
ERROR, ERROR_AT, KEY_START, KEY_STOP = 16, 17, 18, 19
# Of the first span rejected: what is wrong, its three indices, and the range (of a time: the value) at fault.
FAULT, FAULT_RESOURCE, FAULT_SCOPE, FAULT_SPAN, FAULT_START, FAULT_STOP = 20, 21, 22, 23, 24, 25
STATE_SIZE = 32

WIRE, UTF8, NESTING = U(1), U(2), U(3)
FAULT_TRACE_ID, FAULT_SPAN_ID, FAULT_PARENT_ID, FAULT_START_TIME, FAULT_END_TIME = U1, U2, U3, U4, U5

# AnyValue's fields.
EMPTY, STRING, BOOL, INT, DOUBLE, ARRAY, KVLIST, BYTES = U0, U1, U2, U3, U4, U5, U6, U7

# A special is an attribute whose text the kernels do not write: where it begins and ends, its type, a double's bits.
SPECIAL_START, SPECIAL_STOP, SPECIAL_TYPE, SPECIAL_BITS = 0, 1, 2, 3
SPECIAL_SIZE = 4

SCRATCH_SIZE = 400
"""Open groups, then ends and kinds of nested messages, 128 words each; then the counts before a span."""

# Ints in these bounds have at most 12 characters, which stand in an Arrow view itself.
SHORT_INT_MAX = U(10**12 - 1)
SHORT_INT_MIN = U(2**64 - (10**11 - 1))
SIGN = U(2**63)

_TRACE_ID_BYTES, _SPAN_ID_BYTES = U(TRACE_ID_BYTES), U(SPAN_ID_BYTES)
_TIME_NS_MAX = U(TIME_NS_MAX)
_NESTING_MAX = U(NESTING_MAX)
_ENDS, _KINDS, _BEFORE = U(128), U(256), 384
_KEY_VALUE, _ANY_VALUE = U(16), U(17)  # kinds of nested messages, beside ARRAY and KVLIST

# Tags: number and wire type of the fields that are read.
T1_VARINT, T2_VARINT, T3_VARINT, T6_VARINT, T8_VARINT = U(8), U(16), U(24), U(48), U(64)
T1_FIXED64, T4_FIXED64, T7_FIXED64, T8_FIXED64 = U(9), U(33), U(57), U(65)
T6_FIXED32, T16_FIXED32 = U(53), U(133)
T1, T2, T3, T4, T5, T6, T7, T9, T11, T13, T15 = (U(field << 3 | 2) for field in (1, 2, 3, 4, 5, 6, 7, 9, 11, 13, 15))


class Marks(NamedTuple):
    """What a scan writes.

    Attributes:
        state: what is counted and what is wrong, by the names above.
        specials: one row a special, as far as there is room.
        rejected: one bit a span, in the order sent, of those that are not kept, as far as there is room; zero before.
        scratch: `SCRATCH_SIZE` words.
    """

    state: Words
    specials: Words
    rejected: Bytes
    scratch: Words


def marks(specials: int, spans: int) -> Marks:
    """Marks with room for so many specials and spans."""
    words = np.uint64
    return Marks(
        np.zeros(STATE_SIZE, words),
        np.empty((specials, SPECIAL_SIZE), words),
        np.zeros(spans // 8 + 1, np.uint8),
        np.zeros(SCRATCH_SIZE, words),
    )


@jit_lean
def scan(data: Bytes, bounds: Words, states: Words, into: Marks) -> None:
    """Scans requests that stand one after the other, up to the first faulty one.

    Args:
        data: their bytes.
        bounds: where each begins, and where the last ends.
        states: one row a request, and one more before them: the state after each.
        into: what to write.
    """
    request = U0
    while request + U1 < U(bounds.shape[0]):
        at, end = bounds[request], bounds[request + U1]
        resources = U0
        while at < end:
            begin = at
            field, at = tag(data, at, end)
            if at != BAD and field == T1:
                start, at = delimited(data, at, end)
                if at != BAD:
                    at = _resource_spans(data, start, at, resources, into)
                resources += U1
            elif at != BAD:
                at = skip(data, field, at, end, U0, into.scratch)
            if at == BAD:
                _wire(begin, into)
                at = end
        request += U1
        for count in range(STATE_SIZE):
            states[request, count] = into.state[count]
        if into.state[ERROR] != U0:
            return


@jit_lean
def _wire(at: np.uint64, into: Marks) -> np.uint64:
    """Marks the field that begins at `at` as faulty, unless something in it is marked already."""
    if into.state[ERROR] == U0:
        into.state[ERROR] = WIRE
        into.state[ERROR_AT] = at
    return BAD


@inlined
def _text(data: Bytes, at: np.uint64, end: np.uint64, into: Marks) -> np.uint64:
    """Passes over a string field's value."""
    start, stop = delimited(data, at, end)
    if stop != BAD and not is_utf8(data, start, stop):
        into.state[ERROR] = UTF8
        into.state[ERROR_AT] = start
        return BAD
    return stop


@expanded
def _resource_spans(data: Bytes, at: np.uint64, end: np.uint64, place: np.uint64, into: Marks) -> np.uint64:
    attributes, scopes = U0, U0
    state = into.state
    before = state[KEPT]
    while at < end:
        begin = at
        field, at = tag(data, at, end)
        if at == BAD:
            return _wire(begin, into)
        if field == T2:
            start, at = delimited(data, at, end)
            if at != BAD:
                at = _scope_spans(data, start, at, place, scopes, into)
            scopes += U1
        elif field == T1:
            start, at = delimited(data, at, end)
            if at != BAD:
                count, at = _resource(data, start, at, into)
                attributes += count
        elif field == T3:
            at = _text(data, at, end, into)
        else:
            at = skip(data, field, at, end, U1, into.scratch)
        if at == BAD:
            return _wire(begin, into)
    state[RESOURCE_ROWS] += attributes * (state[KEPT] - before)
    state[RESOURCE_MAX] = max(state[RESOURCE_MAX], attributes)
    state[OWNER_MAX] = max(state[OWNER_MAX], attributes)
    return end


@expanded
def _resource(data: Bytes, at: np.uint64, end: np.uint64, into: Marks) -> tuple[U, U]:
    """How many attributes, and the next position."""
    attributes = U0
    while at < end:
        begin = at
        field, at = tag(data, at, end)
        if at == BAD:
            return U0, _wire(begin, into)
        if field == T1:
            start, at = delimited(data, at, end)
            if at != BAD:
                at = _attribute(data, start, at, U3, into)
            attributes += U1
        elif field == T3:
            start, at = delimited(data, at, end)
            if at != BAD:
                at = _entity(data, start, at, into)
        else:
            at = skip(data, field, at, end, U2, into.scratch)
        if at == BAD:
            return U0, _wire(begin, into)
    return attributes, end


@expanded
def _entity(data: Bytes, at: np.uint64, end: np.uint64, into: Marks) -> np.uint64:
    """An EntityRef: nothing of it is kept, all of it is checked."""
    while at < end:
        begin = at
        field, at = tag(data, at, end)
        if at == BAD:
            return _wire(begin, into)
        if field == T1 or field == T2 or field == T3 or field == T4:
            at = _text(data, at, end, into)
        else:
            at = skip(data, field, at, end, U3, into.scratch)
        if at == BAD:
            return _wire(begin, into)
    return end


@expanded
def _scope_spans(
    data: Bytes, at: np.uint64, end: np.uint64, resource: np.uint64, place: np.uint64, into: Marks
) -> np.uint64:
    attributes, spans = U0, U0
    state = into.state
    before = state[KEPT]
    while at < end:
        begin = at
        field, at = tag(data, at, end)
        if at == BAD:
            return _wire(begin, into)
        if field == T2:
            start, at = delimited(data, at, end)
            if at != BAD:
                rejections = state[REJECTED]
                at = _span(data, start, at, into)
                if rejections == U0 and state[REJECTED] == U1:
                    state[FAULT_RESOURCE], state[FAULT_SCOPE], state[FAULT_SPAN] = resource, place, spans
            spans += U1
        elif field == T1:
            start, at = delimited(data, at, end)
            if at != BAD:
                count, at = _scope(data, start, at, into)
                attributes += count
        elif field == T3:
            at = _text(data, at, end, into)
        else:
            at = skip(data, field, at, end, U2, into.scratch)
        if at == BAD:
            return _wire(begin, into)
    state[SCOPE_ROWS] += attributes * (state[KEPT] - before)
    state[SCOPE_MAX] = max(state[SCOPE_MAX], attributes)
    state[OWNER_MAX] = max(state[OWNER_MAX], attributes)
    return end


@expanded
def _scope(data: Bytes, at: np.uint64, end: np.uint64, into: Marks) -> tuple[U, U]:
    """How many attributes, and the next position."""
    attributes = U0
    while at < end:
        begin = at
        field, at = tag(data, at, end)
        if at == BAD:
            return U0, _wire(begin, into)
        if field == T3:
            start, at = delimited(data, at, end)
            if at != BAD:
                at = _attribute(data, start, at, U4, into)
            attributes += U1
        elif field == T1 or field == T2:
            at = _text(data, at, end, into)
        else:
            at = skip(data, field, at, end, U3, into.scratch)
        if at == BAD:
            return U0, _wire(begin, into)
    return attributes, end


@expanded
def _span(data: Bytes, at: np.uint64, end: np.uint64, into: Marks) -> np.uint64:
    state = into.state
    for count in range(COUNTS):
        into.scratch[_BEFORE + count] = state[count]
    trace, trace_end, span, span_end, parent, parent_end = U0, U0, U0, U0, U0, U0
    started, ended, attributes = U0, U0, U0
    while at < end:
        begin = at
        field, at = tag(data, at, end)
        if at == BAD:
            return _wire(begin, into)
        if field == T9:
            start, at = delimited(data, at, end)
            if at != BAD:
                at = _attribute(data, start, at, U4, into)
            attributes += U1
        elif field == T1:
            trace, trace_end = delimited(data, at, end)
            at = trace_end
        elif field == T2:
            span, span_end = delimited(data, at, end)
            at = span_end
        elif field == T4:
            parent, parent_end = delimited(data, at, end)
            at = parent_end
        elif field == T3 or field == T5:
            at = _text(data, at, end, into)
        elif field == T7_FIXED64 or field == T8_FIXED64:
            at = fixed(at, end, U8)
            if at != BAD and field == T7_FIXED64:
                started = load8(data, at - U8)
            elif at != BAD:
                ended = load8(data, at - U8)
        elif field == T11:
            start, at = delimited(data, at, end)
            if at != BAD:
                at = _event(data, start, at, into)
        elif field == T13:
            start, at = delimited(data, at, end)
            if at != BAD:
                at = _link(data, start, at, into)
        elif field == T15:
            start, at = delimited(data, at, end)
            if at != BAD:
                at = _status(data, start, at, into)
        else:
            at = skip(data, field, at, end, U3, into.scratch)
        if at == BAD:
            return _wire(begin, into)
    state[OWNER_MAX] = max(state[OWNER_MAX], attributes)
    state[ATTRIBUTES] += attributes
    fault, start, stop = U0, U0, U0
    if not is_trace_id(data, trace, trace_end):
        fault, start, stop = FAULT_TRACE_ID, trace, trace_end
    elif not is_span_id(data, span, span_end):
        fault, start, stop = FAULT_SPAN_ID, span, span_end
    elif parent != parent_end and parent_end - parent != _SPAN_ID_BYTES:
        fault, start, stop = FAULT_PARENT_ID, parent, parent_end
    elif started > _TIME_NS_MAX:
        fault, start = FAULT_START_TIME, started
    elif ended > _TIME_NS_MAX:
        fault, start = FAULT_END_TIME, ended
    if fault == U0:
        state[KEPT] += U1
    else:
        _reject(fault, start, stop, into)
    state[SEEN] += U1
    return end


@expanded
def _reject(fault: np.uint64, start: np.uint64, stop: np.uint64, into: Marks) -> None:
    """Counts the span as rejected, and nothing that it holds."""
    state = into.state
    for count in range(COUNTS):
        state[count] = into.scratch[_BEFORE + count]
    if state[REJECTED] == U0:
        state[FAULT], state[FAULT_START], state[FAULT_STOP] = fault, start, stop
    state[REJECTED] += U1
    place = state[SEEN] >> U3
    if place < U(into.rejected.shape[0]):
        into.rejected[place] |= np.uint8(U1 << (state[SEEN] & U7))


@inlined
def is_trace_id(data: Bytes, start: np.uint64, stop: np.uint64) -> Truth:
    """Whether these are 16 bytes, not all zero."""
    return stop - start == _TRACE_ID_BYTES and (load8(data, start) | load8(data, start + U8)) != U0


@inlined
def is_span_id(data: Bytes, start: np.uint64, stop: np.uint64) -> Truth:
    """Whether these are 8 bytes, not all zero."""
    return stop - start == _SPAN_ID_BYTES and load8(data, start) != U0


@expanded
def _event(data: Bytes, at: np.uint64, end: np.uint64, into: Marks) -> np.uint64:
    attributes = U0
    while at < end:
        begin = at
        field, at = tag(data, at, end)
        if at == BAD:
            return _wire(begin, into)
        if field == T3:
            start, at = delimited(data, at, end)
            if at != BAD:
                at = _attribute(data, start, at, U5, into)
            attributes += U1
        elif field == T2:
            at = _text(data, at, end, into)
        else:
            at = skip(data, field, at, end, U4, into.scratch)
        if at == BAD:
            return _wire(begin, into)
    into.state[EVENTS] += U1
    into.state[EVENT_ATTRIBUTES] += attributes
    into.state[OWNER_MAX] = max(into.state[OWNER_MAX], attributes)
    return end


@expanded
def _link(data: Bytes, at: np.uint64, end: np.uint64, into: Marks) -> np.uint64:
    state = into.state
    nested, long_ints, specials = state[NESTED], state[LONG_INTS], state[SPECIALS]
    trace, trace_end, span, span_end, attributes = U0, U0, U0, U0, U0
    while at < end:
        begin = at
        field, at = tag(data, at, end)
        if at == BAD:
            return _wire(begin, into)
        if field == T1:
            trace, trace_end = delimited(data, at, end)
            at = trace_end
        elif field == T2:
            span, span_end = delimited(data, at, end)
            at = span_end
        elif field == T3:
            at = _text(data, at, end, into)
        elif field == T4:
            start, at = delimited(data, at, end)
            if at != BAD:
                at = _attribute(data, start, at, U5, into)
            attributes += U1
        else:
            at = skip(data, field, at, end, U4, into.scratch)
        if at == BAD:
            return _wire(begin, into)
    state[OWNER_MAX] = max(state[OWNER_MAX], attributes)
    if is_trace_id(data, trace, trace_end) and is_span_id(data, span, span_end):
        state[LINKS] += U1
        state[LINK_ATTRIBUTES] += attributes
    else:
        state[NESTED], state[LONG_INTS], state[SPECIALS] = nested, long_ints, specials
    return end


@expanded
def _status(data: Bytes, at: np.uint64, end: np.uint64, into: Marks) -> np.uint64:
    while at < end:
        begin = at
        field, at = tag(data, at, end)
        if at != BAD:
            at = _text(data, at, end, into) if field == T2 else skip(data, field, at, end, U4, into.scratch)
        if at == BAD:
            return _wire(begin, into)
    return end


@inlined
def _attribute(data: Bytes, at: np.uint64, end: np.uint64, depth: np.uint64, into: Marks) -> np.uint64:
    """A KeyValue; `depth` is its own."""
    state = into.state
    first = at
    key, key_end = at, at
    kind, bits = EMPTY, U0
    while at < end:
        begin = at
        field, at = tag(data, at, end)
        if at == BAD:
            return _wire(begin, into)
        if field == T1:
            key, key_end = delimited(data, at, end)
            at = key_end
            if at != BAD and not is_utf8(data, key, at):
                state[ERROR], state[ERROR_AT] = UTF8, key
                return BAD
        elif field == T2:
            start, at = delimited(data, at, end)
            if at != BAD:
                kind, bits, at = _value(data, start, at, depth + U1, kind, bits, into)
        else:
            at = skip(data, field, at, end, depth, into.scratch)
        if at == BAD:
            if state[ERROR] == NESTING and state[KEY_STOP] == U0:
                state[KEY_START], state[KEY_STOP] = key, key_end
            return _wire(begin, into)
    if kind >= DOUBLE:
        place = state[SPECIALS]
        if place < U(into.specials.shape[0]):
            into.specials[place, SPECIAL_START], into.specials[place, SPECIAL_STOP] = first, end
            into.specials[place, SPECIAL_TYPE], into.specials[place, SPECIAL_BITS] = kind, bits
        state[SPECIALS] += U1
    elif kind == INT and not is_short(bits):
        state[LONG_INTS] += U1
    return end


@inlined
def is_short(bits: np.uint64) -> Truth:
    """Whether an int's text has at most 12 characters."""
    return bits <= SHORT_INT_MAX or bits >= SHORT_INT_MIN


@inlined
def _value(
    data: Bytes, at: np.uint64, end: np.uint64, depth: np.uint64, kind: np.uint64, bits: np.uint64, into: Marks
) -> tuple[U, U, U]:
    """An AnyValue merged into the one before, of which `kind` and `bits` are told: the same, and the next position."""
    while at < end:
        begin = at
        field, at = tag(data, at, end)
        if at == BAD:
            return kind, bits, _wire(begin, into)
        if field == T1:
            kind = STRING
            at = _text(data, at, end, into)
        elif field == T3_VARINT:
            kind = INT
            bits, at = number(data, at, end)
        elif field == T2_VARINT:
            kind = BOOL
            bits, at = number(data, at, end)
        elif field == T4_FIXED64:
            kind = DOUBLE
            at = fixed(at, end, U8)
            if at != BAD:
                bits = load8(data, at - U8)
        elif field == T5 or field == T6:
            kind = ARRAY if field == T5 else KVLIST
            start, at = delimited(data, at, end)
            if at != BAD:
                at = _nested(data, start, at, kind, depth + U1, into)
        elif field == T7:
            kind = BYTES
            at = delimited(data, at, end)[1]
        elif field == T8_VARINT:
            kind = EMPTY  # a string by its index, which OTLP has for profiles
            at = number(data, at, end)[1]
        else:
            at = skip(data, field, at, end, depth, into.scratch)
        if at == BAD:
            return kind, bits, _wire(begin, into)
    return kind, bits, end


@jit_lean
def _nested(data: Bytes, at: np.uint64, end: np.uint64, kind: np.uint64, depth: np.uint64, into: Marks) -> np.uint64:
    """An ArrayValue or KeyValueList and all that stands in it; `depth` is its own.

    The open messages stand in scratch: one level deeper than `AnyValue`, which is level 1, each.
    """
    scratch = into.scratch
    scratch[_ENDS], scratch[_KINDS] = end, kind
    top = U0
    while True:
        if at == scratch[_ENDS + top]:
            if top == U0:
                return at
            top -= U1
            continue
        begin = at
        stop = scratch[_ENDS + top]
        kind = scratch[_KINDS + top]
        field, at = tag(data, at, stop)
        if at == BAD:
            return _wire(begin, into)
        child = U0
        if kind == ARRAY:
            child = _ANY_VALUE if field == T1 else U0
        elif kind == KVLIST:
            child = _KEY_VALUE if field == T1 else U0
        elif kind == _KEY_VALUE:
            child = _ANY_VALUE if field == T2 else U0
        elif field == T5:
            child = ARRAY
        elif field == T6:
            child = KVLIST
        if child != U0:
            start, at = delimited(data, at, stop)
            if at == BAD:
                return _wire(begin, into)
            top += U1
            level = top + U2
            if child >= _KEY_VALUE:
                into.state[NESTED] += U1
                # A pair has a value, whether sent or not.
                if level + (U1 if child == _KEY_VALUE else U0) > _NESTING_MAX:
                    into.state[ERROR], into.state[ERROR_AT] = NESTING, begin
                    return BAD
            scratch[_ENDS + top], scratch[_KINDS + top] = at, child
            at = start
        elif field == T1 and kind >= _KEY_VALUE:
            at = _text(data, at, stop, into)
        else:
            at = skip(data, field, at, stop, depth + top, scratch)
        if at == BAD:
            return _wire(begin, into)
