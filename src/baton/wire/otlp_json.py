"""OTLP/JSON -> the protobuf bytes of the same request; both encodings then take one path through `decode`.

OTLP/JSON is protobuf's JSON mapping with three exceptions (OTLP 1.9, "JSON Protobuf Encoding"): ids are hex, enums
are integers, unknown fields are ignored. The walk is driven by the message descriptors, so it knows every field that
the installed protocol knows. Tolerated beyond the letter: snake_case names, the enums' own names, 64-bit integers as
numbers, null anywhere as absent.

What is written to the usual letter is transcoded by `json_kernel`, some hundred times as fast; the walk here takes
what it gives up on, so it decides what is valid, and says what is not. It makes Python objects, so it takes no more
than `JSON_VALUES_MAX` values.

An id that is not hex of the right length (base64, say) spoils its span, not the request: its text goes into the id
field as it stands, at a length that no valid id has, and `decode` rejects the span and shows the text.
"""

from __future__ import annotations

import base64
import binascii
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
from google.protobuf.descriptor import FieldDescriptor
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from baton.errors import InvalidRequestError, RequestTooLargeError
from baton.limits import JSON_VALUES_MAX, NESTING_MAX, SPAN_ID_BYTES, TEXT_CHARS_MAX, TRACE_ID_BYTES
from baton.wire import json_kernel
from baton.wire.quote import quote

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor, EnumDescriptor
    from google.protobuf.message import Message

    from baton.wire.json_kernel import Names

Json = dict[str, Any]

# Request, resource spans, scope spans, span, event, attribute: the messages above the deepest AnyValue.
ENVELOPE_MESSAGES = 6
ID_FIELDS = {"trace_id": TRACE_ID_BYTES, "span_id": SPAN_ID_BYTES, "parent_span_id": SPAN_ID_BYTES}
SPECIAL_DOUBLES = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}
INTEGER_RANGES = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
    FieldDescriptor.CPPTYPE_ENUM: (-(2**31), 2**31 - 1),
}
INTEGER_DIGITS_MAX = 20  # of 2**64 - 1, or of a sign and 19


def to_protobuf(body: bytes) -> bytes:
    """The protobuf bytes of an OTLP/JSON ExportTraceServiceRequest.

    Raises:
        InvalidRequestError: no JSON object, or a field with a value that its type cannot hold.
        RequestTooLargeError: it is unusual in some way, and holds more than `JSON_VALUES_MAX` values.
    """
    plain = transcode(body)
    return encode(parse(body)) if plain is None else plain


def warm() -> None:
    """Compiles the kernel, or loads it, before the first request does."""
    transcode(b"{}")


def transcode(body: bytes) -> bytes | None:
    """The protobuf bytes of a request written to the usual letter; None of any other, valid or not."""
    text = np.frombuffer(body, dtype=np.uint8)
    out = np.empty(len(body) + json_kernel.SLACK_BYTES, dtype=np.uint8)
    stack = np.empty((json_kernel.DEPTH_MAX + 1, 4), dtype=np.uint64)
    size = int(json_kernel.transcode(text, out, _names(), stack))
    return out[:size].tobytes() if size <= len(out) else None


def parse(body: bytes) -> Json:
    """The JSON object of a request.

    Raises:
        InvalidRequestError: the bytes are no JSON object.
        RequestTooLargeError: they may hold more than `JSON_VALUES_MAX` values.
    """
    # Every value but the first follows one of these; in strings they count as well, since a parse would be needed to
    # tell.
    values = sum(map(body.count, (b",", b"[", b"{", b":")))
    if values > JSON_VALUES_MAX:
        raise RequestTooLargeError(
            f"the JSON has up to {values} values, and is not plain OTLP/JSON, of which {JSON_VALUES_MAX} are taken: "
            "send smaller batches, or protobuf"
        )
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidRequestError(f"not JSON: {error}; send one OTLP/JSON object") from error
    if not isinstance(parsed, dict):
        raise InvalidRequestError(f"the JSON is {quote(parsed)}: send an object with resourceSpans")
    return parsed


def encode(request: Json) -> bytes:
    """The protobuf bytes of a parsed request; errors as of `to_protobuf`."""
    message = ExportTraceServiceRequest()
    _fill(message, request, "", NESTING_MAX + ENVELOPE_MESSAGES)
    return message.SerializeToString()


@cache
def _fields(descriptor: Descriptor) -> dict[str, FieldDescriptor]:
    """Field by its JSON name and by its protobuf name."""
    return {name: field for field in descriptor.fields for name in (field.json_name, field.name)}


def _fill(message: Message, values: object, path: str, room: int) -> None:
    """Sets the message's fields from a JSON object; `room` is how many levels of messages may still follow."""
    if not isinstance(values, dict):
        raise InvalidRequestError(f"{path} is {quote(values)}: send a JSON object")
    if room == 0:
        raise InvalidRequestError(f"{path[:TEXT_CHARS_MAX]} nests deeper than {NESTING_MAX} messages: send it flat")
    # An empty object is a message all the same: an empty array is not an absent value.
    message.SetInParent()
    fields = _fields(message.DESCRIPTOR)
    for name, value in values.items():
        field = fields.get(name)
        if field is None or value is None:
            continue
        here = f"{path}.{name}" if path else name
        if field.is_repeated:
            _extend(message, field, value, here, room)
        elif field.message_type is not None:
            _fill(getattr(message, field.name), value, here, room - 1)
        else:
            setattr(message, field.name, _scalar(field, value, here))


def _extend(message: Message, field: FieldDescriptor, values: object, path: str, room: int) -> None:
    """Appends to a repeated field."""
    if not isinstance(values, list):
        raise InvalidRequestError(f"{path} is {quote(values)}: send a JSON array")
    into = getattr(message, field.name)
    for position, value in enumerate(values):
        if value is not None and field.message_type is None:
            into.append(_scalar(field, value, f"{path}[{position}]"))
        elif value is not None:
            _fill(into.add(), value, f"{path}[{position}]", room - 1)


def _scalar(field: FieldDescriptor, value: object, path: str) -> object:
    """The value as the field's type takes it."""
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        if not isinstance(value, str):
            raise InvalidRequestError(f"{path} is {quote(value)}: send a string")
        if field.type == FieldDescriptor.TYPE_STRING:
            return value
        size = ID_FIELDS.get(field.name)
        return _base64(value, path) if size is None else _id(value, size)
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        if not isinstance(value, bool):
            raise InvalidRequestError(f"{path} is {quote(value)}: send true or false")
        return value
    if field.cpp_type == FieldDescriptor.CPPTYPE_DOUBLE:
        return _double(value, path)
    if field.enum_type is not None and isinstance(value, str):
        return _enum(field.enum_type, value, path)
    return _integer(value, path, *INTEGER_RANGES[field.cpp_type])


def _id(text: str, size: int) -> bytes:
    """The id's bytes; of what is no hex of `size` bytes, its text at a length that no valid id has."""
    if not text:
        return b""
    try:
        raw = binascii.unhexlify(text)
    except ValueError:
        raw = b""
    if len(raw) == size:
        return raw
    spoiled = text.encode()
    return spoiled + b"?" if len(spoiled) == size else spoiled


def _base64(text: str, path: str) -> bytes:
    """Standard or URL-safe, padded or not, as protobuf's JSON mapping reads it."""
    standard = text.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
    except ValueError as error:
        raise InvalidRequestError(f"{path} is {quote(text)}: send base64") from error


def _double(value: object, path: str) -> float:
    number = value
    if isinstance(value, str):
        try:
            number = SPECIAL_DOUBLES[value] if value in SPECIAL_DOUBLES else orjson.loads(value)
        except orjson.JSONDecodeError:
            number = None
    if isinstance(number, (int, float)) and not isinstance(number, bool):
        return float(number)
    raise InvalidRequestError(f"{path} is {quote(value)}: send a number, NaN, Infinity or -Infinity")


def _enum(enum: EnumDescriptor, name: str, path: str) -> int:
    """The number of an enum's name; a number in quotes is none, as in protobuf's JSON mapping."""
    member = enum.values_by_name.get(name)
    if member is None:
        known = ", ".join(f"{other.number} ({other.name})" for other in enum.values)
        raise InvalidRequestError(f"{path} is {quote(name)}: send one of {known}")
    return member.number


def _integer(value: object, path: str, least: int, most: int) -> int:
    number: object = value
    if isinstance(value, str) and len(value) <= INTEGER_DIGITS_MAX and value.isascii():
        number = int(value) if value.removeprefix("-").isdigit() else value
    elif isinstance(value, float) and value.is_integer():
        number = int(value)
    if not isinstance(number, int) or isinstance(number, bool) or not least <= number <= most:
        raise InvalidRequestError(f"{path} is {quote(value)}: send an integer from {least} to {most}")
    return number


_KINDS = {
    **dict.fromkeys((FieldDescriptor.TYPE_INT32, FieldDescriptor.TYPE_INT64), json_kernel.INT),
    FieldDescriptor.TYPE_ENUM: json_kernel.ENUM,
    **dict.fromkeys((FieldDescriptor.TYPE_UINT32, FieldDescriptor.TYPE_UINT64), json_kernel.UINT),
    FieldDescriptor.TYPE_FIXED64: json_kernel.FIXED64,
    FieldDescriptor.TYPE_FIXED32: json_kernel.FIXED32,
    FieldDescriptor.TYPE_STRING: json_kernel.STRING,
    FieldDescriptor.TYPE_BOOL: json_kernel.BOOL,
    FieldDescriptor.TYPE_DOUBLE: json_kernel.DOUBLE,
}
_WIRE_TYPES = {
    **dict.fromkeys((json_kernel.FIXED64, json_kernel.DOUBLE), 1),
    **dict.fromkeys((json_kernel.ONE, json_kernel.MANY, json_kernel.STRING, json_kernel.ID, json_kernel.OTHER), 2),
    json_kernel.FIXED32: 5,
}
# Bytes that the length of a message usually takes: of a batch, of a span, of what is smaller.
_RESERVES = {"ResourceSpans": 3, "ScopeSpans": 3, "Span": 2}
_TYPES_MAX = 64


@cache
def _names() -> Names:
    """The kernel's table of names, of the same descriptors as the walk's."""
    types, rows = [ExportTraceServiceRequest.DESCRIPTOR], []
    for owner, message in enumerate(types):  # it grows meanwhile
        for name, field in _fields(message).items():
            if field.message_type is not None and field.message_type not in types:
                types.append(field.message_type)
            rows.append((owner, name, field))
    count = json_kernel.SLOTS
    words: dict[str, Any] = {name: np.zeros(count, dtype=np.uint64) for name in json_kernel.Names._fields}
    text = np.frombuffer("".join(name for _, name, _ in rows).encode(), dtype=np.uint8)
    words["kind"] = np.zeros(count, dtype=np.uint8)
    words["reserve"] = np.array([_RESERVES.get(message.name, 1) for message in types], dtype=np.uint64)
    start = 0
    for owner, name, field in rows:
        slot = int(json_kernel.slot_of(text, np.uint64(start), np.uint64(len(name)), np.uint64(owner)))
        while words["size"][slot]:
            slot = (slot + 1) % count
        kind = _kind(field)
        least, most = INTEGER_RANGES.get(field.cpp_type, (0, 0))
        child = types.index(field.message_type) if field.message_type is not None else ID_FIELDS.get(field.name, 0)
        entry = {"start": start, "size": len(name), "owner": owner, "kind": kind, "child": child}
        entry |= {"tag": field.number << 3 | _WIRE_TYPES.get(kind, 0), "least": -least, "most": most}
        for column, value in entry.items():
            words[column][slot] = value
        start += len(name)
    return json_kernel.Names(**{**words, "text": text})


def _kind(field: FieldDescriptor) -> int:
    if field.message_type is not None:
        return json_kernel.MANY if field.is_repeated else json_kernel.ONE
    if field.type == FieldDescriptor.TYPE_BYTES and field.name in ID_FIELDS:
        return json_kernel.ID
    return json_kernel.OTHER if field.is_repeated else _KINDS.get(field.type, json_kernel.OTHER)
