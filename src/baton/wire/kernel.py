"""OTLP protobuf bytes -> arrays, by machine code that makes no Python object a span.

Two passes: `scan` checks and counts, then `fill` writes into arrays of just the right size. Here is what lies around
them: the arrays' room, the texts that Python makes, and which requests are filled at once.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from baton.limits import FRAME_ENTRIES_MAX, FRAME_SPANS_MAX
from baton.wire import arrays, fill, scan
from baton.wire.places import COLUMNS, NUMBER_COLUMNS, TEXT_COLUMNS, resource_names, span_names
from baton.wire.reading import DEPTH_MAX
from baton.wire.texts import laid, rendered, special_texts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from baton.wire.decode import Request
    from baton.wire.reading import Bytes, Words

UNKNOWN_SERVICE = b"unknown_service"
PADDING = bytes(16)
"""Kernels read eight bytes at a time, and so beyond the end."""

_WORD = np.uint64
_SPECIAL_BYTES = 64
"""Of requests with as many specials as any real one; for more the scan is done twice."""

# One span with nothing but its ids.
_ONE_SPAN = b"\x0a\x20\x12\x1e\x12\x1c\x0a\x10" + b"\x01" * 16 + b"\x12\x08" + b"\x01" * 8


class _OneSpan(NamedTuple):
    ingested_at: int = 0
    tenant: str = ""
    body: bytes = _ONE_SPAN


class Scanned(NamedTuple):
    """Requests that were scanned together.

    Attributes:
        body: their bytes, and padding.
        data: the same.
        bounds: where each begins, and where the last ends.
        states: before the first, and after each: what was counted so far.
        marks: what else the scan found.
    """

    body: bytes
    data: Bytes
    bounds: Words
    states: Words
    marks: scan.Marks


def warm() -> None:
    """Runs each kernel once, so that none compiles while a request waits."""
    requests = [_OneSpan()]
    scan_one(_ONE_SPAN)
    list(fill_all(scan_all([_ONE_SPAN]), requests))


def scan_one(body: bytes) -> Words:
    """What `scan` says of one request: its state."""
    marks = scan.marks(0, 0)
    bounds = np.array([0, len(body)], _WORD)
    data = np.frombuffer(body, np.uint8)
    data.flags.writeable = False  # numba compiles anew for an array of another kind
    scan.scan(data, bounds, np.empty((2, scan.STATE_SIZE), _WORD), marks)
    return marks.state


def scan_all(bodies: Sequence[bytes]) -> Scanned:
    """Scans requests for `fill_all`; after a faulty one nothing is."""
    body = b"".join([*bodies, PADDING])
    data = np.frombuffer(body, np.uint8)
    bounds = np.cumsum([0, *map(len, bodies)], dtype=_WORD)
    room = len(data) // _SPECIAL_BYTES
    while True:
        marks = scan.marks(room, len(data) // 2)
        states = np.zeros((len(bounds), scan.STATE_SIZE), _WORD)
        scan.scan(data, bounds, states, marks)
        if marks.state[scan.SPECIALS] <= room:
            return Scanned(body, data, bounds, states, marks)
        room = int(marks.state[scan.SPECIALS])


def fill_all(scanned: Scanned, requests: Sequence[Request]) -> Iterator[arrays.Target]:
    """The arrays of the requests' spans, in parts of about `FRAME_SPANS_MAX` spans; of none where none is kept."""
    marks, states = scanned.marks, scanned.states
    tenants = {tenant: place for place, tenant in enumerate(dict.fromkeys(request.tenant for request in requests), 1)}
    specials = marks.specials[: int(marks.state[scan.SPECIALS])]
    ready, special_views, made = rendered(scanned.data, specials)
    special, number = special_texts(scanned.body, specials[~made])
    fixed = [UNKNOWN_SERVICE, *(tenant.encode() for tenant in tenants)]
    texts, text_views = laid(chain(fixed, special), len(ready))
    special_views[~made] = text_views[len(fixed) :][number]
    used = len(ready) + len(texts)
    arena = np.zeros(used + (int(marks.state[scan.LONG_INTS]) + 1) * arrays.LONG_INT_BYTES, np.uint8)
    arena[: len(ready)] = ready
    arena[len(ready) : used] = np.frombuffer(texts, np.uint8)
    source = arrays.Source(
        scanned.data,
        scanned.bounds,
        np.array([request.ingested_at for request in requests], np.int64).view(_WORD),
        text_views[[tenants[request.tenant] for request in requests]],
        marks.rejected,
        specials,
        special_views,
    )
    for first, last in parts(states):
        counts = states[last].copy()
        counts[: scan.COUNTS] -= states[first, : scan.COUNTS]
        if counts[scan.KEPT]:
            into = target(counts, states[first], arena, used)
            # Scratch of its own: who holds a column is known by a row, and rows begin anew.
            scratch = context(text_views[0])
            fill.fill(source, _WORD(first), _WORD(last), span_names(), resource_names(), scratch, into)
            used = int(into.cursors[arrays.ARENA])
            yield into


def cells(columns: int, numbers: int, rows: int) -> arrays.Cells:
    """Cells, all null."""
    return arrays.Cells(
        np.zeros((columns, rows, 2), _WORD),
        np.zeros((columns, rows), np.uint8),
        np.zeros((numbers, rows), _WORD),
        np.zeros((numbers, rows), np.uint8),
    )


def context(unknown_service: Words) -> arrays.Context:
    """Scratch of a fill."""
    return arrays.Context(
        cells(len(TEXT_COLUMNS), 1, 1),
        np.zeros((COLUMNS, arrays.HELD_SIZE), _WORD),
        unknown_service,
        np.zeros(int(DEPTH_MAX), _WORD),
    )


def target(counts: Words, before: Words, arena: Bytes, arena_used: int) -> arrays.Target:
    """Arrays with room for what `scan` counted.

    Args:
        counts: what it counted of these requests, and its largest of a kind.
        before: what it counted of those before them.
        arena: rendered texts.
        arena_used: how many bytes of them there are.
    """
    rows, events, links = (int(counts[name]) for name in (scan.KEPT, scan.EVENTS, scan.LINKS))
    room = np.zeros(arrays.CURSORS, np.int64)
    room[arrays.ATTRIBUTES] = room[arrays.KEYS] = counts[scan.ATTRIBUTES]
    room[arrays.EVENT_ATTRIBUTES], room[arrays.LINK_ATTRIBUTES] = (
        counts[scan.EVENT_ATTRIBUTES],
        counts[scan.LINK_ATTRIBUTES],
    )
    room[arrays.RESOURCE], room[arrays.SCOPE] = counts[scan.RESOURCE_ROWS], counts[scan.SCOPE_ROWS]
    room[arrays.RESOURCE_OWN], room[arrays.SCOPE_OWN] = counts[scan.RESOURCE_MAX], counts[scan.SCOPE_MAX]
    starts = np.cumsum(room) - room
    starts[[arrays.EVENTS, arrays.LINKS, arrays.ROW]] = 0
    entries = int(room.sum()) + 1
    cursors = starts.astype(_WORD)
    cursors[arrays.SEEN], cursors[arrays.SPECIAL] = before[scan.SEEN], before[scan.SPECIALS]
    cursors[arrays.ARENA] = arena_used
    return arrays.Target(
        cells(len(TEXT_COLUMNS), len(NUMBER_COLUMNS), rows),
        np.zeros((2, rows), np.uint8),
        np.zeros((arrays.LISTS, rows), _WORD),
        arrays.Entries(np.empty((entries, 2), _WORD), np.empty((entries, 2), _WORD), np.empty(entries, np.uint8)),
        arrays.Events(
            np.empty((events, 2), _WORD), np.empty(events, _WORD), np.empty(events, np.uint8), np.empty(events, _WORD)
        ),
        arrays.Links(
            np.empty((links, 2), _WORD),
            np.empty((links, 2), _WORD),
            np.empty((links, 2), _WORD),
            np.empty(links, np.uint8),
            np.empty(links, _WORD),
            np.empty(links, _WORD),
            np.empty(links, _WORD),
            np.empty(links, _WORD),
        ),
        arena,
        cursors,
        starts.astype(_WORD),
    )


def parts(states: Words) -> Iterator[tuple[int, int]]:
    """Runs of requests that fit a frame: first and last, the last not included."""
    spans = states[:, scan.KEPT].tolist()
    entries = entries_of(states).tolist()
    first = 0
    for last in range(1, len(states)):
        beyond = spans[last] - spans[first] > FRAME_SPANS_MAX or entries[last] - entries[first] > FRAME_ENTRIES_MAX
        if beyond and last - 1 > first:
            yield first, last - 1
            first = last - 1
    if first < len(states) - 1:
        yield first, len(states) - 1


ENTRIES = [
    scan.ATTRIBUTES,
    scan.EVENTS,
    scan.EVENT_ATTRIBUTES,
    scan.LINKS,
    scan.LINK_ATTRIBUTES,
    scan.RESOURCE_ROWS,
    scan.SCOPE_ROWS,
    scan.NESTED,
]


def entries_of(states: Words) -> Words:
    """How many entries are stored, of each state."""
    return states[..., ENTRIES].sum(axis=-1)
