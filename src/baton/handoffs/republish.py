"""A receiver that failed a message and sends it on again, to the same channel or to a retry place, made up for it.

The loss, if there is one, is then that of the new send, which has a row of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from baton.handoffs.beside import PLACE, beside
from baton.limits import MESSAGE_ID_WINDOW_NS, PARENT_CHAIN_MAX
from baton.schema import RETRY_NAME

if TYPE_CHECKING:
    from baton.looks import Spans

_KEY = [PLACE, "channel"]


def republished(rows: pl.DataFrame, spans: Spans) -> pl.DataFrame:
    """Adds what became of a failed receipt's own new send.

    Args:
        rows: the frame of `telemetry.vouch`.
        spans: SPANS and SIGHTINGS.

    Returns:
        The rows with `again_well` (Boolean: the same service took a new send of it well) and `again_due_ns` (Int64:
        until when one may be taken), null where the receipt did not fail, or nothing was sent again.
    """
    lapsed = (
        rows.lazy()
        .select(*_KEY[1:], "tenant", "relation", "lapsed", "receiver", "row", "message_id", "first_ns", "place")
        .with_row_index(PLACE)
        .filter((pl.col("relation") == "expected") & pl.col("lapsed").fill_null(value=False))
        .collect()
    )
    if lapsed.is_empty():
        return rows.with_columns(
            pl.lit(None, dtype=pl.Boolean).alias("again_well"), pl.lit(None, dtype=pl.Int64).alias("again_due_ns")
        )
    resends = _resends(rows, lapsed)
    found = pl.concat([_under(lapsed, resends, spans), _named(lapsed, resends)])
    again = (
        found.filter(
            (pl.col("again_ns") >= pl.col("first_ns"))
            & (
                (pl.col("again_channel") == pl.col("channel"))
                | (pl.col("again_channel") == pl.col("place"))
                | pl.col("again_channel").str.contains(RETRY_NAME)
            )
        )
        .group_by(PLACE)
        .agg(pl.col("again_well").any(), pl.col("again_due_ns").max())
    )
    return beside(rows, again)


def _resends(rows: pl.DataFrame, lapsed: pl.DataFrame) -> pl.DataFrame:
    """What the services that failed something sent, and whether they took it well themselves in the end.

    What another takes is handed over: whoever should have done the work still has not.
    """
    well = (pl.col("receiver") == pl.col("service")) & ~pl.col("lapsed").fill_null(value=False)
    theirs = lapsed.lazy().select("tenant", pl.col("receiver").alias("service")).unique()
    return (
        rows.lazy()
        .filter((pl.col("relation") == "expected") & ~pl.col("failed"))
        .join(theirs, on=["tenant", "service"], how="semi")
        .group_by("send")
        .agg(
            pl.col("tenant", "service", "message_id", "under").first(),
            pl.col("sent_ns").first().alias("again_ns"),
            pl.col("channel").first().alias("again_channel"),
            well.fill_null(value=False).any().alias("again_well"),
            pl.col("deadline_at_ns").max().alias("again_due_ns"),
        )
        .rename({"send": "again"})
        .collect()
    )


def _under(lapsed: pl.DataFrame, resends: pl.DataFrame, spans: Spans) -> pl.DataFrame:
    """New sends below the failed receipt's own span, however deep."""
    parents = spans["parent_row"].cast(pl.Int64).fill_null(-1).to_numpy()
    sends, above = resends["again"].to_numpy(), resends["under"].cast(pl.Int64).fill_null(-1).to_numpy()
    reached = []
    for _ in range(PARENT_CHAIN_MAX):
        alive = above >= 0
        sends, above = sends[alive], above[alive]
        reached.append((sends, above))
        above = parents[above]
    chains = pl.DataFrame(
        {
            "again": np.concatenate([sends for sends, _ in reached]),
            "row": np.concatenate([above for _, above in reached]),
        },
        schema={"again": pl.UInt32, "row": pl.UInt32},
    )
    below = resends.select("again", "again_ns", "again_channel", "again_well", "again_due_ns").join(chains, on="again")
    return lapsed.select(*_KEY, "row", "first_ns", "place").join(below, on="row").select(*_KEY, *_TOLD)


def _named(lapsed: pl.DataFrame, resends: pl.DataFrame) -> pl.DataFrame:
    """New sends of the same message id by the service that failed it."""
    named = resends.select("tenant", "message_id", pl.col("service").alias("receiver"), pl.col("^again_.*$"))
    return (
        lapsed.select(*_KEY, "tenant", "receiver", "message_id", "first_ns", "place")
        .join(named, on=["tenant", "message_id", "receiver"])
        .filter(pl.col("again_ns") - pl.col("first_ns") <= MESSAGE_ID_WINDOW_NS)
        .select(*_KEY, *_TOLD)
    )


_TOLD = ("first_ns", "place", "again_ns", "again_channel", "again_well", "again_due_ns")
