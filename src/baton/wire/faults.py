"""What is wrong with a request, in words: what the kernel's scan found, the value at fault and the next step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from baton.errors import InvalidRequestError, RequestTooLargeError
from baton.limits import NESTING_MAX, OWNER_ATTRIBUTES_MAX, REQUEST_ENTRIES_MAX, REQUEST_SPANS_MAX, TIME_NS_MAX
from baton.wire import scan
from baton.wire.kernel import entries_of
from baton.wire.quote import quote

if TYPE_CHECKING:
    from baton.wire.reading import Words


def raise_fault(body: bytes, state: Words) -> None:
    """Raises InvalidRequestError where the scan met a fault: what, at which byte, what to send instead."""
    error, at = state[scan.ERROR], int(state[scan.ERROR_AT])
    if error == scan.NESTING:
        key = body[int(state[scan.KEY_START]) : int(state[scan.KEY_STOP])].decode()
        raise InvalidRequestError(
            f"attribute {quote(key)} nests deeper than {NESTING_MAX} messages at byte {at}: send it flat, or as JSON "
            "in a string"
        )
    if error:
        fault = "Wire format was corrupt" if error == scan.WIRE else "String field had bad UTF-8"
        raise InvalidRequestError(
            f"the {len(body)} bytes are no ExportTraceServiceRequest ({fault} at byte {at}): send OTLP protobuf, or "
            "name the encoding in content-type"
        )


def raise_excess(state: Words) -> None:
    """Raises RequestTooLargeError where there is more of something than its limit."""
    for what, count, limit in (
        ("spans", int(state[scan.KEPT]), REQUEST_SPANS_MAX),
        ("attributes on one span, event, link, scope or resource", int(state[scan.OWNER_MAX]), OWNER_ATTRIBUTES_MAX),
        ("attributes, events, links and nested values", int(entries_of(state)), REQUEST_ENTRIES_MAX),
    ):
        if count > limit:
            raise RequestTooLargeError(f"the request holds {count} {what}: the limit is {limit}; send fewer at a time")


_ID_FAULTS = {
    int(scan.FAULT_TRACE_ID): ("trace_id", "16 bytes (32 hex digits in JSON), not all zero"),
    int(scan.FAULT_SPAN_ID): ("span_id", "8 bytes (16 hex digits in JSON), not all zero"),
    int(scan.FAULT_PARENT_ID): ("parent_span_id", "8 bytes (16 hex digits in JSON), or none for a root"),
}
_TIME_FAULTS = {int(scan.FAULT_START_TIME): "start_time_unix_nano", int(scan.FAULT_END_TIME): "end_time_unix_nano"}


def reason(body: bytes, state: Words) -> str:
    """What makes the first rejected span unusable, and where it is."""
    fault, start, stop = (int(state[name]) for name in (scan.FAULT, scan.FAULT_START, scan.FAULT_STOP))
    resource, scope, span = (int(state[n]) for n in (scan.FAULT_RESOURCE, scan.FAULT_SCOPE, scan.FAULT_SPAN))
    place = f"resource_spans[{resource}].scope_spans[{scope}].spans[{span}]"
    if fault in _ID_FAULTS:
        name, belongs = _ID_FAULTS[fault]
        return f"{place}.{name} is {quote(body[start:stop])}: send {belongs}"
    return f"{place}.{_TIME_FAULTS[fault]} is {start}: send nanoseconds since 1970, at most {TIME_NS_MAX}"
