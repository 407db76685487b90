"""Whether the kernels and protobuf's objects say the same of some bytes."""

from __future__ import annotations

from baton.errors import InvalidRequestError
from baton.journal.record import Record
from baton.wire.decode import Checked, check, decode
from reference import decoded_by_objects

TENANT, INGESTED_AT = "a tenant of more than 12 bytes", 7


def disagreement(body: bytes) -> str | None:
    """What differs, in words; None if both refuse the bytes, or both give the same rows, counts and reason."""
    try:
        expected = decoded_by_objects(body, TENANT, INGESTED_AT)
    except InvalidRequestError as error:
        try:
            checked = check(body)
        except InvalidRequestError:
            return None
        return f"only protobuf refuses it ({error}), the kernels say {checked}"
    try:
        checked = check(body)
    except InvalidRequestError as error:
        return f"only the kernels refuse it: {error}"
    if checked != Checked(len(expected.spans), expected.rejected, expected.reason):
        return f"{checked} is not {expected.rejected} rejected of {len(expected.spans)} more: {expected.reason}"
    spans = decode([Record(INGESTED_AT, TENANT, body)])
    if spans.schema != expected.spans.schema:
        return f"the schema is {spans.schema}"
    for name in spans.columns:
        given, right = spans[name].to_list(), expected.spans[name].to_list()
        if given != right:
            row = next(row for row, (one, other) in enumerate(zip(given, right, strict=True)) if one != other)
            return f"{name} of row {row} is {given[row]!r}, not {right[row]!r}"
    return None
