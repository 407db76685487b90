"""Redaction: a request's bytes without what must not be kept, before they touch the disk.

The laws:
- A rule that matches one name of an attribute holds for its other names in the schema as well: half of the senders
  with a hash and half without would never meet.
- An attribute's key decides, at every place where attributes stand, and of pairs nested in values at any depth by
  their own key and by their path (`enduser` holding `id` is `enduser.id`), whichever rule comes first. `keep` wins,
  then `drop`, then `hash`, then the defaults. What is nested in a value shares its fate, unless a rule names it.
- `drop` takes the attribute out. `hash` puts `hash:` and a keyed hash in the place of every scalar of the value; a
  number is hashed as its decimal text, so 42 and "42" stay equal; a number with a fraction identifies nobody and
  becomes `[redacted]`. Empty values stay.
- Card numbers and IBANs (`baton.wire.bank_numbers`) are replaced by the hash of the bare number wherever a request has
  text: in values (bytes too), keys, names, messages, trace state, schema URLs and ids of a wrong length; an int may be
  a card number as well. So the same number is the same hash however it was written. Not below a `keep`.
- Fields that this version does not know are taken out: nothing could say what they hold.
- A request without any of this stays as it is, byte for byte.
- Not found: a secret inside another text (a token in a URL's query, a password in a statement), and numbers that are
  encoded (base64, compressed) or grouped in other ways than people do. Drop such attributes by name.

One key serves a whole store, whatever the tenant: whoever asks for a person's spans to be found or forgotten names one
value, and no query crosses a tenant, so equal hashes tell nobody anything. The key must be kept: without it no clear
value can be looked up; with another one a person's spans before and after no longer meet.
"""

from __future__ import annotations

import threading
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, cast

import numpy as np
from google.protobuf.descriptor import FieldDescriptor
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue, KeyValueList

from baton.errors import InputError, InvalidRequestError, RequestTooLargeError
from baton.limits import REQUEST_BYTES_MAX
from baton.schema import RESOURCE_ALIASES, SPANS
from baton.wire import redaction_kernel as kernel
from baton.wire.key_rules import key_memo, key_rules
from baton.wire.keyed_hash import KEY_BYTES_MAX, keyed_state
from baton.wire.redaction_key import key_path, make_key, read_key

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from google.protobuf.descriptor import Descriptor

    from baton.settings import RedactionRules
    from baton.wire.redaction_kernel import Fields, Scratch

KEY_BYTES_MIN = 16

_HEADERS = (
    *("authorization", "proxy-authorization", "cookie", "set-cookie"),
    *("x-api-key", "x-auth-token", "x-amz-security-token", "x-csrf-token", "x-xsrf-token"),
)
DEFAULT_DROP: tuple[str, ...] = (
    # http.request.header.<name>, rpc.grpc.request.metadata.<name>, messaging headers, kvlists of headers.
    *(f"*{place}.{name}" for place in ("header", "headers", "metadata") for name in _HEADERS),
    *_HEADERS,
    *("*password*", "*passwd*", "*client-secret", "*api-key", "*apikey", "*private-key"),
    *("*passphrase*", "pwd", "*.pwd", "*secret", "*secret-key", "*secretkey", "*secret-access-key", "*privatekey"),
    *("*token", "jwt", "*.jwt", "*.cookie", "cookies", "*.cookies", "*header-authorization", "authorization-header"),
)
"""What opens a door: headers of the semantic conventions in all their spellings, and secrets by their usual names."""
DEFAULT_HASH: tuple[str, ...] = ("enduser.*", "*.enduser.*", "enduser-id")
"""Who it was."""


class Redactor:
    """Redacts requests by rules, with the store's key; any number of threads may use it.

    Args:
        rules: which attributes; see the laws above.
        key: 16 to 64 bytes that nobody else knows.
    """

    def __init__(self, rules: RedactionRules, key: bytes) -> None:
        if not KEY_BYTES_MIN <= len(key) <= KEY_BYTES_MAX:
            raise ValueError(f"a key of {len(key)} bytes: give {KEY_BYTES_MIN} to {KEY_BYTES_MAX}")
        self._rules = key_rules(
            [
                *((glob, kernel.KEEP) for glob in _with_aliases(rules.keep)),
                *((glob, kernel.DROP) for glob in _with_aliases(rules.drop)),
                *((glob, kernel.HASH) for glob in _with_aliases(rules.hash)),
                *((glob, kernel.DROP) for glob in DEFAULT_DROP if rules.default),
                *((glob, kernel.HASH) for glob in DEFAULT_HASH if rules.default),
            ],
            kernel.PLAIN,
        )
        self._keyed = keyed_state(key)
        self._own = threading.local()
        self.redact(b"")  # compiles now rather than at the first request

    def redact(self, body: bytes) -> bytes:
        """The request without what the rules forbid; `body` itself where there is nothing of it.

        Args:
            body: an ExportTraceServiceRequest that was found valid.

        Raises:
            RequestTooLargeError: hashes are longer than what they replace, and it grows beyond `REQUEST_BYTES_MAX`.
            InvalidRequestError: it is no such request.
        """
        request = np.frombuffer(body, dtype=np.uint8)
        room = min(len(body) + len(body) // 4 + 4096, REQUEST_BYTES_MAX)
        while True:
            out = np.empty(room, dtype=np.uint8)
            status, size = kernel.redact(request, out, _FIELDS, self._rules, self._keyed, self._scratch())
            if status == kernel.UNCHANGED:
                return body
            if status == kernel.CHANGED:
                return out[: int(size)].tobytes()
            if status == kernel.MALFORMED:
                raise InvalidRequestError(f"no ExportTraceServiceRequest from byte {size} on: send OTLP protobuf")
            if room == REQUEST_BYTES_MAX:
                raise RequestTooLargeError(
                    f"the request of {len(body)} bytes is longer than {REQUEST_BYTES_MAX} once attributes are replaced "
                    "by their hashes: send smaller batches"
                )
            room = min(4 * room, REQUEST_BYTES_MAX)

    def lookup(self, key: str, value: str) -> str:
        """What a clear value of the attribute `key` stands as in the store: its hash, or what is left of it.

        A value that no rule touches, and one whose attribute is dropped, comes back as it is.
        """
        request = ExportTraceServiceRequest()
        request.resource_spans.add().resource.attributes.add(key=key).value.string_value = value
        kept = ExportTraceServiceRequest.FromString(self.redact(request.SerializeToString()))
        attributes = kept.resource_spans[0].resource.attributes
        return attributes[0].value.string_value if attributes else value

    def _scratch(self) -> Scratch:
        held = getattr(self._own, "scratch", None)
        if held is None:
            held = self._own.scratch = kernel.scratch(key_memo())
        return cast("Scratch", held)


def _with_aliases(globs: Sequence[str]) -> list[str]:
    """The globs, and every name of the columns that one of them fills."""
    families = [column.aliases for column in SPANS.columns if column.aliases]
    families += RESOURCE_ALIASES.values()
    named = [
        alias
        for family in families
        for glob in globs
        if any(fnmatchcase(_folded(alias), _folded(glob)) for alias in family)
        for alias in family
    ]
    return [*globs, *dict.fromkeys(named)]


def _folded(name: str) -> str:
    # A glob of ours knows * alone.
    return name.lower().replace("_", "-").replace("[", "[[]").replace("?", "[?]")


_WIRE_TYPES = {
    **dict.fromkeys((FieldDescriptor.TYPE_FIXED64, FieldDescriptor.TYPE_SFIXED64, FieldDescriptor.TYPE_DOUBLE), 1),
    **dict.fromkeys((FieldDescriptor.TYPE_FIXED32, FieldDescriptor.TYPE_SFIXED32, FieldDescriptor.TYPE_FLOAT), 5),
    **dict.fromkeys((FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES, FieldDescriptor.TYPE_MESSAGE), 2),
}
_VARINT = 0
_FIELD_NUMBERS = 32
_TYPES_MAX = 64


def _fields() -> Fields:
    """Every field of every message of a request, by its descriptors."""
    known = [d.DESCRIPTOR for d in (ExportTraceServiceRequest, KeyValue, AnyValue, KeyValueList)]
    kind = np.zeros((_TYPES_MAX, _FIELD_NUMBERS), dtype=np.uint8)
    wire = np.full((_TYPES_MAX, _FIELD_NUMBERS), 255, dtype=np.uint8)
    for number, message in enumerate(known):  # it grows meanwhile
        for field in message.fields:
            kind[number, field.number] = _kind(field, known)
            wire[number, field.number] = _WIRE_TYPES.get(field.type, _VARINT)
    return kernel.Fields(kind, wire)


def _kind(field: FieldDescriptor, known: list[Descriptor]) -> int:
    if field.message_type is not None:
        if field.message_type not in known:
            known.append(field.message_type)
        return kernel.MESSAGE + known.index(field.message_type)
    if field.type == FieldDescriptor.TYPE_STRING:
        return kernel.TEXT
    return kernel.ID if field.type == FieldDescriptor.TYPE_BYTES else kernel.SCALAR


_FIELDS = _fields()


def open_redactor(rules: RedactionRules, store: Path) -> Redactor:
    """The store's redactor; makes the store's own key at the first call.

    Args:
        rules: baton.toml's.
        store: folder of the store, which exists.

    Raises:
        InputError: the key file cannot serve (`baton.wire.redaction_key`), or the one that baton.toml names is absent.
    """
    path = key_path(rules, store)
    key = read_key(path)
    if key is None and rules.key_file is not None:
        raise InputError(
            f"{path}, the redaction key named by baton.toml, is no file: restore it from its backup (without it no "
            "clear value can be looked up, and another key splits history); for a new store make one with "
            "`openssl rand -hex 32` and mode 0600"
        )
    return Redactor(rules, make_key(path) if key is None else key)


def stands_as(rules: RedactionRules, store: Path, key: str, value: str) -> str:
    """`Redactor.lookup` in a store that may have no key yet; then the value itself. Raises as `open_redactor`."""
    secret = read_key(key_path(rules, store))
    return value if secret is None else Redactor(rules, secret).lookup(key, value)


def hashed(rules: RedactionRules, store: Path, value: str) -> str:
    """What the value is hashed to by whatever rule hashes it, now or earlier; itself in a store without a key."""
    every = rules.model_copy(update={"default": False, "keep": (), "drop": (), "hash": ("*",)})
    return stands_as(every, store, "value", value)
