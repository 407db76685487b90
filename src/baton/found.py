"""What was found: the losses of an analysis as findings, and as a work list of repairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from baton.findings import impact, recover
from baton.findings.changes import changes
from baton.findings.crowded import crowding
from baton.findings.episodes import digests
from baton.findings.group import group
from baton.findings.rows import ROW_ID
from baton.ownership import declared
from baton.ownership.escalation import escalation
from baton.schema import FINDINGS

if TYPE_CHECKING:
    from baton.analysis import Analysis
    from baton.ownership.catalog import Catalog


def find(rows: pl.DataFrame, analysis: Analysis, catalog: Catalog) -> pl.DataFrame:
    """FINDINGS among some of the handoffs, worst first.

    Args:
        rows: HANDOFFS of the analysis, or those of them that are asked about, in their order.
        analysis: the answer.
        catalog: the ownership file.
    """
    lost = rows.filter(pl.col("finding_id").is_not_null())
    if lost.is_empty():
        return FINDINGS.empty()
    measured = _measured(lost, analysis, catalog)
    kinds = pl.DataFrame(
        [(kind.name, kind.owner, kind.criticality) for kind in catalog.journey_types],
        schema=dict.fromkeys(("journey_type", "owner", "criticality"), pl.String()),
        orient="row",
    )
    crowds = crowding(_held(lost, analysis), lost, analysis.losses.replayed.crowding, analysis.owners, kinds)
    found = group(rows, impact.cost(lost, measured), crowds, kinds)
    return changes(found, rows, analysis.spans, analysis.facts)


def _held(lost: pl.DataFrame, analysis: Analysis) -> pl.DataFrame:
    """OCCUPANTS of the lost handoffs, with `handoff_id`."""
    held = analysis.losses.replayed.occupants
    messages = held.select("send", "subscription").unique(maintain_order=True)
    ids = analysis.spans.ids(messages["send"])
    named = messages.with_columns(*ids, pl.lit("message").alias("kind"))
    named = named.with_columns(digests(named, ROW_ID).alias("handoff_id"))
    mine = named.join(lost.select("handoff_id"), on="handoff_id", how="semi")
    return held.join(mine.select("send", "subscription", "handoff_id"), on=["send", "subscription"])


def repairs(lost: pl.DataFrame, analysis: Analysis, catalog: Catalog, journey_keys: tuple[str, ...]) -> pl.DataFrame:
    """RECOVERY: the work list of some lost HANDOFFS of the analysis; arguments as of `find`, and the journey keys."""
    owners = {kind.name: kind.owner for kind in catalog.journey_types}
    owned = pl.col("journey_type").replace_strict(owners, default=None, return_dtype=pl.String)
    bearing = lost.filter(pl.col("journey_id").is_not_null())
    return recover.recover(
        lost.with_columns(owned.alias("journey_owner")),
        analysis.handoffs,
        _measured(lost, analysis, catalog),
        recover.business_keys(bearing, analysis.spans, analysis.journeys, journey_keys),
        {name: how for name in catalog.owners if (how := escalation(name, catalog)) is not None},
    )


def _measured(lost: pl.DataFrame, analysis: Analysis, catalog: Catalog) -> pl.DataFrame:
    return impact.measured(lost, analysis.spans, analysis.journeys, declared.measures(catalog))
