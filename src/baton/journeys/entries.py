"""Entries: where a journey came into a service, in whole numbers, for millions of spans are joined by them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import polars as pl

if TYPE_CHECKING:
    from baton.looks import Spans

_PLACE = ["tenant", "environment", "service", "name"]


class Entries(NamedTuple):
    """Entry spans and the names behind their numbers.

    Attributes:
        rows: `row`, `key` (Int64, surrogate of the journey id), `kind`, `place` (UInt32), `start_ns`, `status_code`.
        kinds: `kind`, `journey` (String: the declared type, else service and name of the journey's root).
        places: `place`, `tenant`, `environment`, `service`, `name`.
    """

    rows: pl.DataFrame
    kinds: pl.DataFrame
    places: pl.DataFrame


def entries(spans: Spans, journeys: pl.DataFrame) -> Entries:
    """Every span with which a journey comes into a service: a call answered, a message received, or a root.

    A root that sends or calls is none: what became of that is said by the laws of messages and calls.

    Args:
        spans: SPANS and SIGHTINGS.
        journeys: JOURNEYS with `journey_type`, a row a span.
    """
    root, role = pl.col("parent_key").is_null(), pl.col("role")
    place, places = spans.numbered(_PLACE)
    home, _ = spans.numbered(_PLACE[:2])
    by_look = spans.looks.select(
        place.alias("place"),
        home.alias("home"),
        "status_code",
        role.is_in(["server", "receive"]).fill_null(value=False).alias("comes"),
        role.is_null().alias("plain"),
    )
    by_row = journeys if journeys["row"].is_sorted() else journeys.sort("row")
    found = (
        spans.rows.select("row", "trace_high", "trace_key", "start_ns", root.alias("root"))
        .hstack(by_look[spans.rows["look"]])
        .lazy()
        .filter(pl.col("root") | pl.col("comes"))
        .with_columns((pl.col("comes") | (pl.col("root") & pl.col("plain"))).alias("entry"))
        .drop("comes", "plain")
        .collect()
    )
    found = found.hstack(by_row.select("journey_id", "journey_type")[found["row"]])
    places = places.join(found.select("place").unique(), on="place", how="semi", maintain_order="left")
    roots, found = _roots(found), found.filter("entry")
    # Spans lie by trace, so a journey's entries mostly lie together: what is the journey's is told once a run of them.
    journey = ["journey_id", "home", "journey_type"]
    begins = found.select(pl.any_horizontal(pl.col(journey).ne_missing(pl.col(journey).shift()))).to_series()
    runs = found.select(journey).filter(begins).with_columns(_key().alias("key"))
    runs = runs.join(roots, on=["key", "home"], how="left", maintain_order="left").drop("journey_id")
    known = pl.col("journey_type").is_not_null() | pl.col("root_place").is_not_null()
    pairs = runs.filter(known).select("journey_type", "root_place").unique().sort(pl.all())
    kinds = pairs.join(places.rename({"place": "root_place"}), on="root_place", how="left", maintain_order="left")
    kinds = kinds.with_row_index("kind").with_columns(
        pl.coalesce("journey_type", pl.concat_str("service", pl.lit(" "), "name")).alias("journey")
    )
    numbers = kinds.select("kind", "journey_type", "root_place")
    on = ["journey_type", "root_place"]
    runs = runs.join(numbers, on=on, how="left", nulls_equal=True, maintain_order="left").select("key", "kind")
    rows = found.select("row", "place", "start_ns", "status_code").hstack(runs[begins.cum_sum() - 1])
    rows = rows.filter(pl.col("kind").is_not_null())
    rows = rows.select("row", "key", "kind", "place", "start_ns", "status_code")
    return Entries(rows, kinds.select("kind", "journey"), places)


def _key(first: int = 8) -> pl.Expr:
    """8 bytes of the journey's id, the last ones unless another first one is named."""
    return pl.col("journey_id").bin.slice(first, 8).bin.reinterpret(dtype=pl.Int64, endianness="big")


def _roots(found: pl.DataFrame) -> pl.DataFrame:
    """`key`, `home`, `root_place`: the earliest root of journeys of no declared type."""
    return (
        found.lazy()
        .filter(pl.col("root") & pl.col("journey_type").is_null())
        .with_columns(_key().alias("key"))
        .filter((pl.col("trace_key") == pl.col("key")) & (pl.col("trace_high") == _key(0)))
        .sort("start_ns", "row")
        .unique(["key", "home"], keep="first", maintain_order=True)
        .select("key", "home", pl.col("place").alias("root_place"))
        .collect()
    )
