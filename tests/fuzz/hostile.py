"""Requests written byte by byte: what no library writes, and protobuf's parser has an answer to."""

from __future__ import annotations

from fuzz.mutate import varint

TRACE_ID, SPAN_ID = bytes(range(1, 17)), bytes(range(1, 9))


def delimited(number: int, *values: bytes) -> bytes:
    """A length-delimited field."""
    value = b"".join(values)
    return varint(number << 3 | 2) + varint(len(value)) + value


def number(field: int, value: bytes) -> bytes:
    """A varint field, its value as bytes."""
    return varint(field << 3) + value


IDS = delimited(1, TRACE_ID) + delimited(2, SPAN_ID)


def resource(*attributes: bytes) -> bytes:
    """A ResourceSpans's `resource`."""
    return delimited(1, *attributes)


def scope_spans(*spans: bytes) -> bytes:
    """A ResourceSpans's `scope_spans`."""
    return delimited(2, *spans)


def span(*fields: bytes) -> bytes:
    """A ScopeSpans's span, with ids."""
    return delimited(2, IDS, *fields)


def request(*spans: bytes) -> bytes:
    """A request of these spans."""
    return delimited(1, scope_spans(*spans))


def attribute(key: bytes, *value: bytes, field: int = 9) -> bytes:
    """An attribute; `value` are AnyValue's fields."""
    return delimited(field, delimited(1, key), delimited(2, *value))


def text(value: bytes) -> bytes:
    """AnyValue's `string_value`."""
    return delimited(1, value)


def array(*values: bytes) -> bytes:
    """AnyValue's `array_value`."""
    return delimited(5, *(delimited(1, value) for value in values))


def pairs(*values: tuple[bytes, bytes]) -> bytes:
    """AnyValue's `kvlist_value`."""
    return delimited(6, *(delimited(1, delimited(1, key), delimited(2, value)) for key, value in values))


def nested(levels: int, value: bytes = b"") -> bytes:
    """An AnyValue of arrays in arrays."""
    for _ in range(levels):
        value = array(value)
    return value


def groups(count: int, field: int = 100) -> bytes:
    """Unknown groups in groups."""
    return varint(field << 3 | 3) * count + varint(field << 3 | 4) * count


OVERLONG = b"\xff" * 9

TAKEN = {
    "nothing": b"",
    "an empty resource": delimited(1),
    "empty spans": delimited(1, scope_spans(delimited(2) * 100)),
    "unknown fields of every wire type": request(
        span(
            number(99, b"\x01"), varint(98 << 3 | 1) + bytes(8), delimited(97, b"\xff"), varint(96 << 3 | 5) + bytes(4)
        )
    ),
    "the highest field number": request(span(varint((2**29 - 1) << 3) + b"\x01")),
    "unknown groups, 97 deep in a span": request(span(groups(97))),
    "a field 0 within a group": request(span(varint(100 << 3 | 3) + b"\x00\x01" + varint(100 << 3 | 4))),
    "a known field of another wire type": request(span(number(5, b"\x01"), delimited(6, b"x"), number(9, b"\x01"))),
    "a known message as a group": request(span(varint(15 << 3 | 3) + varint(15 << 3 | 4))),
    "a tag of five bytes": b"\x8a\x80\x80\x80\x00" + b"\x00",
    "a length of five bytes": b"\x0a\x80\x80\x80\x80\x00",
    "a bool of ten bytes": request(span(attribute(b"k", number(2, b"\x80" * 9 + b"\x01")))),
    "a bool whose only bit is cut off": request(span(attribute(b"k", number(2, b"\x80" * 9 + b"\x02")))),
    "a bool beyond 32 bits": request(span(attribute(b"k", number(2, varint(2**40))))),
    "an int of ten full bytes": request(span(attribute(b"k", number(3, OVERLONG + b"\x7f")))),
    "a kind beyond 32 bits": request(span(number(6, varint(2**32 + 2)))),
    "a kind below zero": request(span(number(6, varint(2**64 - 1)))),
    "a status beyond 32 bits": request(span(delimited(15, number(3, varint(2**33 + 1))))),
    "reserved flag bits": request(span(varint(16 << 3 | 5) + b"\xff\xff\xff\xff")),
    "a name given twice": request(span(delimited(5, b"a"), delimited(5, b"b"))),
    "a name taken back": request(span(delimited(5, b"a"), delimited(5, b""))),
    "an id given twice": request(delimited(2, delimited(1, b"short"), IDS)),
    "an id taken back": request(span(delimited(2, b""))),
    "a status in two parts": request(
        span(delimited(15, delimited(2, b"no")), delimited(15, number(3, b"\x02")), delimited(15))
    ),
    "a resource in two parts, after its spans": delimited(
        1,
        scope_spans(span()),
        resource(attribute(b"service.name", text(b"one"), field=1)),
        resource(attribute(b"service.name", text(b"two"), field=1), attribute(b"x", text(b"y"), field=1)),
    ),
    "a scope in two parts, after its spans": delimited(
        1, delimited(2, span(), delimited(1, delimited(1, b"lib")), delimited(1, delimited(2, b"1")))
    ),
    "a value in two parts": request(
        span(delimited(9, delimited(1, b"k"), delimited(2, array(b"")), delimited(2, array(b""))))
    ),
    "a value replaced": request(span(attribute(b"k", array(text(b"a")), text(b"b"), array(text(b"c"))))),
    "a value emptied": request(span(delimited(9, delimited(1, b"k"), delimited(2, text(b"a")), delimited(2)))),
    "a key after its value": request(span(delimited(9, delimited(2, text(b"42")), delimited(1, b"server.port")))),
    "an attribute without anything": request(span(delimited(9))),
    "a pair given twice": request(span(attribute(b"k", pairs((b"a", text(b"1")), (b"b", b""), (b"a", text(b"2")))))),
    "a string by its index": request(span(attribute(b"k", text(b"a"), number(8, b"\x03")))),
    "what JSON escapes": request(span(attribute(b"k", array(text(b'"\\\x00\x1f\x7f\xe2\x82\xac'))))),
    "bytes of every length": request(span(*(attribute(b"k", delimited(7, b"\xfb" * size)) for size in range(14)))),
    "texts of every length": request(span(*(attribute(b"k" * size, text(b"v" * size)) for size in range(18)))),
    "ints of every length": request(
        span(*(attribute(b"k", number(3, varint(sign * 10**size % 2**64))) for size in range(19) for sign in (1, -1)))
    ),
    "losers between keepers": request(
        span(
            attribute(b"net.peer.ip", text(b"1")),
            attribute(b"a", text(b"2")),
            attribute(b"net.peer.port", number(3, varint(10**13))),
            attribute(b"network.peer.address", text(b"3")),
            attribute(b"b", text(b"4")),
            attribute(b"server.port", text(b"5672")),
            attribute(b"server.address", text(b"5")),
            attribute(b"net.peer.name", text(b"6")),
            attribute(b"server.address", text(b"7")),
        )
    ),
    "a link to nothing": request(span(delimited(13, attribute(b"k", text(b"v"), field=4)), delimited(13, IDS))),
    "an exception named last": request(
        span(delimited(11, attribute(b"exception.type", array(text(b"a")), field=3), delimited(2, b"exception")))
    ),
    "a value of 63 messages": request(span(attribute(b"deep", nested(31)))),
}
"""Name -> a request that is taken."""

REFUSED = {
    "a field 0": b"\x00\x01",
    "a field beyond 29 bits": varint(2**29 << 3) + b"\x01",
    "a tag of six bytes": b"\x8a\x80\x80\x80\x80\x00\x00",
    "a length of six bytes": b"\x0a\x80\x80\x80\x80\x80\x00",
    "a length beyond 31 bits": b"\x0a" + varint(2**31),
    "a length beyond the message": request(span(b"\x2a\x09name")),
    "a varint of eleven bytes": request(span(number(6, b"\x80" * 10 + b"\x00"))),
    "a varint cut short": request(span(number(6, b"\x80"))),
    "a fixed number cut short": request(span(b"\x39\x00")),
    "a group that does not end": request(span(varint(100 << 3 | 3))),
    "a group that another ends": request(span(varint(100 << 3 | 3) + varint(101 << 3 | 4))),
    "an end without a group": request(span(varint(100 << 3 | 4))),
    "groups 98 deep in a span": request(span(groups(98))),
    "wire type 6": request(span(b"\x06\x00")),
    "wire type 7": request(span(b"\x0f\x00")),
    "a name that is not UTF-8": request(span(delimited(5, b"\xff"))),
    "a surrogate in a key": request(span(attribute(b"\xed\xa0\x80", text(b"")))),
    "an overlong character in a nested value": request(span(attribute(b"k", array(text(b"\xc0\xaf"))))),
    "an entity that is not UTF-8": delimited(1, resource(delimited(3, delimited(4, b"\xfe")))),
    "a value of 65 messages": request(span(attribute(b"deep", nested(32)))),
    "a value too deep in a span without ids": delimited(1, scope_spans(delimited(2, attribute(b"deep", nested(32))))),
    "a value too deep that is replaced": request(span(attribute(b"deep", nested(32), text(b"flat")))),
}
"""Name -> bytes that are refused."""
