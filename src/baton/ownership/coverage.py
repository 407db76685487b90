"""Coverage: what share of the traffic is owned.

- A span is owned if its team is known.
- A service is a name in one tenant and environment. It is owned if all of its spans are: rules on attributes and parts
  of a service may own some.
- A channel is what messages were sent over in one tenant and environment. It is owned if each of its queues is, or it
  is itself. Messages whose queue nobody knows say nothing of a channel of which queues are known.
- A journey counts if it hands anything over; it is owned if its declared type has an owner.
"""

from __future__ import annotations

import polars as pl

from baton.schema import COVERED, UNOWNED

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
        `tenant`, `environment`, `service`, `service_namespace` (of several the first by name), `spans`, `unowned`
        (UInt32: how many of these), `last_ns`.
    """
    return (
        known.group_by(_SERVICE)
        .agg(
            pl.col("service_namespace").drop_nulls().min(),
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


def journeys(handed: pl.DataFrame) -> pl.DataFrame:
    """One row a journey that hands over: `tenant`, `environment`, `journey_id`, `journey_type`, `last_seen`."""
    return (
        handed.lazy()
        .filter(pl.col("kind") != "step", pl.col("journey_id").is_not_null())
        .group_by(*HOME, "journey_id")
        .agg(pl.col("journey_type").drop_nulls().first(), pl.col("sent_at").max().alias("last_seen"))
        .sort(*HOME, "journey_id")
        .collect()
    )


def shares(served: pl.DataFrame, placed: pl.DataFrame, made: pl.DataFrame, owners: dict[str, str]) -> pl.DataFrame:
    """COVERED.

    Args:
        served: the frame of `services`.
        placed: the frame of `places`.
        made: the frame of `journeys`.
        owners: owner by journey type, of those types whose owner is there.
    """
    spans, unowned = int(served["spans"].sum()), int(served["unowned"].sum())
    channels = placed.group_by(CHANNEL).agg(pl.col("owned").all(), pl.col("messages").sum())
    messages, kept = int(placed["messages"].sum()), int(placed.filter("owned")["messages"].sum())
    typed = made.filter(pl.col("journey_type").is_in(list(owners)))
    rows = (
        ("spans", spans - unowned, spans, None),
        ("services", served.filter(pl.col("unowned") == 0).height, served.height, _share(spans - unowned, spans)),
        ("channels", channels.filter("owned").height, channels.height, _share(kept, messages)),
        ("journeys", typed.height, made.height, None),
    )
    counted = [(what, owned, total, _share(owned, total), traffic) for what, owned, total, traffic in rows]
    return pl.DataFrame(counted, schema=COVERED.schema, orient="row")


def _share(owned: int, total: int) -> float | None:
    return owned / total if total else None
