"""OTLP's AnyValue as text: what a String column or an entry of `attributes` holds.

Beside the text stands AnyValue's own field number, so that "42" the string (1) and 42 the int (3) can be told apart.
"""

from __future__ import annotations

import base64
import math
from typing import TYPE_CHECKING

import orjson

from baton.errors import InvalidRequestError
from baton.limits import NESTING_MAX
from baton.wire.quote import quote

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

EMPTY, STRING, BOOL, INT, DOUBLE, ARRAY, KVLIST, BYTES = range(8)

SCALARS = frozenset({STRING, BOOL, INT, DOUBLE})
"""The types whose text may stand in a String column; the others stay in `attributes`."""


def text_of(attribute: KeyValue) -> tuple[str, int]:
    """The text of the attribute's value, and its AnyValue field number.

    Bools are `true` and `false`; doubles are the shortest text that reads back as the same double, `NaN`, `Infinity`
    or `-Infinity`; bytes are base64; arrays and kvlists are JSON (of duplicate keys the last wins); an empty value,
    or one of a kind unknown to this version, is `""` with type 0.

    Raises:
        InvalidRequestError: arrays and kvlists nest deeper than `NESTING_MAX` messages.
    """
    value = attribute.value
    kind = value.WhichOneof("value")
    if kind == "string_value":
        return value.string_value, STRING
    if kind in _NESTED:
        return orjson.dumps(_plain(value, 1, attribute.key)).decode(), _NESTED[kind]
    if kind is None or kind not in _TEXTS:
        return "", EMPTY
    text, type_ = _TEXTS[kind]
    return text(getattr(value, kind)), type_


def _plain(value: AnyValue, level: int, key: str) -> object:
    """The value as orjson takes it; `level` counts messages as protobuf's parsers do, this AnyValue included."""
    if level > NESTING_MAX:
        raise InvalidRequestError(
            f"attribute {quote(key)} nests deeper than {NESTING_MAX} messages: send it flat, or as JSON in a string"
        )
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_plain(item, level + 2, key) for item in value.array_value.values]
    if kind == "kvlist_value":
        return {pair.key: _plain(pair.value, level + 3, key) for pair in value.kvlist_value.values}
    if kind == "double_value":
        return value.double_value if math.isfinite(value.double_value) else double_text(value.double_value)
    if kind == "bytes_value":
        return _base64(value.bytes_value)
    if kind in {"string_value", "int_value", "bool_value"}:
        return getattr(value, kind)
    return None


def _bool(truth: bool) -> str:  # noqa: FBT001 - it is the value itself
    return "true" if truth else "false"


def double_text(number: float) -> str:
    """The shortest text that reads back as the same double, as Python and JavaScript's JSON name the others."""
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "Infinity" if number > 0 else "-Infinity"
    return repr(number)


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


_NESTED = {"array_value": ARRAY, "kvlist_value": KVLIST}

_TEXTS: dict[str, tuple[Callable[..., str], int]] = {
    "bool_value": (_bool, BOOL),
    "int_value": (str, INT),
    "double_value": (double_text, DOUBLE),
    "bytes_value": (_base64, BYTES),
}
