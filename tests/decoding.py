"""One request, checked and decoded: what the tests of `wire` look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from baton.journal.record import Record
from baton.wire.decode import check, decode

if TYPE_CHECKING:
    import polars as pl


class Decoded(NamedTuple):
    """The kept spans of one request, SPANS's columns, and what was not kept."""

    spans: pl.DataFrame
    rejected: int
    reason: str | None


def decoded(body: bytes, tenant: str = "t", ingested_at: int = 1) -> Decoded:
    """What the request holds; errors as of `check`."""
    checked = check(body)
    spans = decode([Record(ingested_at, tenant, body)])
    assert len(spans) == checked.spans, "what was checked and what was decoded differ"
    return Decoded(spans, checked.rejected, checked.reason)
