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

import polars as pl

from baton.limits import REQUEST_BYTES_MAX
from baton.schema import SPANS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


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
    from baton.wire import faults, kernel, scan  # noqa: PLC0415 - numba is imported where it is used

    state = kernel.scan_one(body)
    faults.raise_fault(body, state)
    faults.raise_excess(state)
    rejected = int(state[scan.REJECTED])
    return Checked(int(state[scan.KEPT]), rejected, faults.reason(body, state) if rejected else None)


def decode(requests: Sequence[Request]) -> pl.DataFrame:
    """The spans of requests that passed `check`, SPANS's columns, in the order sent.

    The frame keeps a copy of the requests' bytes: its texts are views of them.

    Raises:
        InvalidRequestError: one of them would not pass.
    """
    made = list(frames(requests))
    return pl.concat(made, rechunk=False) if made else SPANS.empty()


def frames(requests: Sequence[Request]) -> Iterator[pl.DataFrame]:
    """The same, in frames of about `FRAME_SPANS_MAX` spans and `FRAME_ENTRIES_MAX` entries at most; none is empty.

    A request is never parted, so a larger one is a frame of its own.
    """
    size, first = 0, 0
    for number, request in enumerate(requests):
        if size + len(request.body) > REQUEST_BYTES_MAX and number > first:
            yield from _frames(requests[first:number])
            size, first = 0, number
        size += len(request.body)
    if size:
        yield from _frames(requests[first:])


def _frames(requests: Sequence[Request]) -> Iterator[pl.DataFrame]:
    """Of requests that are joined."""
    from baton.wire import faults, kernel  # noqa: PLC0415 - numba is imported where it is used
    from baton.wire.frame import frame  # noqa: PLC0415 - so is pyarrow

    scanned = kernel.scan_all([request.body for request in requests])
    faults.raise_fault(scanned.body, scanned.marks.state)
    for filled in kernel.fill_all(scanned, requests):
        yield frame(filled, scanned.data)
