"""How deep the values of a request nest, read from its bytes: of a replaced value the objects show no trace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from baton.errors import InvalidRequestError
from baton.limits import NESTING_MAX

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.protobuf.descriptor import Descriptor

GROUP, GROUP_END = 3, 4


def refuse_deep(data: bytes, message: Descriptor, level: int = 0) -> None:
    """Refuses what nests deeper than `NESTING_MAX` messages; `level` counts from an attribute's AnyValue, which is 1.

    Args:
        data: bytes that protobuf's parser takes for `message`.
        message: what they are.
        level: the message's own; 0 outside of values.
    """
    for number, wire, value in fields(data):
        field = message.fields_by_number.get(number)
        if wire != 2 or field is None or field.message_type is None:
            continue
        inner = field.message_type
        below = level + 1 if level or inner is AnyValue.DESCRIPTOR else 0
        # A pair has a value, whether sent or not.
        if below + (inner is KeyValue.DESCRIPTOR and below > 0) > NESTING_MAX and inner.name in {
            "AnyValue",
            "KeyValue",
        }:
            raise InvalidRequestError(f"nests deeper than {NESTING_MAX} messages")
        refuse_deep(value, inner, below)


def fields(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Number, wire type and, of a length-delimited field, value; groups are passed over."""
    at, open_groups = 0, 0
    while at < len(data):
        tag, at = varint(data, at)
        number, wire, value = tag >> 3, tag & 7, b""
        if wire == 0:
            _, at = varint(data, at)
        elif wire == 2:
            length, at = varint(data, at)
            value = data[at : at + length]
            at += length
        elif wire == GROUP:
            open_groups += 1
        elif wire == GROUP_END:
            open_groups -= 1
        else:
            at += 8 if wire == 1 else 4
        if not open_groups:
            yield number, wire, value


def varint(data: bytes, at: int) -> tuple[int, int]:
    """Value and next position."""
    value, shift = 0, 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
