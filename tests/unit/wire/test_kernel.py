from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from baton.errors import InputError, InvalidRequestError, RequestTooLargeError
from baton.limits import OWNER_ATTRIBUTES_MAX, REQUEST_ENTRIES_MAX, REQUEST_SPANS_MAX
from baton.wire import decode, fill, kernel, rendering, scan
from baton.wire.decode import check, frames
from baton.wire.files import read
from decoding import decoded
from fuzz import hostile
from fuzz.hostile import attribute, delimited, number, request, span, text
from fuzz.mutate import varint
from reference.agreement import disagreement

EDGE = Path(__file__).parents[4] / "shared" / "data" / "otlp-edge"


def row(name: str) -> dict[str, Any]:
    """The first row of a request of `hostile.TAKEN`."""
    return decoded(hostile.TAKEN[name]).spans.row(0, named=True)


@pytest.mark.parametrize("name", hostile.TAKEN)
def test_what_protobuf_takes_is_taken_as_it_takes_it(name: str) -> None:
    """Requests that no library writes give the rows that protobuf's own parser gives."""
    check(hostile.TAKEN[name])
    assert disagreement(hostile.TAKEN[name]) is None


@pytest.mark.parametrize("name", hostile.REFUSED)
def test_what_protobuf_refuses_is_refused(name: str) -> None:
    """Faulty bytes, and what nests too deep, are InvalidRequestErrors that name a byte and the next step."""
    with pytest.raises(InvalidRequestError, match=r"at byte \d+.*: send"):
        check(hostile.REFUSED[name])
    assert disagreement(hostile.REFUSED[name]) is None


def test_the_byte_named_is_where_the_fault_begins() -> None:
    """A faulty field is named by its first byte, a text that is not UTF-8 by its own first one."""
    body = request(span(delimited(5, b"ok")), span(b"\x2a\x7fname"))
    with pytest.raises(InvalidRequestError, match=f"at byte {body.index(b'name') - 2}"):
        check(body)
    body = request(span(delimited(5, b"na\xffme")))
    with pytest.raises(InvalidRequestError, match=f"UTF-8 at byte {body.index(b'na')}"):
        check(body)


def test_numbers_are_cut_as_protobuf_cuts_them() -> None:
    """Enums keep 32 bits, ints and bools 64, and flags all of their 32."""
    assert row("a kind beyond 32 bits")["kind"] == 2
    assert row("a kind below zero")["kind"] == 0
    assert row("a status beyond 32 bits")["status_code"] == 1
    assert row("reserved flag bits")["flags"] == 2**32 - 1
    assert [entry["value"] for entry in row("a bool whose only bit is cut off")["attributes"]] == ["false"]


def test_messages_given_twice_are_merged() -> None:
    """A resource, a scope, a status and an array in parts are the sum of them; of a scalar the last part counts."""
    resource = row("a resource in two parts, after its spans")
    assert (resource["service"], [entry["key"] for entry in resource["resource"]]) == ("two", ["service.name", "x"])
    scope = row("a scope in two parts, after its spans")
    assert (scope["scope_name"], scope["scope_version"]) == ("lib", "1")
    status = row("a status in two parts")
    assert (status["status_code"], status["status_message"]) == (2, "no")
    assert row("a value in two parts")["attributes"][0]["value"] == "[null,null]"
    assert row("a value replaced")["attributes"][0]["value"] == '["c"]'


def test_what_holds_no_column_stays_in_the_order_sent() -> None:
    """Losers stand at their own place, wherever the winner came."""
    found = row("losers between keepers")
    assert (found["server_address"], found["server_port"]) == ("7", 5672)
    assert [entry["value"] for entry in found["attributes"]] == ["1", "2", str(10**13), "3", "4", "5", "6"]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (request(span(delimited(9) * (OWNER_ATTRIBUTES_MAX + 1))), f"4097 attributes on one .* {OWNER_ATTRIBUTES_MAX}"),
        (
            request(span(delimited(11, delimited(3) * (OWNER_ATTRIBUTES_MAX + 1)))),
            f"4097 attributes on one .* {OWNER_ATTRIBUTES_MAX}",
        ),
        (
            delimited(1, delimited(1, delimited(1) * (OWNER_ATTRIBUTES_MAX + 1))),
            f"4097 attributes on one .* {OWNER_ATTRIBUTES_MAX}",
        ),
        (request(span() * (REQUEST_SPANS_MAX + 1)), f"{REQUEST_SPANS_MAX + 1} spans: the limit is {REQUEST_SPANS_MAX}"),
        (
            request(span(delimited(11) * (REQUEST_ENTRIES_MAX + 1))),
            f"{REQUEST_ENTRIES_MAX + 1} .*events.* {REQUEST_ENTRIES_MAX}",
        ),
        (
            request(span(attribute(b"k", delimited(5, delimited(1) * REQUEST_ENTRIES_MAX)))),
            f"{REQUEST_ENTRIES_MAX + 1} .*nested values: the limit is {REQUEST_ENTRIES_MAX}",
        ),
        (
            delimited(1, delimited(1, delimited(1) * 4000), delimited(2, span() * 2001)),
            f"8004000 .*attributes.* {REQUEST_ENTRIES_MAX}",
        ),
    ],
    ids=["span", "event", "resource", "spans", "events", "values", "resource of many spans"],
)
def test_counts_beyond_a_limit_are_refused(body: bytes, told: str) -> None:
    """Each names the count and the limit: of attributes of one owner, of spans, of all that would be stored."""
    with pytest.raises(RequestTooLargeError, match=told):
        check(body)


def test_as_many_as_the_limits_allow_are_taken() -> None:
    """OWNER_ATTRIBUTES_MAX attributes pass."""
    assert check(request(span(delimited(9) * OWNER_ATTRIBUTES_MAX))).spans == 1


def test_rejected_spans_take_no_room() -> None:
    """Millions of empty spans are counted, and what a rejected span holds counts against no limit of the request."""
    checked = check(delimited(1, delimited(2, delimited(2) * 3_000_000)))
    assert (checked.spans, checked.rejected) == (0, 3_000_000)
    assert check(request(delimited(2, delimited(11) * (REQUEST_ENTRIES_MAX + 1)))).rejected == 1


def test_frames_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests are parted into frames by spans, entries and bytes, no request itself; together they are all rows."""

    class Taken:
        ingested_at, tenant = 1, "t"

        def __init__(self, spans: int) -> None:
            attributes = attribute(b"error.type", text(b"a")), attribute(b"thread.id", number(3, varint(10**15)))
            service = delimited(1, attribute(b"service.name", text(b"s"), field=1))
            self.body = delimited(1, service, delimited(2, *(span(*attributes) for _ in range(spans))))

    requests = [Taken(count) for count in (3, 1, 0, 2, 5, 1)]
    monkeypatch.setattr(kernel, "FRAME_SPANS_MAX", 4)
    assert [len(frame) for frame in frames(requests)] == [4, 2, 5, 1]
    monkeypatch.setattr(kernel, "FRAME_ENTRIES_MAX", 9)
    assert [len(frame) for frame in frames(requests)] == [3, 3, 5, 1]
    monkeypatch.setattr(decode, "REQUEST_BYTES_MAX", 1)
    assert [len(frame) for frame in frames(requests)] == [3, 1, 2, 5, 1]
    cells = decode.decode(requests).select(
        "service", "error_type", pl.col("attributes").list.first().struct.field("value")
    )
    assert cells.rows() == [("s", "a", str(10**15))] * 12


def test_no_request_makes_a_kernel_compile() -> None:
    """Whatever is checked and decoded, each kernel has the one machine code that `warm` made."""
    kernel.warm()
    for body in hostile.TAKEN.values():
        check(bytearray(body))  # type: ignore[arg-type] # what a careless caller may pass
        decoded(body)
    assert [len(each.signatures) for each in (scan.scan, fill.fill, rendering.render)] == [1, 1, 1]


def test_times_and_ints_at_their_ends() -> None:
    """The smallest and largest int, and digits of an Int64's ends in an integer column."""
    ends = (str(-(2**63)).encode(), str(2**63 - 1).encode(), b"-0", b"0000000000000000001")
    spans = [span(attribute(b"server.port", text(end))) for end in ends]
    spans += [span(attribute(b"server.port", number(3, varint(end % 2**64)))) for end in (-(2**63), 2**63 - 1, -1)]
    ports = decoded(request(*spans)).spans["server_port"].to_list()
    assert ports == [-(2**63), 2**63 - 1, 0, 1, -(2**63), 2**63 - 1, -1]


@pytest.mark.skipif(not EDGE.is_dir(), reason=f"{EDGE} is not there: it lies beside the repository where it is built")
def test_real_and_malformed_recordings_agree_with_protobuf() -> None:
    """Each request of the OTLP edge cases that can be read at all gives the rows of protobuf's objects."""
    agreed = 0
    for file in sorted(EDGE.iterdir()):
        try:
            bodies = [request.body for request in read(file)]
        except InputError:
            continue
        assert [disagreement(body) for body in bodies] == [None] * len(bodies), file.name
        agreed += len(bodies)
    assert agreed > 20
