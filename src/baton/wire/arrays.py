"""The arrays that kernels read and write, and where in them what stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from baton.wire.reading import Bytes, Words

KIND, STATUS_CODE = 0, 1

# The lists of a span, and where their entries stand; a resource's and a scope's own attributes wait apart.
ATTRIBUTES, KEYS, RESOURCE, SCOPE, EVENTS, LINKS = range(6)
LISTS = 6
EVENT_ATTRIBUTES, LINK_ATTRIBUTES, RESOURCE_OWN, SCOPE_OWN = 6, 7, 8, 9
ROW, SEEN, SPECIAL, ARENA = 10, 11, 12, 13
CURSORS = 14

# What holds a column of the owner at hand: its owner, its rank, its turn, where it would stand in the list, its bytes.
HELD_BY, HELD_RANK, HELD_TURN, HELD_PLACE, HELD_START, HELD_STOP = range(6)
HELD_SIZE = 6

LONG_INT_BYTES = 64
"""Room for a long int's text in the arena: it may be written up to three times, where another takes its column."""


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
