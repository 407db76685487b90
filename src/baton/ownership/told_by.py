"""Owners that telemetry names itself: a resource attribute such as `service.owner`.

Resource attributes are a process's own, so that of each process one span is asked, its newest. An attribute of a span
is not heard: it would be every span's to claim. What is no name by the law of `documents.Text` is not heard either, nor
what reads as several (`schema.SEVERAL`), and `unowned` is nobody.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl
from pydantic import TypeAdapter, ValidationError

from baton.documents import Text
from baton.looks import PROCESS
from baton.schema import SEVERAL, UNOWNED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from baton.looks import Spans

TOLD_BY, TOLD, REFUSED = "owner_attribute", "owner_told", "owner_refused"
"""Columns of looks, where any process names its owner: the attribute, the owner (String, null where it names none), and
whether it names one that is no name (Boolean)."""

_STRING = 1
"""Of AnyValue's fields, see `schema.ATTRIBUTE`."""
_NAME: TypeAdapter[str] = TypeAdapter(Text)


def resources(spans: Spans) -> pl.DataFrame:
    """Resource attributes, those that no column holds: `look` (UInt32), `key`, `value` (String), `type` (Int8)."""
    numbers, rows = spans.newest(PROCESS)
    items = spans.held("resource", rows)
    process = pl.DataFrame({"row": rows}).with_row_index("process")
    looks = pl.DataFrame({"process": numbers}).with_row_index("look")
    return items.join(process, on="row").join(looks, on="process").select("look", "key", "value", "type")


def hear(spans: Spans, said: pl.DataFrame, attributes: Sequence[str]) -> Spans:
    """Looks gain TOLD_BY, TOLD and REFUSED, if any process names its owner.

    Args:
        spans: repaired.
        said: the frame of `resources`.
        attributes: resource attributes that name an owner; of several, the first that a process bears.
    """
    order = {name: place for place, name in enumerate(attributes)}
    named = (
        said.filter(pl.col("key").is_in(list(order)), pl.col("type") == _STRING)
        .with_columns(pl.col("key").replace_strict(order, return_dtype=pl.Int64).alias("_order"))
        .sort("look", "_order", "value")
        .unique("look", keep="first", maintain_order=True)
    )
    if named.is_empty():
        return spans
    values = named["value"].unique()
    owner = pl.col("value").replace_strict(
        values, pl.Series([_name(value) for value in values], dtype=pl.String), return_dtype=pl.String
    )
    told = named.select("look", pl.col("key").alias(TOLD_BY), owner.alias(TOLD), owner.is_null().alias(REFUSED))
    told = told.with_columns(pl.when(pl.col(TOLD) != UNOWNED).then(pl.col(TOLD)).alias(TOLD))
    looks = spans.looks.with_row_index("look").join(told, on="look", how="left", maintain_order="left").drop("look")
    return replace(spans, looks=looks.with_columns(pl.col(REFUSED).fill_null(value=False)))


def _name(value: str) -> str | None:
    try:
        name = _NAME.validate_python(value)
    except ValidationError:
        return None
    return None if SEVERAL in name else name
