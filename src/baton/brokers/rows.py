"""FACTS from single facts: where they hold is the same for all of one document."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import polars as pl

from baton.limits import TIME_NS_MAX
from baton.schema import FACTS

if TYPE_CHECKING:
    from collections.abc import Iterable

Row: TypeAlias = "dict[str, str | int | None]"
"""Some of FACTS's columns; the others are null."""


class Where(NamedTuple):
    """When and where the facts of one document hold; see FACTS."""

    at_ns: int
    tenant: str
    environment: str | None
    broker: str


def frame(rows: Iterable[Row], where: Where, source: str) -> pl.DataFrame:
    """The rows as a frame of FACTS's columns; what is said twice is there once.

    Args:
        rows: the facts, each with `fact`, `vhost` and `name` at least.
        where: what they all share.
        source: FACTS's `source`.
    """
    shared = {**where._asdict(), "source": source}
    return pl.DataFrame([{**row, **shared} for row in rows], schema=FACTS.schema).unique(maintain_order=True)


def count(value: object) -> int | None:
    """The value if it is a number of things that a column can hold; brokers say "undefined" and such for others."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= TIME_NS_MAX else None


def text(value: object) -> str | None:
    """The value if it is text."""
    return value if isinstance(value, str) else None
