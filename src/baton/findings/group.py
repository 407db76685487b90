"""Findings: the lost rows of one boundary, verdict, cause and episode as one row with its figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from baton.findings.accountable import because
from baton.findings.episodes import BOUNDARY, CAME, with_parties
from baton.limits import EXEMPLARS_MAX, ONSET_RATIO
from baton.schema import DISPOSITIONS, FINDINGS, JOURNEY_TYPES, SHARES, STRINGS, UNOWNED

if TYPE_CHECKING:
    from collections.abc import Mapping

_URGENCY = ("critical", "high", "normal", "low")
_DOUBT = ("suspected", "inferred", "confirmed")


def group(rows: pl.DataFrame, costs: pl.DataFrame, crowding: pl.DataFrame, kinds: pl.DataFrame) -> pl.DataFrame:
    """The findings among some handoffs, worst first.

    The most critical journey type hit decides, then dropped before stuck, then the most rows.

    Args:
        rows: HANDOFFS, all that the findings are to be counted among, in their order.
        costs: the frame of `impact.cost`.
        crowding: the frame of `crowded.crowding`.
        kinds: `journey_type`, `owner`, `criticality` (String) of the declared journey types.

    Returns:
        FINDINGS; `changed` is empty: `changes.changes` fills it.
    """
    lost = with_parties(rows.filter(pl.col("finding_id").is_not_null()))
    if lost.is_empty():
        return FINDINGS.empty()
    found = lost.group_by("finding_id", maintain_order=True).agg(*_own())
    for part in (
        _frequent(lost, "from_service", "from_services"),
        _frequent(lost, "to_service", "to_services"),
        _counted(lost, "disposition", "dispositions"),
        _typed(lost, kinds),
        _exemplars(lost),
        _telling(lost),
        _around(rows, lost),
        costs,
        crowding,
    ):
        found = found.join(part, on="finding_id", how="left", maintain_order="left")
    found = found.with_columns(
        pl.col("crowding").fill_null(pl.lit([], dtype=SHARES)),
        _ongoing().alias("ongoing"),
        pl.lit([], dtype=STRINGS).alias("changed"),
    )
    return because(_worst_first(found, kinds)).select(
        pl.col(column.name).cast(column.dtype) for column in FINDINGS.columns
    )


def _own() -> tuple[pl.Expr, ...]:
    """What the lost rows say without any other."""
    same = ("kind", "tenant", "environment", "verdict", "from_team", "to_team", "channel", "channel_team", "as_of")
    weakest = pl.coalesce(
        *(pl.when((pl.col("confidence") == word).any()).then(pl.lit(word)) for word in _DOUBT), pl.lit(_DOUBT[0])
    )
    return (
        *(pl.col(name).first() for name in (*BOUNDARY[3:5], *same)),
        pl.col("cause").first().fill_null("unknown"),
        weakest.alias("confidence"),
        *(pl.col(name).drop_nulls().mode().sort().first() for name in ("queue", "accountable_team", "next_to_ask")),
        pl.len().alias("count"),
        pl.col("sent_at").min().alias("first_at"),
        pl.col("sent_at").max().alias("last_at"),
        pl.col("journey_id").n_unique().alias("journeys"),
        pl.col("resubmitted_by").count().alias("resubmitted"),
        (pl.col("resubmitted_by").count() + pl.col("duplicates").sum()).alias("duplicates"),
    )


def _frequent(lost: pl.DataFrame, column: str, name: str) -> pl.DataFrame:
    """`finding_id` and the values of a column, the most frequent first."""
    return (
        lost.group_by("finding_id", column)
        .len()
        .sort("len", column, descending=[True, False])
        .group_by("finding_id", maintain_order=True)
        .agg(pl.col(column).drop_nulls().alias(name))
    )


def _counted(lost: pl.DataFrame, column: str, name: str) -> pl.DataFrame:
    """`finding_id` and the values of a column with their counts, the most frequent first."""
    return (
        lost.group_by("finding_id", column)
        .agg(pl.len().cast(pl.Int64).alias("count"))
        .sort("count", column, descending=[True, False])
        .group_by("finding_id", maintain_order=True)
        .agg(pl.struct(column, "count").filter(pl.col(column).is_not_null()).alias(name))
    )


def _typed(lost: pl.DataFrame, kinds: pl.DataFrame) -> pl.DataFrame:
    return (
        lost.drop_nulls("journey_type")
        .group_by("finding_id", "journey_type")
        .agg(pl.len().cast(pl.Int64).alias("count"))
        .join(kinds, on="journey_type", how="left")
        .sort("count", "journey_type", descending=[True, False])
        .group_by("finding_id", maintain_order=True)
        .agg(pl.struct("journey_type", pl.col("owner").fill_null(UNOWNED), "count").alias("journey_types"))
    )


def _exemplars(lost: pl.DataFrame) -> pl.DataFrame:
    first = pl.col("trace_id").sort_by("sent_at", "handoff_id").unique(maintain_order=True).head(EXEMPLARS_MAX)
    return lost.group_by("finding_id").agg(first.alias("exemplars"))


def _telling(lost: pl.DataFrame) -> pl.DataFrame:
    """The evidence of the most telling row: the most sentences, of these the first sent."""
    return lost.group_by("finding_id").agg(
        pl.col("evidence").sort_by(pl.col("evidence").list.len(), "sent_at", descending=[True, False]).first()
    )


def _around(rows: pl.DataFrame, lost: pl.DataFrame) -> pl.DataFrame:
    """`finding_id`, and of its boundary `handoffs`, `during` and `since`."""
    sent_at = pl.col("sent_at").to_physical()
    ends = lost.group_by("finding_id").agg(
        *(pl.col(name).first() for name in BOUNDARY), sent_at.min().alias("first"), sent_at.max().alias("last")
    )
    here = with_parties(rows).join(ends, on=BOUNDARY, how="semi", nulls_equal=True)
    times = {
        key: (
            np.sort(part["sent_at"].to_physical().to_numpy()),
            np.sort(part.filter(pl.col("verdict").is_in(CAME))["sent_at"].to_physical().to_numpy()),
        )
        for key, part in here.group_by(BOUNDARY)
    }

    def counted(row: Mapping[str, Any]) -> dict[str, Any]:
        sent, came = times[tuple(row[name] for name in BOUNDARY)]
        return {
            "finding_id": row["finding_id"],
            "handoffs": len(sent),
            "during": int(np.searchsorted(sent, row["last"], "right") - np.searchsorted(sent, row["first"], "left")),
            "since": len(came) - int(np.searchsorted(came, row["last"], "right")),
        }

    schema = {"finding_id": pl.String(), **dict.fromkeys(("handoffs", "during", "since"), pl.Int64())}
    return pl.DataFrame([counted(row) for row in ends.iter_rows(named=True)], schema=schema)


def _ongoing() -> pl.Expr:
    """Whether nothing shows that it ended.

    At the episode's own rate of losses, chance makes a clean stretch of ONSET_RATIO times the usual distance between
    two once in twenty times: a longer one shows that it is over.
    """
    usual = pl.col("during") / pl.col("count")
    return (pl.col("verdict") == "stuck") | (pl.col("since") < ONSET_RATIO * usual)


def _worst_first(found: pl.DataFrame, kinds: pl.DataFrame) -> pl.DataFrame:
    ranks = dict(zip(_URGENCY, range(len(_URGENCY)), strict=True))
    urgency = {
        name: ranks[criticality] for name, criticality in kinds.select("journey_type", "criticality").iter_rows()
    }
    worst = (
        pl.col("journey_types")
        .list.eval(
            pl.element()
            .struct.field("journey_type")
            .replace_strict(urgency, default=len(_URGENCY), return_dtype=pl.Int64)
        )
        .list.min()
        .fill_null(len(_URGENCY))
    )
    return (
        found.with_columns(
            pl.col("journey_types").fill_null(pl.lit([], dtype=JOURNEY_TYPES)),
            pl.col("dispositions").fill_null(pl.lit([], dtype=DISPOSITIONS)),
        )
        .with_columns(worst.alias("_worst"))
        .sort("_worst", "verdict", "count", "finding_id", descending=[False, False, True, False])
        .drop("_worst")
    )
