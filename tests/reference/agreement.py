"""Whether the kernels and protobuf's objects say the same of some bytes."""

from __future__ import annotations

import polars as pl

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
            return f"only protobuf refuses it ({error}): the kernels say {check(body)}"
        except InvalidRequestError:
            return None
    try:
        checked = check(body)
    except InvalidRequestError as error:
        return f"only the kernels refuse it: {error}"
    if checked != Checked(len(expected.spans), expected.rejected, expected.reason):
        return f"{checked} is not {expected.rejected} rejected and {len(expected.spans)} kept: {expected.reason}"
    # Twice: one request must leave nothing behind for the next.
    spans = decode([Record(INGESTED_AT, TENANT, body), Record(0, "", body)])
    first, second = spans[: checked.spans], spans[checked.spans :]
    return _difference(first, expected.spans) or _difference(
        second, expected.spans.with_columns(pl.lit("").alias("tenant"), pl.lit(0, pl.Int64).alias("ingested_at"))
    )


def _difference(spans: pl.DataFrame, expected: pl.DataFrame) -> str | None:
    """The first cell that differs."""
    if spans.schema != expected.schema:
        return f"the schema is {spans.schema}"
    for name in spans.columns:
        cells = zip(spans[name].to_list(), expected[name].to_list(), strict=True)
        for row, (given, right) in enumerate(cells):
            if given != right:
                return f"{name} of row {row} is {given!r}, not {right!r}"
    return None
