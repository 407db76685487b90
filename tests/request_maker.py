"""Requests of a seed: whatever protobuf's parser takes, bank numbers and what looks like them, awkward keys."""

from __future__ import annotations

import base64
import random
from typing import TYPE_CHECKING, Any

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from redact_reference import double, field, key_value, varint

if TYPE_CHECKING:
    from collections.abc import Iterator

CARDS = ["4111111111111111", "5555555555554444", "378282246310005", "6205500000000000004", "30569309025904"]
IBANS = ["DE89370400440532013000", "GB29NWBK60161331926819", "NO9386011117947", "mt84malt011000012345mtlcast001s"]
NAMES = [
    *("customer.id", "PARTY-ID", "party_id", "secret", "a.b.secret", "enduser.id", "enduser.role", "kept.card", "x"),
    *("http.request.header.Authorization", "http.request.header.set_cookie", "rpc.grpc.request.metadata.cookie", "a"),
    *("authorization", "payment.authorization", "db.password", "id", "b", "iban_owner", "enduser", "", "card"),
    *(CARDS[0], f"account.{IBANS[0]}", "k" * 70, "customer." + "k" * 300),
]


SEPARATORS = ["", " ", "-", "%20", "\u00a0", "\u2011", "."]
JUNK = ["", " ", "/", "%2F", "%", "x", "ab", "0x", "1.", ".5", "é", "DE89", "-", "4111", "%CE", "ⅷ", "F", "g", "_"]


def grouped(number: str, separator: str) -> str:
    """The number in groups of four."""
    return separator.join(number[i : i + 4] for i in range(0, len(number), 4))


class Maker:
    """Makes requests of a seed, written in every way that protobuf's parser takes."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)

    def request(self) -> bytes:
        """The bytes of one."""
        pick = self._chance.choice
        event = self._message(self._text(2), self._attributes(3))
        link = self._message(field(1, pick([b"t" * 16, CARDS[2].encode()])), self._text(3), self._attributes(4))
        status = self._message(self._text(2), b"\x18\x02")
        times = b"\x39" + bytes(8) + b"\x85\x01" + bytes(4)
        ids = field(1, b"t" * 16), field(2, pick([b"s" * 8, CARDS[2].encode()]))
        span = self._message(*ids, self._text(5), times, self._attributes(9), field(11, event), field(13, link))
        span += field(15, status) + field(15, status)
        scope = self._message(self._text(1), self._attributes(3))
        scope_spans = self._message(field(1, scope), field(2, span, width=pick([0, 5])), self._text(3))
        return self._message(
            field(1, self._message(field(1, self._attributes(1)), field(2, scope_spans), self._text(3)))
        )

    def _message(self, *fields: bytes) -> bytes:
        unknown = [b"", b"", b"", field(900, CARDS[0].encode()), varint(899 << 3) + b"\x05", b"\xfb\x3e\xfc\x3e"]
        return b"".join(part + self._chance.choice(unknown) for part in fields)

    def _text(self, number: int) -> bytes:
        return field(number, self.text())

    def text(self) -> bytes:
        """Text with bank numbers in it, and what looks like them."""
        chance = self._chance
        parts = []
        for _ in range(chance.choice([0, 1, 1, 2, 5])):
            kind = chance.randrange(4)
            if kind == 0:
                parts.append(grouped(chance.choice([*CARDS, *IBANS]), chance.choice(SEPARATORS)))
            elif kind == 1:
                parts.append("".join(chance.choices("0123456789", k=chance.randint(1, 20))))
            else:
                parts.append(chance.choice(JUNK))
        return "".join(parts).encode()

    def _attributes(self, number: int) -> bytes:
        return b"".join(field(number, self._attribute()) for _ in range(self._chance.randrange(4)))

    def _attribute(self) -> bytes:
        order = self._chance.choice([[1, 2], [1, 2], [1, 2], [2, 1], [1], [2], [1, 1, 2], [1, 2, 2]])
        return self._message(
            *(
                field(part, self._key() if part == 1 else self._value(), width=self._chance.choice([0, 3]))
                for part in order
            )
        )

    def _key(self) -> bytes:
        return self._chance.choice([name.encode() for name in NAMES] + [self.text()])

    def _value(self, depth: int = 0) -> bytes:
        """An AnyValue's bytes."""
        chance = self._chance
        integer = chance.choice([42, -1, -(2**63), chance.getrandbits(63), *(int(card) for card in CARDS)])
        kind = chance.randrange(8 if depth > 3 else 12)
        if kind < 3:
            return field(1, self.text())
        if kind < 8:
            special = chance.choice([0.5, float("nan"), float("inf"), -(2.0**63), 2.0**63, -0.0, float(integer)])
            scalars = b"", b"\x10" + varint(integer & 1), b"\x18" + varint(integer % 2**64), double(special)
            return chance.choice([*scalars, field(7, self.text())])
        values = [self._value(depth + 1) for _ in range(chance.randrange(4))]
        if kind == 8:
            return b"".join(values)  # merged, as protobuf reads it
        if kind == 9:
            return field(5, b"".join(field(1, value) for value in values))
        return field(6, b"".join(field(1, key_value(self._key(), value)) for value in values))


def as_json(body: bytes) -> Any:  # noqa: ANN401 - JSON is any
    """The OTLP/JSON of a request, as Python's values: ids in hex, enums as numbers, 64-bit integers as strings."""
    values = MessageToDict(ExportTraceServiceRequest.FromString(body), use_integers_for_enums=True)
    for entry in _dicts(values):
        for name in {"traceId", "spanId", "parentSpanId"} & set(entry):
            entry[name] = base64.b64decode(entry[name]).hex()
    return values


def _dicts(value: object) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _dicts(inner)
