"""What the spans of a few journeys say under a few names: attributes, whichever column or list holds them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from baton.schema import SPANS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from baton.looks import Spans

JOURNEY = ["tenant", "environment", "journey_id"]
"""What names a journey: ids are forged as easily as sent, and no journey crosses a tenant or environment."""

_LISTS = ("keys", "attributes")


def said(hit: pl.DataFrame, spans: Spans, journeys: pl.DataFrame, names: Iterable[str]) -> pl.DataFrame:
    """The values that journeys' spans bear under these names.

    Args:
        hit: JOURNEY columns of the journeys, `journey_id` in hex.
        spans: SPANS and SIGHTINGS.
        journeys: `row` and `journey_id` (Binary) of all spans.
        names: attribute names as senders write them.

    Returns:
        JOURNEY columns, `key`, `value` (String), `row` (of the span), in the order of the spans' starts.
    """
    wanted = sorted(set(names))
    aliases = SPANS.aliases()
    filled = {name: aliases[name][0] for name in wanted if name in aliases}
    ids = hit.select(pl.col("journey_id").str.decode("hex")).unique()
    rows = (
        journeys.join(ids, on="journey_id", how="semi")
        .join(spans.select("row", "tenant", "environment", "start_ns", *set(filled.values())), on="row")
        .with_columns(pl.col("journey_id").bin.encode("hex"))
        .join(hit.select(JOURNEY).unique(), on=JOURNEY, how="semi")
    )
    place = [*JOURNEY, "row", "start_ns"]
    listed = [
        spans.held(name, rows["row"].unique())
        .filter(pl.col("key").is_in(wanted))
        .join(rows.select(place), on="row")
        .select(*place, "key", "value")
        for name in _LISTS
    ]
    columns = [
        rows.select(*place, pl.lit(name).alias("key"), pl.col(column).cast(pl.String).alias("value"))
        for name, column in filled.items()
    ]
    found = pl.concat([*listed, *columns]).filter(pl.col("value").is_not_null() & (pl.col("value") != ""))
    return found.sort("start_ns", "row", "key", "value").select(*JOURNEY, "key", "value", "row")
