"""What holds for every request, whoever sends it."""

from __future__ import annotations

import base64
import math
from random import Random  # noqa: TC003 - hypothesis reads the types
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from baton.errors import InvalidRequestError
from baton.schema import GROUPING_KEYS, JOURNEY_KEYS, RESOURCE_ALIASES, SPANS
from baton.wire.otlp_json import to_protobuf
from decoding import decoded
from fuzz import mutate
from reference.agreement import disagreement

Json = dict[str, Any]

TEXT = st.text(max_size=8)
UINT32 = st.integers(0, 2**32 - 1)
TIMES = st.integers(0, 19).flatmap(
    lambda number: st.integers(0, 2**63 - 1) if number else st.integers(2**63, 2**64 - 1)
)
INT64 = st.integers(-(2**63), 2**63 - 1)
KEYS = (
    TEXT
    | st.sampled_from([alias for names in RESOURCE_ALIASES.values() for alias in names])
    | st.sampled_from(list(SPANS.aliases()))
    | st.sampled_from(JOURNEY_KEYS + GROUPING_KEYS)
)


def ids(size: int) -> st.SearchStrategy[bytes]:
    """Ids of the right length, mostly; the others are what senders get wrong."""
    valid = [bytes([number]) * size for number in (1, 127, 128, 255)] + [bytes(size - 1) + b"\x05"] * 4
    wrong = st.sampled_from([b"", bytes(size), b"x" * (size + 1)])
    return st.integers(0, 19).flatmap(lambda number: st.sampled_from(valid) if number else wrong)


def some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Json]:
    """Objects with any of these fields."""
    return st.fixed_dictionaries({}, optional=fields)


def identified(always: dict[str, st.SearchStrategy[Any]], **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Json]:
    """Objects with ids and what they always have, and any of the fields."""
    return st.fixed_dictionaries({"trace_id": ids(16), "span_id": ids(8), **always}, optional=fields)


SCALARS = (
    st.fixed_dictionaries({"string_value": TEXT | st.sampled_from(["5672", "-1", str(2**63)])})
    | st.fixed_dictionaries({"bool_value": st.booleans()})
    | st.fixed_dictionaries({"int_value": INT64})
    | st.fixed_dictionaries({"double_value": st.floats()})
    | st.fixed_dictionaries({"bytes_value": st.binary(max_size=4)})
    | st.just({})
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.fixed_dictionaries({"array_value": some(values=st.lists(inner, max_size=3))})
        | st.fixed_dictionaries({"kvlist_value": some(values=st.lists(some(key=TEXT, value=inner), max_size=3))})
    ),
    max_leaves=5,
)
ATTRIBUTE = st.fixed_dictionaries({"key": KEYS}, optional={"value": VALUES})
ATTRIBUTES = st.lists(ATTRIBUTE, max_size=4)
EVENTS = some(time_unix_nano=TIMES, name=TEXT | st.just("exception"), attributes=ATTRIBUTES)
LINKS = identified({}, trace_state=TEXT, attributes=ATTRIBUTES, flags=UINT32)
SPAN = identified(
    {"attributes": ATTRIBUTES, "links": st.lists(LINKS, max_size=2)},
    trace_state=TEXT,
    parent_span_id=ids(8),
    flags=UINT32,
    name=TEXT,
    kind=st.integers(-(2**31), 2**31 - 1) | st.integers(0, 5),
    start_time_unix_nano=TIMES,
    end_time_unix_nano=TIMES,
    dropped_attributes_count=UINT32,
    events=st.lists(EVENTS, max_size=2),
    status=some(message=TEXT, code=st.integers(-1, 4)),
)
SOURCE = st.fixed_dictionaries({"attributes": ATTRIBUTES})
SCOPE = st.fixed_dictionaries(
    {"spans": st.lists(SPAN, max_size=3)},
    optional={"scope": SOURCE | some(name=TEXT, version=TEXT), "schema_url": TEXT},
)
RESOURCE = st.fixed_dictionaries(
    {"scope_spans": st.lists(SCOPE, min_size=1, max_size=2)}, optional={"resource": SOURCE, "schema_url": TEXT}
)
REQUEST = st.fixed_dictionaries({"resource_spans": st.lists(RESOURCE, max_size=2)})
EXAMPLES = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def as_json(value: object, name: str = "") -> object:
    """The OTLP/JSON of a request given by its protobuf names: written here anew, from the specification."""
    if isinstance(value, dict):
        return {camel(key): as_json(item, key) for key, item in value.items()}
    if isinstance(value, list):
        return [as_json(item) for item in value]
    if isinstance(value, bytes):
        return value.hex() if name.endswith("_id") else base64.b64encode(value).decode()
    if name in {"int_value", "start_time_unix_nano", "end_time_unix_nano", "time_unix_nano"}:
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[str(value)]
    return value


def camel(name: str) -> str:
    """The JSON name of a field."""
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


@given(REQUEST)
@EXAMPLES
def test_json_and_protobuf_of_one_payload_store_the_same_rows(payload: Json) -> None:
    """Whatever a sender says, it says the same in both encodings: rows, rejections and all."""
    protobuf = decoded(ExportTraceServiceRequest(**payload).SerializeToString())
    json = decoded(to_protobuf(orjson.dumps(as_json(payload))))
    assert json.spans.equals(protobuf.spans)
    assert json.rejected == protobuf.rejected


@given(REQUEST)
@EXAMPLES
def test_every_span_is_kept_or_counted(payload: Json) -> None:
    """Kept and rejected add up to what was sent, the frame has SPANS's schema, and no list is null."""
    told = decoded(ExportTraceServiceRequest(**payload).SerializeToString())
    scopes = [scope for r in payload.get("resource_spans", []) for scope in r.get("scope_spans", [])]
    assert len(told.spans) + told.rejected == sum(len(scope.get("spans", [])) for scope in scopes)
    assert (told.reason is None) == (told.rejected == 0)
    assert told.spans.schema == SPANS.schema
    lists = ["resource", "scope", "keys", "attributes", "events", "links"]
    assert told.spans.select(lists).null_count().sum_horizontal().item() == 0


@given(REQUEST)
@EXAMPLES
def test_no_attribute_of_a_span_is_dropped(payload: Json) -> None:
    """Each is in a column, in `keys` or in `attributes`."""
    told = decoded(ExportTraceServiceRequest(**payload).SerializeToString())
    aliased = [column.name for column in SPANS.columns if column.aliases]
    held = [
        sum(row[name] is not None for name in aliased) + len(row["keys"]) + len(row["attributes"])
        for row in told.spans.iter_rows(named=True)
    ]
    request = ExportTraceServiceRequest(**payload)
    spans = [span for r in request.resource_spans for s in r.scope_spans for span in s.spans]
    kept = [len(span.attributes) for span in spans if decoded(_alone(span)).rejected == 0]
    assert held == kept


def _alone(span: Any) -> bytes:  # noqa: ANN401 - protobuf's own classes
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.add().CopyFrom(span)
    return request.SerializeToString()


@given(REQUEST)
@EXAMPLES
def test_the_kernels_give_what_protobufs_objects_give(payload: Json) -> None:
    """Of every valid request the same rows, rejections and reason."""
    assert disagreement(ExportTraceServiceRequest(**payload).SerializeToString()) is None


@given(REQUEST, st.data())
@EXAMPLES
def test_of_mutated_protobuf_the_same_is_taken(payload: Json, data: st.DataObject) -> None:
    """Flipped, cut and inserted bytes are refused by both, in printable words, or give the same rows."""
    body = mutated(ExportTraceServiceRequest(**payload).SerializeToString(), data)
    assert disagreement(body) is None
    assert is_told(body)


@given(REQUEST, st.randoms(use_true_random=False))
@EXAMPLES
def test_of_rearranged_messages_the_same_is_taken(payload: Json, random: Random) -> None:
    """Fields twice, of other numbers and wire types, in any order, with lengths that fit: so much the same."""
    body = ExportTraceServiceRequest(**payload).SerializeToString()
    for _ in range(random.randrange(1, 5)):
        body = mutate.mutated(body, random)
    assert disagreement(body) is None


@given(st.binary(max_size=64))
@EXAMPLES
def test_of_random_bytes_the_same_is_taken(body: bytes) -> None:
    """So is what never was a request."""
    assert disagreement(body) is None


@given(REQUEST, st.data())
@EXAMPLES
def test_mutated_json_decodes_or_is_refused(payload: Json, data: st.DataObject) -> None:
    """The same for JSON, whose conversion is Baton's own."""
    body = mutated(orjson.dumps(as_json(payload)), data)
    try:
        protobuf = to_protobuf(body)
    except InvalidRequestError as error:
        told = str(error)
    else:
        told = "" if is_told(protobuf) else "\n"
    assert told.isprintable()


def is_told(body: bytes) -> bool:
    """Whether the body decodes to SPANS's schema, or is refused in printable words."""
    try:
        told = decoded(body)
    except InvalidRequestError as error:
        return str(error).isprintable()
    return told.spans.schema == SPANS.schema and (told.reason or "").isprintable()


def mutated(body: bytes, data: st.DataObject) -> bytes:
    """The body with a few bytes replaced by others, or none, or more."""
    mutant = bytearray(body)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(mutant)))
        mutant[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    return bytes(mutant)


def test_the_generators_reach_what_they_are_for() -> None:
    """Kept spans, rejected spans and filled columns all occur: the properties above are not true of nothing."""
    seen: set[str] = set()
    lists = ("attributes", "keys", "events", "links", "resource", "scope")
    aliased = [column.name for column in SPANS.columns if column.aliases]

    @given(REQUEST)
    @settings(EXAMPLES, max_examples=300, derandomize=True)
    def collect(payload: Json) -> None:
        told = decoded(ExportTraceServiceRequest(**payload).SerializeToString())
        seen.update(["kept"] if len(told.spans) else [], ["rejected"] if told.rejected else [])
        seen.update(name for name in lists if told.spans[name].list.len().sum())
        seen.update(["cells"] if any(told.spans[name].count() for name in aliased) else [])

    collect()
    missing = {"kept", "rejected", "cells", *lists} - seen
    if missing:
        pytest.fail(f"never generated: {missing}")
