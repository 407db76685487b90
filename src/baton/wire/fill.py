"""The second pass over a request's bytes: from the bytes that `scan` took for good into arrays, span by span."""

from __future__ import annotations

from typing import TYPE_CHECKING

from baton.jit import expanded, jit_lean
from baton.limits import TIME_NS_MAX
from baton.wire.arrays import (
    ATTRIBUTES,
    EVENT_ATTRIBUTES,
    EVENTS,
    KEYS,
    KIND,
    LINK_ATTRIBUTES,
    LINKS,
    RESOURCE,
    RESOURCE_OWN,
    ROW,
    SCOPE,
    SCOPE_OWN,
    SEEN,
    STATUS_CODE,
)
from baton.wire.attributes import SET, plain, put
from baton.wire.places import (
    CONTEXT_TEXTS,
    END_NS,
    ENVIRONMENT,
    EXCEPTION_TYPE,
    FLAGS,
    INGESTED_AT,
    NAME,
    PARENT_KEY,
    PARENT_SPAN_ID,
    SCHEMA_URL,
    SCOPE_NAME,
    SCOPE_VERSION,
    SERVICE,
    SERVICE_INSTANCE,
    SPAN_ID,
    SPAN_KEY,
    START_NS,
    STATUS_MESSAGE,
    TENANT,
    TRACE_ID,
    TRACE_KEY,
    TRACE_STATE,
)
from baton.wire.reading import BAD, U0, U1, U2, U3, U4, U6, U7, U8, U, delimited, load4, load8, number, skip, tag
from baton.wire.scan import (
    T1,
    T1_FIXED64,
    T2,
    T3,
    T3_VARINT,
    T4,
    T5,
    T6_FIXED32,
    T6_VARINT,
    T7_FIXED64,
    T8_FIXED64,
    T9,
    T11,
    T13,
    T15,
    T16_FIXED32,
    is_span_id,
    is_trace_id,
)
from baton.wire.views import HALF, LENGTH, surrogate, view

if TYPE_CHECKING:
    import numpy as np

    from baton.wire.arrays import Cells, Context, Source, Target
    from baton.wire.places import Names
    from baton.wire.reading import Bytes, Truth

# Enum values that OTLP may add later stand as "unspecified" and "unset": Int8 holds no others.
KIND_MAX, STATUS_CODE_MAX = U(5), U2

_TIME_NS_MAX = U(TIME_NS_MAX)
_TRACE_ID_BYTES = U(16)
_EXCEPTION_BYTES, _EXCEPTION_TYPE_BYTES = U(9), U(14)
_EXCEPTION_HEAD = U(int.from_bytes(b"exceptio", "little"))
_EXCEPTION_TAIL = U(int.from_bytes(b"xception", "little"))
_TYPE_TAIL = U(int.from_bytes(b"ion.type", "little"))


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
    """The spans of one resource, of the request `request`; `owner` is the number of resources so far."""
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
    cells.stated[column, 0] = 1 if value[0] & LENGTH != U0 else 0


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
    """The spans of one scope; `schema_url` is the resource's."""
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
    state_text(context.cells, SCHEMA_URL, own_url if own_url[0] & LENGTH != U0 else schema_url)
    at = start
    while at < end:
        field, at = tag(data, at, end)
        if field == T2:
            at, stop = delimited(data, at, end)
            seen = into.cursors[SEEN]
            into.cursors[SEEN] = seen + U1
            if U(source.rejected[seen >> U3]) >> (seen & U7) & U1 == U0:
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
                cells.stated[column, row] = SET
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
    """One span, which is kept."""
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
            if stop - at == _TRACE_ID_BYTES:
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
            kind &= LENGTH
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
                    code &= LENGTH
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
        cells.numbered[PARENT_KEY, row] = SET
    write(cells, EXCEPTION_TYPE, row, exception)
    into.small[KIND, row] = kind if kind <= KIND_MAX else U0
    into.small[STATUS_CODE, row] = code if code <= STATUS_CODE_MAX else U0
    for list_ in (ATTRIBUTES, KEYS, EVENTS, LINKS):
        into.ends[list_, row] = into.cursors[list_] - into.starts[list_]
    into.cursors[ROW] = row + U1


@expanded
def write(cells: Cells, column: int, row: np.uint64, value: tuple[U, U]) -> None:
    """Sets a cell; an empty text is null."""
    if value[0] & LENGTH != U0:
        cells.views[column, row, 0], cells.views[column, row, 1] = value
        cells.stated[column, row] = SET
    else:
        cells.stated[column, row] = 0


@expanded
def event(at: np.uint64, end: np.uint64, source: Source, context: Context, into: Target) -> tuple[Truth, U, U]:
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
    if (
        name_end - name != _EXCEPTION_BYTES
        or load8(data, name) != _EXCEPTION_HEAD
        or load8(data, name + U1) != _EXCEPTION_TAIL
    ):
        return False, U0, U0
    entries = into.entries
    while first < into.cursors[EVENT_ATTRIBUTES]:
        if is_exception_type(entries.keys[first, 0], entries.keys[first, 1], data):
            return True, entries.values[first, 0], entries.values[first, 1]
        first += U1
    return True, U0, U0


@expanded
def is_exception_type(low: np.uint64, high: np.uint64, data: Bytes) -> Truth:
    """Whether the view is that of `exception.type`."""
    if low & LENGTH != _EXCEPTION_TYPE_BYTES:
        return False
    at = high >> HALF
    return load8(data, at) == _EXCEPTION_HEAD and load8(data, at + U6) == _TYPE_TAIL


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
    links.trace_ids[place, 0], links.trace_ids[place, 1] = view(data, trace, _TRACE_ID_BYTES, U0)
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
