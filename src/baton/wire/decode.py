"""OTLP protobuf bytes -> a frame with SPANS's columns. Touches no socket, no file, no clock.

The laws:
- A request is valid or not as a whole: what is not protobuf, not UTF-8 or nests too deep is an InvalidRequestError,
  wherever it stands. What protobuf's own parser takes is taken, and merged as it merges.
- In a valid request a span with an invalid id or a time beyond Int64 is rejected, counted exactly and named; all
  others are kept. A missing time is 0. An all-zero parent id is none. A link with an invalid id is left out.
- Decoding the same bytes twice gives the same rows: the journal stores bytes, and its readers decode them anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from baton.errors import InvalidRequestError, RequestTooLargeError
from baton.limits import (
    FRAME_ENTRIES_MAX,
    FRAME_SPANS_MAX,
    NESTING_MAX,
    OWNER_ATTRIBUTES_MAX,
    REQUEST_BYTES_MAX,
    REQUEST_ENTRIES_MAX,
    REQUEST_SPANS_MAX,
    TIME_NS_MAX,
)
from baton.wire import scan
from baton.wire.quote import quote

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import polars as pl

    from baton.wire.reading import Bytes, Words


@dataclass(frozen=True, slots=True)
class Checked:
    """What of a request is kept.

    Attributes:
        spans: how many spans are.
        rejected: how many are not.
        reason: the first of these: where, the value at fault, what belongs there; null if none.
    """

    spans: int
    rejected: int
    reason: str | None


class Request(Protocol):
    """A request that was taken.

    Attributes:
        ingested_at: when, ns since 1970.
        tenant: whose telemetry it is.
        body: ExportTraceServiceRequest (or TracesData: the same bytes).
    """

    @property
    def ingested_at(self) -> int: ...  # noqa: D102 - see above
    @property
    def tenant(self) -> str: ...  # noqa: D102
    @property
    def body(self) -> bytes: ...  # noqa: D102


def check(body: bytes) -> Checked:
    """Whether the bytes are an ExportTraceServiceRequest, and what of it is kept.

    Args:
        body: protobuf; empty bytes are a request without spans.

    Raises:
        InvalidRequestError: they are no such message, hold a string that is not UTF-8, or nest too deep.
        RequestTooLargeError: it holds more spans or entries than `baton.limits` allows.
    """
    data = np.frombuffer(body, np.uint8)
    marks = scan.marks(0, 0)
    scan.scan(data, np.array([0, len(body)], np.uint64), np.empty((2, scan.STATE_SIZE), np.uint64), marks)
    _raise_faults(body, marks.state)
    _raise_excess(marks.state)
    kept, rejected = int(marks.state[scan.KEPT]), int(marks.state[scan.REJECTED])
    return Checked(kept, rejected, _reason(body, marks.state) if rejected else None)


def decode(requests: Sequence[Request]) -> pl.DataFrame:
    """The spans of requests that passed `check`, SPANS's columns, in the order sent.

    The frame keeps a copy of the requests' bytes: its texts are views of them.

    Raises:
        InvalidRequestError: one of them would not pass.
    """
    import polars as pl  # noqa: PLC0415 - checking needs no frames

    from baton.schema import SPANS  # noqa: PLC0415

    made = list(frames(requests))
    return pl.concat(made, rechunk=False) if made else SPANS.empty()


def frames(requests: Sequence[Request]) -> Iterator[pl.DataFrame]:
    """The same, in frames of about `FRAME_SPANS_MAX` spans and `FRAME_ENTRIES_MAX` entries at most.

    A request is never parted, so a larger one is a frame of its own.
    """
    size, first = 0, 0
    for number, request in enumerate(requests):
        if size + len(request.body) > REQUEST_BYTES_MAX and number > first:
            yield from _frames(requests[first:number])
            size, first = 0, number
        size += len(request.body)
    yield from _frames(requests[first:])


_PADDING = bytes(16)
"""The kernels read eight bytes at a time, and so beyond the end."""


def _frames(requests: Sequence[Request]) -> Iterator[pl.DataFrame]:
    from baton.wire import fill, frame  # noqa: PLC0415 - checking needs no frames
    from baton.wire.places import resource_names, span_names  # noqa: PLC0415
    from baton.wire.texts import special_texts, views  # noqa: PLC0415

    body = b"".join([*(request.body for request in requests), _PADDING])
    data = np.frombuffer(body, np.uint8)
    bounds = np.cumsum([0, *(len(request.body) for request in requests)], dtype=np.uint64)
    states, marks = _scanned(data, bounds)
    if marks.state[scan.ERROR]:
        _raise_faults(body, marks.state)
    tenants = list(dict.fromkeys(request.tenant for request in requests))
    specials = marks.specials[: int(marks.state[scan.SPECIALS])]
    special, number = special_texts(body, specials)
    fixed = [b"unknown_service", *(tenant.encode() for tenant in tenants)]
    used = sum(map(len, fixed)) + sum(map(len, special))
    arena_views = views([*fixed, *special], 0)
    arena = np.zeros(used + (int(marks.state[scan.LONG_INTS]) + 1) * frame.LONG_INT_BYTES, np.uint8)
    arena[:used] = np.frombuffer(b"".join([*fixed, *special]), np.uint8)
    source = fill.Source(
        data,
        bounds,
        np.array([request.ingested_at for request in requests], np.int64).view(np.uint64),
        arena_views[[1 + tenants.index(request.tenant) for request in requests]],
        marks.rejected,
        specials,
        arena_views[len(fixed) :][number],
    )
    context = frame.context(arena_views[0])
    for first, last in _parts(states):
        counts = states[last].copy()
        counts[: scan.COUNTS] -= states[first, : scan.COUNTS]
        if counts[scan.KEPT]:
            into = frame.target(counts, states[first], arena, used)
            fill.fill(source, np.uint64(first), np.uint64(last), span_names(), resource_names(), context, into)
            used = int(into.cursors[fill.ARENA])
            yield frame.frame(into, data)


def _scanned(data: Bytes, bounds: Words) -> tuple[Words, scan.Marks]:
    """The states after each request, and the marks of the last."""
    room = len(data) // 64
    while True:
        marks = scan.marks(room, len(data) // 2)
        states = np.zeros((len(bounds), scan.STATE_SIZE), np.uint64)
        scan.scan(data, bounds, states, marks)
        if marks.state[scan.SPECIALS] <= room:
            return states, marks
        room = int(marks.state[scan.SPECIALS])


def _parts(states: Words) -> Iterator[tuple[int, int]]:
    """Runs of requests that fit a frame: first and last, the last not included."""
    spans = states[:, scan.KEPT].tolist()
    entries = _entries(states).tolist()
    first = 0
    for last in range(1, len(states)):
        beyond = spans[last] - spans[first] > FRAME_SPANS_MAX or entries[last] - entries[first] > FRAME_ENTRIES_MAX
        if beyond and last - 1 > first:
            yield first, last - 1
            first = last - 1
    if first < len(states) - 1:
        yield first, len(states) - 1


_ENTRIES = [
    scan.ATTRIBUTES,
    scan.EVENTS,
    scan.EVENT_ATTRIBUTES,
    scan.LINKS,
    scan.LINK_ATTRIBUTES,
    scan.RESOURCE_ROWS,
    scan.SCOPE_ROWS,
    scan.NESTED,
]


def _entries(states: Words) -> Words:
    return states[..., _ENTRIES].sum(axis=-1)


def _raise_faults(body: bytes, state: Words) -> None:
    error, at = state[scan.ERROR], int(state[scan.ERROR_AT])
    if error == scan.NESTING:
        key = body[int(state[scan.KEY_START]) : int(state[scan.KEY_STOP])].decode()
        raise InvalidRequestError(
            f"attribute {quote(key)} nests deeper than {NESTING_MAX} messages at byte {at}: send it flat, or as JSON in "
            "a string"
        )
    if error:
        fault = "Wire format was corrupt" if error == scan.WIRE else "String field had bad UTF-8"
        raise InvalidRequestError(
            f"the {len(body)} bytes are no ExportTraceServiceRequest ({fault} at byte {at}): send OTLP protobuf, or "
            "name the encoding in content-type"
        )


def _raise_excess(state: Words) -> None:
    for what, count, limit in (
        ("spans", int(state[scan.KEPT]), REQUEST_SPANS_MAX),
        ("attributes on one span, event, link, scope or resource", int(state[scan.OWNER_MAX]), OWNER_ATTRIBUTES_MAX),
        ("attributes, events, links and nested values", int(_entries(state)), REQUEST_ENTRIES_MAX),
    ):
        if count > limit:
            raise RequestTooLargeError(f"the request holds {count} {what}: the limit is {limit}; send fewer at a time")


_ID_FAULTS = {
    int(scan.FAULT_TRACE_ID): ("trace_id", "16 bytes (32 hex digits in JSON), not all zero"),
    int(scan.FAULT_SPAN_ID): ("span_id", "8 bytes (16 hex digits in JSON), not all zero"),
    int(scan.FAULT_PARENT_ID): ("parent_span_id", "8 bytes (16 hex digits in JSON), or none for a root"),
}
_TIME_FAULTS = {int(scan.FAULT_START_TIME): "start_time_unix_nano", int(scan.FAULT_END_TIME): "end_time_unix_nano"}


def _reason(body: bytes, state: Words) -> str:
    """What makes the first rejected span unusable, and where it is."""
    fault, start, stop = (int(state[name]) for name in (scan.FAULT, scan.FAULT_START, scan.FAULT_STOP))
    resource, scope, span = (int(state[n]) for n in (scan.FAULT_RESOURCE, scan.FAULT_SCOPE, scan.FAULT_SPAN))
    place = f"resource_spans[{resource}].scope_spans[{scope}].spans[{span}]"
    if fault in _ID_FAULTS:
        name, belongs = _ID_FAULTS[fault]
        return f"{place}.{name} is {quote(body[start:stop])}: send {belongs}"
    return f"{place}.{_TIME_FAULTS[fault]} is {start}: send nanoseconds since 1970, at most {TIME_NS_MAX}"
