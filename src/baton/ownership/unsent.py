"""Receives that nothing sent: they make no handoff, so that only their number tells of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from baton.limits import PARENT_CHAIN_MAX
from baton.ownership.coverage import HOME
from baton.ownership.gaps import frame
from baton.ownership.seen import within
from baton.schema import UNOWNED

if TYPE_CHECKING:
    from baton.looks import Spans


def unsent(spans: Spans, pairs: pl.DataFrame, since_ns: int | None, until_ns: int | None) -> pl.DataFrame:
    """COVERAGE's section unsent: receives that no send is paired with, by service and place.

    What lies around a paired receive of the same service is the same receipt; a batch of none took nothing.

    Args:
        spans: SPANS and SIGHTINGS.
        pairs: PAIRS.
        since_ns: those that began at or after.
        until_ns: those that began before.
    """
    receives = (pl.col("role") == "receive") & (pl.col("batch_count") != 0).fill_null(value=True)
    rows = spans.where(receives).rows.lazy().filter(within(since_ns, until_ns))
    paired = pairs["receive"].unique()
    lone = rows.filter(~pl.col("row").is_in(paired.implode())).collect()
    lone = lone.filter(~pl.col("row").is_in(_around(spans, paired).implode()))
    places = (
        spans.looks.lazy()
        .select(*HOME, "service", pl.coalesce("queue", "channel").fill_null("").alias("place"), "team")
        .with_row_index("look")
    )
    named = (pl.col("linked") > 0) | pl.col("parent_key").is_not_null()
    counted = (
        lone.lazy()
        .select("look", "start_ns", named.alias("named"))
        .join(places, on="look")
        .group_by(*HOME, "service", "place", "team")
        .agg(pl.len(), pl.col("named").sum(), pl.col("start_ns").max())
        .collect()
    )
    return frame(
        (
            "unsent",
            "receive",
            *home,
            f"{service} from {place or 'an unnamed place'}",
            None if team == UNOWNED else team,
            count,
            seen,
            _alone(count, named),
        )
        for *home, service, place, team, count, named, seen in counted.iter_rows()
    )


def _around(spans: Spans, paired: pl.Series) -> pl.Series:
    """Rows of spans of the same service that a paired receive stands under, up to the first of another service."""
    homes, _ = spans.numbered(["tenant", "environment", "service"])
    found, here = [pl.Series(dtype=pl.UInt32)], paired
    parents, looks = spans.rows["parent_row"], spans.rows["look"]
    for _ in range(PARENT_CHAIN_MAX):
        step = pl.DataFrame({"here": here, "upper": parents.gather(here)}).drop_nulls()
        same = homes.gather(looks.gather(step["here"])) == homes.gather(looks.gather(step["upper"]))
        here = step.filter(same)["upper"].unique()
        if here.is_empty():
            break
        found.append(here)
    return pl.concat(found)


def _alone(count: int, named: int) -> str:
    if not named:
        return "they bear no context: the sender is not instrumented, or passes none on"
    return (
        f"{named:,} of {count:,} name a span that is not here: its sender is not instrumented, sampled, or was not read"
    )
