"""Redaction as its laws say it, by protobuf objects, regular expressions and hashlib: what the kernel is held to."""

from __future__ import annotations

import hashlib
import re
import struct
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from baton.wire.bank_numbers import IBAN_CHARS
from baton.wire.redaction import DEFAULT_DROP, DEFAULT_HASH

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.protobuf.message import Message
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

    from baton.settings import RedactionRules

SEPARATOR = rb"(?:[ .+-]|%20|\xc2\xa0|\xe2\x80[\x80-\x95\xaf])"
GROUPS = re.compile(rb"(\d+)(?:" + SEPARATOR + rb"(?=\d)|)")
HEX = re.compile(rb"%[0-9A-Fa-f]{2}")
# Prefix, its digits, lengths when bare, lengths when grouped.
ISSUERS = [
    (range(4, 5), 1, {13, 16}, {13, 16, 19}),
    (range(51, 56), 2, {16}, {16}),
    (range(2221, 2721), 4, {16}, {16}),
    ([34, 37], 2, {15}, {15}),
    ([62], 2, {16, 17, 18, 19}, {16, 17, 18, 19}),
    ([5018, 5020, 5038, 5893, 6304, 6759, 6761, 6762, 6763], 4, set(range(13, 20)), set(range(13, 20))),
    ([6011, *range(6440, 6500), *range(6500, 6600)], 4, {16}, {16, 19}),
    (range(3528, 3590), 4, {16}, {16, 19}),
    ([36], 2, {14}, {14}),
    ([38, 39], 2, {14, 16}, {14, 16}),
    ([*range(3000, 3060), 3095], 4, {14, 16}, {14, 16}),
    (range(2200, 2205), 4, {16}, {16, 17, 18, 19}),
    ([5019, 9792, *range(5080, 5090)], 4, {16}, {16}),
    ([60, 81, 82], 2, {16}, {16}),
    ([5060, 5061], 4, {16, 18, 19}, {16, 18, 19}),
]


def is_card(digits: bytes, *, grouped: bool) -> bool:
    """Issuer and check digit."""
    total = sum(int(d) if i % 2 == 0 else sum(divmod(2 * int(d), 10)) for i, d in enumerate(digits.decode()[::-1]))
    first = next((row for row in ISSUERS if int(digits[: row[1]]) in row[0]), None)
    return total % 10 == 0 and first is not None and len(digits) in first[3 if grouped else 2]


def numbers(text: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Where each bank number begins and ends, and its normal form."""
    # Escapes become one character that touches nothing, at their last byte; %20 stays what it is, a separator.
    escaped = {m.start() for m in HEX.finditer(text)}
    at, clear = 0, set()
    for start in sorted(escaped):
        if start >= at:
            clear |= {start, start + 1, start + 2}
            at = start + 3
    position = edge = 0
    while position < len(text):
        if position in clear:
            position += 1
            continue
        # What follows a number that was found begins anew.
        free = clear | set(range(edge))
        found = _iban(text, position, free) or _card(text, position, free)
        if found:
            yield position, *found
            position = edge = found[0]
        else:
            position += 1


def _alnum(text: bytes, at: int, clear: set[int]) -> bool:
    return 0 <= at < len(text) and at not in clear and text[at : at + 1].isalnum()


def _iban(text: bytes, start: int, clear: set[int]) -> tuple[int, bytes] | None:
    chars = IBAN_CHARS.get(text[start : start + 2].upper().decode("latin-1"))
    if chars is None or _alnum(text, start - 1, clear):
        return None
    groups = rb"[A-Za-z]{2}\d\d(?:" + b"".join(
        SEPARATOR + rb"[A-Za-z0-9]{%d}" % min(4, chars - 4 * i) for i in range(1, (chars + 3) // 4)
    )
    found = re.compile(groups + rb"|[A-Za-z0-9]{%d})(?![A-Za-z0-9])" % (chars - 4)).match(text, start)
    if found is None:
        return None
    normal = re.sub(SEPARATOR, b"", found[0]).upper()
    digits = "".join(str(int(char, 36)) for char in (normal[4:] + normal[:4]).decode())
    return (found.end(), normal) if int(digits) % 97 == 1 else None


def _card(text: bytes, start: int, clear: set[int]) -> tuple[int, bytes] | None:  # noqa: C901 - the rules in a row
    if not text[start : start + 1].isdigit() or (start - 1 not in clear and text[start - 1 : start].isdigit()):
        return None
    if re.search(rb"\d\.$", text[:start]) and not {start - 1, start - 2} & clear:
        return None
    digits, best, at = b"", None, start
    while True:
        group = GROUPS.match(text, at)
        digits += group[1]
        if at > start and len(group[1]) > 6:
            break
        if 13 <= len(digits) <= 19 and is_card(digits, grouped=at > start):
            best = (group.end(1), digits)
        if not 4 <= len(group[1]) <= 6 or group.end() == group.end(1) or len(digits) > 19:
            break
        at = group.end()
    if best is None:
        return None
    left, right = start, best[0]
    while _alnum(text, left - 1, clear):
        left -= 1
    while _alnum(text, right, clear):
        right += 1
    around = text[left:start] + text[best[0] : right]
    if re.search(rb"[A-Za-z]", around) and not re.search(rb"[G-Zg-z]", around):
        return None
    return None if re.match(rb"0[xX]", text[left:start]) else best


class Reference:
    """Redacts as `Redactor` does."""

    def __init__(self, rules: RedactionRules, key: bytes) -> None:
        defaults = (("drop", DEFAULT_DROP), ("hash", DEFAULT_HASH)) if rules.default else ()
        lists = (("keep", rules.keep), ("drop", rules.drop), ("hash", rules.hash), *defaults)
        self._rules = [(_folded(glob), action) for action, globs in lists for glob in globs]
        self._key = key

    def redact(self, body: bytes) -> ExportTraceServiceRequest:
        """The redacted request."""
        request = ExportTraceServiceRequest.FromString(body)
        request.DiscardUnknownFields()
        self._message(request)
        return request

    def hash(self, text: bytes) -> str:
        """What stands for a text."""
        found = next(numbers(text), None)
        if found is not None and found[:2] == (0, len(text)):
            text = found[2]
        return "hash:" + hashlib.blake2b(text, key=self._key, digest_size=16).hexdigest()

    def text(self, text: bytes) -> bytes:
        """A text without its bank numbers."""
        for start, stop, _ in reversed(list(numbers(text))):
            text = text[:start] + self.hash(text[start:stop]).encode() + text[stop:]
        return text

    def _rank(self, name: str, *, dotted: bool = False) -> int:
        ranks = (i for i, (glob, _) in enumerate(self._rules) if fnmatchcase(_folded(name), glob))
        return next((i for i in ranks if not dotted or "." in self._rules[i][0]), len(self._rules))

    def _message(self, message: Message) -> None:
        for field, value in message.ListFields():
            if field.message_type is not None and field.message_type.name == "KeyValue":
                self._attributes(value, "", "plain")
            elif field.message_type is not None:
                for inner in value if field.is_repeated else [value]:
                    self._message(inner)
            elif field.type == field.TYPE_STRING and field.is_repeated:
                value[:] = [self.text(item.encode()).decode() for item in value]
            elif field.type == field.TYPE_STRING:
                setattr(message, field.name, self.text(value.encode()).decode())
            elif field.type == field.TYPE_BYTES and len(value) not in {8, 16}:
                setattr(message, field.name, self.text(value))

    def _attributes(self, attributes: object, path: str, inherited: str) -> None:
        kept = [pair for pair in attributes if self._attribute(pair, path, inherited)]
        copies = [type(pair).FromString(pair.SerializeToString()) for pair in kept]
        del attributes[:]
        attributes.extend(copies)

    def _attribute(self, pair: KeyValue, path: str, inherited: str) -> bool:
        """Whether the pair is kept; then it is redacted."""
        action, rank, whole = inherited, self._rank(pair.key), path + pair.key
        if path and len(whole.encode()) <= 255:
            rank = min(rank, self._rank(whole, dotted=True))
        if rank < len(self._rules) and inherited != "keep":
            action = self._rules[rank][1]
        if action == "drop":
            return False
        if pair.HasField("value"):
            self._value(pair.value, whole + ".", action)
        if action != "keep":
            pair.key = self.text(pair.key.encode()).decode()
        return True

    def _value(self, value: AnyValue, path: str, action: str) -> None:
        kind = value.WhichOneof("value")
        if kind == "array_value":
            for item in value.array_value.values:
                self._value(item, path, action)
        elif kind == "kvlist_value":
            self._attributes(value.kvlist_value.values, path, action)
        elif kind is not None and action != "keep":
            self._scalar(value, kind, getattr(value, kind), hashed=action == "hash")

    def _scalar(self, value: AnyValue, kind: str, plain: object, *, hashed: bool) -> None:  # noqa: C901 - a case a kind
        if kind == "double_value":
            whole = plain == plain and abs(plain) < 2**63 and plain == int(plain)  # noqa: PLR0124 - NaN
            if not whole:
                if hashed:
                    value.string_value = "[redacted]"
                return
            plain = int(plain)
        if isinstance(plain, bool):
            text = str(plain).lower().encode()
        elif isinstance(plain, int):
            text = str(plain).encode()
        else:
            text = plain.encode() if isinstance(plain, str) else plain
        if hashed and text:
            value.string_value = self.hash(text)
        elif isinstance(plain, int) and not isinstance(plain, bool):
            if plain >= 10**12 and is_card(text, grouped=False):
                value.string_value = self.hash(text)
        elif isinstance(plain, str):
            value.string_value = self.text(text).decode()
        elif isinstance(plain, bytes):
            value.bytes_value = self.text(text)


def _folded(name: str) -> str:
    return "".join(chr(ord(c) + 32) if "A" <= c <= "Z" else c for c in name).replace("_", "-").replace("[", "\x01")


def key_value(key: bytes, value: bytes) -> bytes:
    """A KeyValue's bytes, of an AnyValue's."""
    return field(1, key) + field(2, value)


def field(number: int, content: bytes, *, width: int = 0) -> bytes:
    """A length-delimited field, its length written with at least `width` bytes."""
    return varint(number << 3 | 2) + varint(len(content), width) + content


def varint(value: int, width: int = 0) -> bytes:
    """A varint of at least `width` bytes."""
    out = bytearray()
    while value > 127 or len(out) + 1 < width:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def double(value: float) -> bytes:
    """An AnyValue's bytes."""
    return b"\x21" + struct.pack("<d", value)
