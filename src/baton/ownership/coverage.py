"""Coverage: what share of the traffic is owned.

- A span is owned if its team is known.
- A service is a name in one tenant and environment. It is owned if all of its spans are: rules on attributes and parts
  of a service may own some.
- A channel is what messages were sent over in one tenant and environment. It is owned if each of its queues is, or it
  is itself. Messages whose queue nobody knows say nothing of a channel of which queues are known.
- A journey counts if it hands anything over; it is owned if its declared type has an owner.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from baton.schema import COVERED, UNOWNED

if TYPE_CHECKING:
    from baton.ownership.catalog import Catalog

HANDED = (
    "kind", "tenant", "environment", "journey_id", "journey_type", "sent_at", "from_service", "from_team", "to_service",
    "to_team", "channel", "channel_team", "queue",
)  # fmt: skip
"""Columns of HANDOFFS that coverage reads."""

HOME = ["tenant", "environment"]
CHANNEL = [*HOME, "channel"]
NOBODY = (pl.col("team") == UNOWNED).fill_null(value=True)
"""Whether spans are nobody's."""
_SERVICE = [*HOME, "service"]
_PLACE = [*CHANNEL, "queue"]


def services(known: pl.DataFrame) -> pl.DataFrame:
    """One row a service.

    Args:
        known: the frame of `seen.traffic`, with `team`.

    Returns:
        `tenant`, `environment`, `service`, `spans`, `unowned` (UInt32: how many of these), `last_ns`; those with the
        most unowned first.
    """
    return (
        known.group_by(_SERVICE)
        .agg(
            pl.col("spans").sum(),
            pl.col("spans").filter(NOBODY).sum().alias("unowned"),
            pl.col("last_ns").max(),
        )
        .sort("unowned", *_SERVICE, descending=[True, False, False, False])
    )


def places(handed: pl.DataFrame) -> pl.DataFrame:
    """One row a place that messages were sent to, and those who sent and received there.

    Args:
        handed: HANDED.

    Returns:
        `tenant`, `environment`, `channel`, `queue` (null where unknown), `from_service`, `from_team`, `to_service`,
        `to_team`, `messages` (UInt32), `owned` (Boolean), `last_seen`.
    """
    parties = ["from_service", "from_team", "to_service", "to_team"]
    sent = (
        handed.lazy()
        .filter(pl.col("kind") == "message", pl.col("channel").is_not_null())
        .group_by(*_PLACE, *parties)
        .agg(
            pl.len().alias("messages"),
            (pl.col("channel_team") != UNOWNED).fill_null(value=False).all().alias("owned"),
            pl.col("sent_at").max().alias("last_seen"),
        )
    )
    known = pl.col("queue").is_not_null().any().over(CHANNEL)
    return sent.filter(pl.col("queue").is_not_null() | ~known).sort(*_PLACE, *parties).collect()


def journeys(handed: pl.DataFrame, catalog: Catalog) -> pl.DataFrame:
    """One row a journey that hands anything over.

    Args:
        handed: HANDED.
        catalog: the ownership files.

    Returns:
        `tenant`, `environment`, `journey_id`, `journey_type` (null where none is declared), `owned` (Boolean: its type
        has an owner whose dates hold at its last handoff), `last_seen`.
    """
    owners = {kind.name: catalog.owners.get(kind.owner) for kind in catalog.journey_types}
    dates = [(name, owner.from_ns, owner.until_ns) for name, owner in owners.items() if owner is not None]
    schema = {"journey_type": pl.String, "from_ns": pl.Int64, "until_ns": pl.Int64}
    held = pl.DataFrame(dates, schema=schema, orient="row").with_columns(pl.lit(value=True).alias("owned"))
    last_ns = pl.col("last_seen").to_physical()
    holds = (pl.col("from_ns").is_null() | (pl.col("from_ns") <= last_ns)) & (
        pl.col("until_ns").is_null() | (last_ns < pl.col("until_ns"))
    )
    return (
        handed.lazy()
        .filter(pl.col("kind") != "step", pl.col("journey_id").is_not_null())
        .group_by(*HOME, "journey_id")
        .agg(pl.col("journey_type").drop_nulls().first(), pl.col("sent_at").max().alias("last_seen"))
        .join(held.lazy(), on="journey_type", how="left")
        .with_columns((pl.col("owned").fill_null(value=False) & holds).alias("owned"))
        .select(*HOME, "journey_id", "journey_type", "owned", "last_seen")
        .sort(*HOME, "journey_id")
        .collect()
    )


def shares(served: pl.DataFrame, placed: pl.DataFrame, made: pl.DataFrame) -> pl.DataFrame:
    """COVERED.

    Args:
        served: the frame of `services`.
        placed: the frame of `places`.
        made: the frame of `journeys`.
    """
    spans, unowned = int(served["spans"].sum()), int(served["unowned"].sum())
    channels = placed.group_by(CHANNEL).agg(pl.col("owned").all(), pl.col("messages").sum())
    messages, kept = int(placed["messages"].sum()), int(placed.filter("owned")["messages"].sum())
    rows = (
        ("spans", spans - unowned, spans, None),
        ("services", served.filter(pl.col("unowned") == 0).height, served.height, _share(spans - unowned, spans)),
        ("channels", channels.filter("owned").height, channels.height, _share(kept, messages)),
        ("journeys", int(made["owned"].sum()), made.height, None),
    )
    counted = [(what, owned, total, _share(owned, total), traffic) for what, owned, total, traffic in rows]
    return pl.DataFrame(counted, schema=COVERED.schema, orient="row")


def _share(owned: int, total: int) -> float | None:
    return owned / total if total else None
