from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from redact_reference import Reference, double, field, key_value, numbers, varint
from request_maker import CARDS, IBANS, Maker

from baton.errors import InvalidRequestError, RequestTooLargeError
from baton.settings import RedactionRules
from baton.wire.bank_numbers import IBAN_CHARS
from baton.wire.redaction import Redactor

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = bytes(range(32))
RULES = RedactionRules(
    keep=("enduser.role", "kept.*"), drop=("secret", "a.*.secret"), hash=("customer.*", "Party_Id", "*.iban-owner")
)


def test_the_kernel_redacts_as_the_laws_say() -> None:
    """Whatever a request holds and however it is written, the result is what protobuf objects and hashlib make of it."""
    redactor, reference = Redactor(RULES, KEY), Reference(RULES, KEY)
    changed = 0
    for seed in range(int(__import__("os").environ.get("NEX", "600"))):
        body = Maker(seed).request()
        redacted = redactor.redact(body)
        assert ExportTraceServiceRequest.FromString(redacted) == reference.redact(body), f"seed {seed}"
        changed += redacted is not body
    assert changed
