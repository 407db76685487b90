"""Journeys without an owner, by where they begin."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from baton.ownership.coverage import HOME
from baton.ownership.gaps import frame, timed
from baton.schema import UNOWNED

if TYPE_CHECKING:
    from baton.looks import Spans
    from baton.ownership.catalog import Catalog


def ownerless_journeys(spans: Spans, stitched: pl.DataFrame, made: pl.DataFrame, catalog: Catalog) -> pl.DataFrame:
    """COVERAGE's section journey: those of no declared type by where they begin, and types whose owner is gone.

    Args:
        spans: SPANS and SIGHTINGS, with `team`.
        stitched: JOURNEYS.
        made: the frame of `coverage.journeys`.
        catalog: the ownership files.
    """
    owners = {kind.name: kind.owner for kind in catalog.journey_types}
    lost = made.filter(pl.col("journey_type").is_not_null(), ~pl.col("owned"))
    lost = lost.group_by(*HOME, "journey_type").agg(pl.len(), pl.col("last_seen").max())
    rows: list[tuple[object, ...]] = [
        ("journey", "journey type", *home, kind, None, count, seen, _gone(owners.get(kind)))
        for *home, kind, count, seen in timed(lost).iter_rows()
    ]
    untyped = made.filter(pl.col("journey_type").is_null())
    begun = _beginnings(spans, stitched, untyped)
    begun = begun.group_by(*HOME, "service", "name", "team").agg(pl.len(), pl.col("last_seen").max())
    rows += [
        ("journey", "journey", *home, f"{service} {name}", None, count, seen, _undeclared(service, team))
        for *home, service, name, team, count, seen in timed(begun).iter_rows()
    ]
    return frame(rows)


def _gone(owner: str | None) -> str:
    return f"its owner {owner} owned nothing then, by its dates: name another"


def _undeclared(service: str, team: str) -> str:
    whose = "" if team == UNOWNED else f" (service of {team})"
    return f"begins in {service}{whose} with no declared type: add a journey type with that entry and an owner"


def _beginnings(spans: Spans, stitched: pl.DataFrame, untyped: pl.DataFrame) -> pl.DataFrame:
    """The untyped journeys with the place of their earliest root, else of their earliest span without a parent here."""
    journey = [*HOME, "journey_id"]
    ids = stitched["journey_id"] if stitched["row"].is_sorted() else stitched.sort("row")["journey_id"]
    tops = (
        spans.rows.lazy()
        .filter(pl.col("parent_row").is_null())
        .select("row", "look", "start_ns", pl.col("parent_key").is_not_null().alias("under"))
        .collect()
    )
    tops = tops.with_columns(ids.gather(tops["row"]).bin.encode("hex").alias("journey_id"))
    places = spans.looks.lazy().select(*HOME, "service", "name", "team").with_row_index("look")
    return (
        tops.lazy()
        .filter(pl.col("journey_id").is_in(untyped["journey_id"].implode()))
        .join(places, on="look")
        .sort("under", "start_ns", "row")
        .unique(journey, keep="first", maintain_order=True)
        .join(untyped.lazy().select(*journey, "last_seen"), on=journey)
        .collect()
    )
