"""Listeners: who receives from a place without sharing anything with a send."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import polars as pl

if TYPE_CHECKING:
    from baton.trust.ways import Seen

Listeners: TypeAlias = "dict[tuple[str, str, str], dict[str, str]]"
"""(tenant, environment, place as receivers call it) -> service -> its team."""


def listeners(seen: Seen) -> Listeners:
    """Services with receive or process spans that no send is paired with; polls that found nothing are none."""
    empty = (pl.col("step") == "receive") & (pl.col("batch_count") == 0)
    taking = seen.spans.where((pl.col("role") == "receive") & ~empty.fill_null(value=False))
    looks = taking.rows.join(seen.pairs, left_on="row", right_on="receive", how="anti")["look"].unique()
    told = seen.spans.looks[looks].select("tenant", "environment", "service", "team", "channel", "queue")
    places = told.unpivot(["channel", "queue"], index=["tenant", "environment", "service", "team"], value_name="place")
    found: Listeners = {}
    for tenant, home, place, service, team in (
        places.drop_nulls("place").select("tenant", "environment", "place", "service", "team").unique().iter_rows()
    ):
        found.setdefault((tenant, home, place), {})[service] = team
    return found
