"""Episodes: the losses of one boundary, verdict and cause are one finding until a long clean stretch parts them.

The clean stretch is counted in time and in handoffs that came through, both between one loss and the next. What comes
before or after does not bear on it, so an episode that grows stays the same one.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import polars as pl

from baton.limits import EPISODE_CLEAN_MIN, EPISODE_PAUSE_NS
from baton.schema import UNOWNED

if TYPE_CHECKING:
    from collections.abc import Iterable

LOST = ("dropped", "stuck")
"""The verdicts that make a finding."""

CAME = ("delivered", "retried")
"""The verdicts of what came through."""

PARTIES = (("from_party", "from_team", "from_service"), ("to_party", "to_team", "to_service"))
BOUNDARY = ["tenant", "environment", "kind", "from_party", "to_party", "channel", "channel_team"]
"""What names a boundary once `with_parties` has added its sides."""

IDENTIFYING = (
    "tenant", "environment", "kind", "from_team", "from_service", "to_team", "to_service", "channel", "channel_team",
    "sent_ns", "verdict", "cause",
)  # fmt: skip
"""What `identify` reads, beside `handoff_id`."""

_EPISODE = [*BOUNDARY, "verdict", "cause"]
_ID_HEX = 32


def with_parties(rows: pl.DataFrame) -> pl.DataFrame:
    """Adds `from_party` and `to_party`: a side's team; where nobody owns the service, the service itself."""
    return rows.with_columns(
        pl.when(pl.col(team) == UNOWNED).then(service).otherwise(team).alias(party) for party, team, service in PARTIES
    )


def identify(rows: pl.DataFrame) -> pl.DataFrame:
    """Adds `finding_id`.

    It is made of the boundary, the verdict, the cause and the handoff that was lost first. So it stays when the episode
    grows, when spans arrive late, twice or in another order, and in every window that holds the onset. It changes when
    an earlier loss of the episode comes to light, when clean handoffs that were missing part an episode in two, when
    the verdict or cause itself changes (a stuck one that proves lost, a cause that facts correct), and when
    ownership.yaml gives a side to another team.

    Args:
        rows: IDENTIFYING and `handoff_id`, which may be null but for what was lost.

    Returns:
        The rows in their order; null unless dropped or stuck.
    """
    lost = pl.col("verdict").is_in(LOST)
    accused = with_parties(rows.with_row_index("_number").filter(lost).select("_number", "handoff_id", *IDENTIFYING))
    if accused.is_empty():
        return rows.with_columns(pl.lit(None, dtype=pl.String).alias("finding_id"))
    paused = (pl.col("sent_ns").diff().over(_EPISODE) > EPISODE_PAUSE_NS).fill_null(value=False)
    accused = accused.sort("sent_ns", "handoff_id").with_columns(paused.alias("_paused"))
    came = _came(rows, accused.filter("_paused").select(BOUNDARY).unique())
    losses = (
        pl.concat([accused.select(*_EPISODE, "_number", "sent_ns", "handoff_id", "_paused"), came], how="diagonal")
        .sort("sent_ns", pl.col("_number").is_not_null(), "handoff_id")
        .with_columns(pl.col("_number").is_null().cum_sum().over(BOUNDARY).cast(pl.Int64).alias("_clean"))
        .filter(pl.col("_number").is_not_null())
        .with_columns(
            (pl.col("_paused") & (pl.col("_clean").diff().over(_EPISODE) >= EPISODE_CLEAN_MIN)).alias("_parted")
        )
        .with_columns(pl.col("_parted").cum_sum().over(_EPISODE).alias("_episode"))
        .with_columns(pl.col("handoff_id").first().over([*_EPISODE, "_episode"]).alias("_onset"))
    )
    hashed = [*_EPISODE, "_onset"]
    findings = losses.select(hashed).unique(maintain_order=True)
    findings = findings.with_columns(digests(findings, hashed).alias("finding_id"))
    named = losses.join(findings, on=hashed, nulls_equal=True).select("_number", "finding_id")
    return rows.with_row_index("_number").join(named, on="_number", how="left", maintain_order="left").drop("_number")


def _came(rows: pl.DataFrame, boundaries: pl.DataFrame) -> pl.DataFrame:
    """BOUNDARY and `sent_ns` of what came through there: only where losses lie far apart anybody asks."""
    if boundaries.is_empty():
        return boundaries.with_columns(pl.lit(None, dtype=pl.Int64).alias("sent_ns"))
    channels = boundaries["channel"].unique().implode()
    # One column first: parties and the join of seven are for the few that are left.
    came = rows.filter(pl.col("channel").is_in(channels, nulls_equal=True) & pl.col("verdict").is_in(CAME))
    return with_parties(came).join(boundaries, on=BOUNDARY, how="semi", nulls_equal=True).select(*BOUNDARY, "sent_ns")


def digests(rows: pl.DataFrame, columns: Iterable[str]) -> pl.Series:
    """32 hex digits of SHA-256 over the columns joined by unit separators, null as nothing."""
    text = rows.select(
        pl.concat_str([pl.col(name).cast(pl.String).fill_null("") for name in columns], separator="\x1f")
    ).to_series()
    return pl.Series([hashlib.sha256(one.encode()).hexdigest()[:_ID_HEX] for one in text.to_list()], dtype=pl.String)
