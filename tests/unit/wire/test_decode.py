from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from baton.errors import InvalidRequestError
from baton.journal.record import Record
from baton.limits import NESTING_MAX, TIME_NS_MAX
from baton.schema import SPANS
from baton.wire.decode import decode
from decoding import decoded

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

Row = dict[str, Any]


def attribute(key: str, value: str, type_: int) -> dict[str, Any]:
    """An entry of an ATTRIBUTES list."""
    return {"key": key, "value": value, "type": type_}


def test_an_empty_body_is_a_request_without_spans() -> None:
    """Zero bytes are valid protobuf: the frame is empty and has SPANS's columns and dtypes."""
    request = decoded(b"", "acme", 7)
    assert (request.spans.schema, len(request.spans), request.rejected) == (SPANS.schema, 0, 0)


def test_every_field_of_a_span_reaches_its_column(row_of: Callable[..., Row]) -> None:
    """Ids, surrogates, times, kind, name, status, flags, trace state, tenant and ingestion time are kept as sent."""
    row = row_of(
        trace_id=b"\x00" * 8 + b"\xff" * 8,
        span_id=b"\x00" * 7 + b"\x05",
        parent_span_id=b"\x00" * 7 + b"\x06",
        start_time_unix_nano=10,
        end_time_unix_nano=20,
        kind=4,
        name="send",
        status={"code": 2, "message": "no"},
        flags=0x301,
        trace_state="a=b",
    )
    expected = {
        "trace_id": b"\x00" * 8 + b"\xff" * 8,
        "span_id": b"\x00" * 7 + b"\x05",
        "parent_span_id": b"\x00" * 7 + b"\x06",
        "trace_key": -1,
        "span_key": 5,
        "parent_key": 6,
        "start_ns": 10,
        "end_ns": 20,
        "kind": 4,
        "name": "send",
        "status_code": 2,
        "status_message": "no",
        "flags": 0x301,
        "trace_state": "a=b",
        "tenant": "acme",
        "ingested_at": 7,
    }
    assert {name: row[name] for name in expected} == expected


def test_the_frame_has_exactly_the_schema(request_of: Callable[..., ExportTraceServiceRequest]) -> None:
    """Columns, order and dtypes are SPANS's whatever a request fills or leaves out."""
    body = request_of({"attributes": [("server.port", 5672), ("x", [1])]}, {}).SerializeToString()
    assert decoded(body).spans.schema == SPANS.schema


def test_absent_things_are_null_or_empty_as_the_schema_says(row_of: Callable[..., Row]) -> None:
    """A bare span has no parent, zero times, `unknown_service`, and empty lists rather than null ones."""
    row = row_of()
    nulls = ("parent_span_id", "parent_key", "status_message", "trace_state", "scope_name", "schema_url", "destination")
    assert {name: row[name] for name in nulls} == dict.fromkeys(nulls)
    assert (row["start_ns"], row["end_ns"], row["service"]) == (0, 0, "unknown_service")
    assert (row["environment"], row["service_instance"]) == ("", "")
    assert [row[name] for name in ("attributes", "resource", "scope", "events", "links", "keys")] == [[]] * 6


def test_an_all_zero_parent_is_none(row_of: Callable[..., Row]) -> None:
    """Eight zero bytes name no span: the span is a root."""
    assert row_of(parent_span_id=bytes(8))["parent_span_id"] is None


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"trace_id": b"short"}, "spans[1].trace_id is 'short'"),
        ({"trace_id": bytes(16)}, f"spans[1].trace_id is 0x{'00' * 16}"),
        ({"trace_id": b""}, "spans[1].trace_id is ''"),
        ({"span_id": b"\xff"}, "spans[1].span_id is 0xff"),
        ({"span_id": bytes(8)}, f"spans[1].span_id is 0x{'00' * 8}"),
        ({"parent_span_id": b"1234567"}, "spans[1].parent_span_id is '1234567'"),
        ({"start_time_unix_nano": TIME_NS_MAX + 1}, "spans[1].start_time_unix_nano is 9223372036854775808"),
        ({"end_time_unix_nano": 2**64 - 1}, "spans[1].end_time_unix_nano is 18446744073709551615"),
    ],
)
def test_a_span_that_cannot_be_kept_is_counted_and_named(
    request_of: Callable[..., ExportTraceServiceRequest], fields: Row, told: str
) -> None:
    """Each invalid id and time rejects its own span, names the first value at fault, and leaves the others."""
    body = request_of({"name": "a"}, {"name": "b", **fields}, {"name": "c"}, {"name": "d", **fields})
    answer = decoded(body.SerializeToString())
    assert (answer.spans["name"].to_list(), answer.rejected) == (["a", "c"], 2)
    assert answer.reason is not None
    assert told in answer.reason


def test_the_last_time_an_int64_holds_is_kept(row_of: Callable[..., Row]) -> None:
    """TIME_NS_MAX itself is in range."""
    assert row_of(end_time_unix_nano=TIME_NS_MAX)["end_ns"] == TIME_NS_MAX


def test_unknown_enum_numbers_become_unspecified(row_of: Callable[..., Row]) -> None:
    """Kinds and status codes beyond OTLP's, which an Int8 may not hold, stand as 0."""
    row = row_of(kind=3000, status={"code": -1})
    assert (row["kind"], row["status_code"]) == (0, 0)


def test_the_alias_listed_first_wins_and_the_loser_is_kept(row_of: Callable[..., Row]) -> None:
    """Of two names of one column the schema's first wins, in either order sent; the other stays in `attributes`."""
    pair = [("messaging.destination", "old"), ("messaging.destination.name", "new")]
    for attributes in (pair, pair[::-1]):
        row = row_of(attributes=attributes)
        assert row["destination"] == "new"
        assert row["attributes"] == [attribute("messaging.destination", "old", 1)]


def test_of_duplicate_keys_the_last_wins_and_none_is_dropped(row_of: Callable[..., Row]) -> None:
    """A name given twice fills its column with the last value; the first stays in `attributes`, as do plain twins."""
    row = row_of(attributes=[("error.type", "a"), ("error.type", "b"), ("x", "1"), ("x", "2")])
    assert row["error_type"] == "b"
    assert row["attributes"] == [attribute("error.type", "a", 1), attribute("x", "1", 1), attribute("x", "2", 1)]


@pytest.mark.parametrize(
    ("value", "held"),
    [
        (5672, 5672),
        ("5672", 5672),
        ("-1", -1),
        (str(2**63 - 1), 2**63 - 1),
        ("abc", None),
        ("", None),
        ("-", None),
        ("5_672", None),
        ("\u0665", None),
        (str(2**63), None),
        ("9" * 5000, None),
        (5672.0, None),
        (True, None),
        ([5672], None),
    ],
)
def test_an_integer_column_takes_ints_and_digits_only(
    row_of: Callable[..., Row], value: object, held: int | None
) -> None:
    """What does not fit an Int64 column stays in `attributes`."""
    row = row_of(attributes=[("server.port", value)])
    assert row["server_port"] == held
    assert len(row["attributes"]) == (held is None)


def test_a_string_column_takes_any_scalar_and_nothing_else(row_of: Callable[..., Row]) -> None:
    """A partition number becomes its text; an array for a destination stays in `attributes`."""
    row = row_of(attributes=[("messaging.kafka.partition", 3), ("messaging.destination.name", ["a"])])
    assert (row["partition"], row["destination"]) == ("3", None)
    assert row["attributes"] == [attribute("messaging.destination.name", '["a"]', 5)]


def test_journey_and_grouping_keys_have_a_column_of_their_own(row_of: Callable[..., Row]) -> None:
    """Keys go to `keys` as text; an empty one, which would join strangers, stays in `attributes`."""
    row = row_of(attributes=[("order.id", 42), ("session.id", "s"), ("trade.id", "")])
    assert row["keys"] == [{"key": "order.id", "value": "42"}, {"key": "session.id", "value": "s"}]
    assert row["attributes"] == [attribute("trade.id", "", 1)]


def test_values_are_text_beside_their_type(row_of: Callable[..., Row]) -> None:
    """Each AnyValue kind has its text and its field number; doubles that JSON lacks are named as OTLP/JSON does."""
    values: list[tuple[object, str, int]] = [
        (None, "", 0),
        ("é", "é", 1),
        (False, "false", 2),
        (-(2**63), str(-(2**63)), 3),
        (0.1, "0.1", 4),
        (float("nan"), "NaN", 4),
        (float("-inf"), "-Infinity", 4),
        ([1, float("inf"), None, b"\x00"], '[1,"Infinity",null,"AA=="]', 5),
        ([], "[]", 5),
        ({"a": {"b": [True]}}, '{"a":{"b":[true]}}', 6),
        (b"\xff", "/w==", 7),
        (AnyValue(string_value_strindex=3), "", 0),
    ]
    row = row_of(attributes=[("k", value) for value, _, _ in values])
    assert row["attributes"] == [attribute("k", text, type_) for _, text, type_ in values]


def test_resource_attributes_fill_columns_once_for_all_spans(row_of: Callable[..., Row]) -> None:
    """The first alias present wins, an empty string counts as absent, and what fills no column stays in `resource`."""
    row = row_of(
        resource=[
            ("service.name", "trading"),
            ("service.version", ""),
            ("k8s.pod.name", "pod-1"),
            ("service.instance.id", "i-1"),
            ("deployment.environment", "prod"),
            ("os.type", "linux"),
        ]
    )
    columns = ("service", "service_version", "service_instance", "environment")
    assert [row[name] for name in columns] == ["trading", None, "i-1", "prod"]
    assert [entry["key"] for entry in row["resource"]] == ["service.version", "k8s.pod.name", "os.type"]


def test_spans_keep_their_own_resource_and_scope(request_of: Callable[..., ExportTraceServiceRequest]) -> None:
    """Several resources and scopes in one request, some without spans, do not mix; a scope's schema URL comes first."""
    request = request_of({"name": "a"}, resource=[("service.name", "one")])
    request.resource_spans[0].schema_url = "r1"
    request.resource_spans.add().scope_spans.add()
    other = request_of({"name": "b"}, resource=[("service.name", "two"), ("x", "y")]).resource_spans[0]
    other.schema_url = "r2"
    other.scope_spans[0].schema_url = "s2"
    other.scope_spans[0].scope.name, other.scope_spans[0].scope.version = "lib", "1"
    request.resource_spans.add().CopyFrom(other)
    spans = decoded(request.SerializeToString()).spans
    found = spans.select("name", "service", "scope_name", "scope_version", "schema_url").rows()
    assert found == [("a", "one", None, None, "r1"), ("b", "two", "lib", "1", "s2")]
    assert spans["resource"].list.len().to_list() == [0, 1]


def test_events_keep_their_attributes_and_the_first_exception_names_its_type(row_of: Callable[..., Row]) -> None:
    """Events stay with their span; an event time beyond Int64 is null and costs nothing else."""
    type_ = {"key": "exception.type", "value": {"string_value": "Boom"}}
    exception = {"name": "exception", "time_unix_nano": 5, "attributes": [type_]}
    later = {"name": "exception", "time_unix_nano": 2**64 - 1}
    row = row_of(events=[{"name": "log"}, exception, later])
    assert row["exception_type"] == "Boom"
    assert [(e["name"], e["time_ns"], len(e["attributes"])) for e in row["events"]] == [
        ("log", 0, 0),
        ("exception", 5, 1),
        ("exception", None, 0),
    ]


def test_a_link_with_an_invalid_id_is_left_out_alone(row_of: Callable[..., Row]) -> None:
    """The span and its valid links stay, with surrogates, flags and attributes."""
    good = {
        "trace_id": b"\x00" * 15 + b"\x01",
        "span_id": b"\x00" * 7 + b"\x02",
        "flags": 3,
        "attributes": [{"key": "k", "value": {"int_value": 1}}],
    }
    bad = [{**good, "trace_id": bytes(16)}, {**good, "span_id": b"x"}, {}]
    (link,) = row_of(links=[bad[0], good, *bad[1:]])["links"]
    assert (link["trace_key"], link["span_key"], link["flags"], link["trace_state"]) == (1, 2, 3, None)
    assert link["attributes"] == [attribute("k", "1", 3)]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"\xff\xff", "Wire format was corrupt"),
        (b"\x0a\x05ab", "Wire format was corrupt"),
        (b"\x0a\x0b\x12\x09\x12\x07\x2a\x05ab\xff\xfe!", "UTF-8"),
    ],
)
def test_bytes_that_are_no_request_are_refused_with_what_is_wrong(body: bytes, told: str) -> None:
    """Corrupt, truncated and non-UTF-8 protobuf are InvalidRequestErrors that name the fault."""
    with pytest.raises(InvalidRequestError, match=told):
        decoded(body)


def test_nesting_is_bounded(row_of: Callable[..., Row]) -> None:
    """A value of exactly NESTING_MAX messages passes, one more array refuses the request and names the attribute."""

    def nested(arrays: int) -> object:
        value: object = "x"
        for _ in range(arrays):
            value = [value]
        return value

    arrays = (NESTING_MAX - 1) // 2  # an array in an array is two messages, the innermost string one
    assert (
        row_of(attributes=[("deep", nested(arrays))])["attributes"][0]["value"] == "[" * arrays + '"x"' + "]" * arrays
    )
    with pytest.raises(InvalidRequestError, match="'deep' nests deeper than"):
        row_of(attributes=[("deep", nested(arrays + 1))])


def test_requests_are_decoded_in_order(request_of: Callable[..., ExportTraceServiceRequest]) -> None:
    """Requests decoded together give the rows that each gives alone, with their own tenant and time."""
    bodies = [request_of({"name": name, "attributes": [("k", name)]}).SerializeToString() for name in "ab"]
    alone = [decoded(body, f"tenant {number}", number).spans for number, body in enumerate(bodies)]
    together = decode([Record(number, f"tenant {number}", body) for number, body in enumerate(bodies)])
    assert together.equals(alone[0].vstack(alone[1]))
