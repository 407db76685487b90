"""The ordered list of stages: spans -> pairs -> journeys -> handoffs -> findings.

Each arrow is one function from frames to a frame; this module is the only place that knows their order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from baton.findings.accountable import hold
from baton.findings.causes import convict
from baton.findings.crowded import crowded
from baton.findings.queues import crowding, limits
from baton.findings.rows import public
from baton.findings.told import told
from baton.handoffs import calls as call_law
from baton.handoffs import verdict as message_law
from baton.handoffs.deadline import deadlines
from baton.handoffs.expected import expected
from baton.handoffs.order import overtaken
from baton.handoffs.outages import came_live
from baton.handoffs.signs import signs
from baton.handoffs.telemetry import Watched, gaps, vouch, watch
from baton.journeys.stitch import stitch
from baton.ownership import declared
from baton.ownership.assign import assign, by_attribute, owners
from baton.pairs.calls import calls
from baton.pairs.learn import learn
from baton.pairs.pair import pair
from baton.pairs.pressure import pressed, pressure
from baton.pairs.receipts import receipts
from baton.pairs.sends import sends
from baton.schema import GROUPING_KEYS, JOURNEY_KEYS, OUTAGES, SPANS, SUBSCRIPTION
from baton.spans.conventions import normalise
from baton.spans.repair import repair

if TYPE_CHECKING:
    from baton.ownership.catalog import Catalog
    from baton.spans.looks import Spans


@dataclass(frozen=True, slots=True)
class Paired:
    """Spans in one vocabulary, and what was sent, received and called among them.

    Attributes:
        spans: SPANS and SIGHTINGS, less those columns that were not read; a query reads what it needs of it.
        sends: SENDS.
        pairs: PAIRS.
        unnamed: UNNAMED.
        receipts: RECEIPTS.
        calls: CALLS.
        outages: OUTAGES: when Baton itself could not take spans.
    """

    spans: pl.LazyFrame
    sends: pl.DataFrame
    pairs: pl.DataFrame
    unnamed: pl.DataFrame
    receipts: pl.DataFrame
    calls: pl.DataFrame
    outages: pl.DataFrame


@dataclass(frozen=True, slots=True)
class Analysis:
    """The answer.

    Attributes:
        handoffs: HANDOFFS.
        spans: as in `Paired`.
        journeys: JOURNEYS.
        hot: hot journey keys, see `journeys.stitch.stitch`.
        crowding: see `findings.queues.crowding`.
        version: of the expectations used; null where there were none.
    """

    handoffs: pl.DataFrame
    spans: pl.LazyFrame
    journeys: pl.DataFrame
    hot: pl.DataFrame
    crowding: pl.DataFrame
    version: str | None


def pair_up(spans: pl.LazyFrame, catalog: Catalog, as_of_ns: int, outages: pl.DataFrame | None = None) -> Paired:
    """Repairs, normalises, assigns and pairs.

    Args:
        spans: SPANS, or those of its columns that are wanted, see `wanted`.
        catalog: the ownership file.
        as_of_ns: spans that end later are unseen.
        outages: OUTAGES; None if Baton could always take spans.
    """
    mended = _mended(spans, catalog, as_of_ns).lazy()
    sent = sends(mended)
    pairs, unnamed = pair(mended, sent)
    outages = OUTAGES.empty() if outages is None else outages
    return Paired(mended, sent, pairs, unnamed, receipts(mended, pairs), calls(mended), outages)


def wanted(catalog: Catalog, journey_keys: tuple[str, ...], *, whole: bool) -> list[str]:
    """Columns of SPANS that a judgement needs.

    Args:
        catalog: the ownership file.
        journey_keys: attributes that join traces.
        whole: whether attributes are asked for.
    """
    unread = {"resource", "scope", "scope_name", "scope_version", "schema_url", "events"}
    if not whole and {*JOURNEY_KEYS, *GROUPING_KEYS}.issuperset(journey_keys):
        unread |= {"attributes"}
    if by_attribute(catalog):
        unread -= {"resource", "attributes"}
    return [name for name in SPANS.names if name not in unread]


def _mended(spans: pl.LazyFrame, catalog: Catalog, as_of_ns: int) -> Spans:
    """Repaired spans whose looks are in one vocabulary and owned; what a rule on attributes owns is part of a look."""
    if by_attribute(catalog):
        mended = repair(assign(spans, catalog), as_of_ns, "team")
        return mended._replace(looks=normalise(mended.looks.lazy()).collect())
    mended = repair(spans, as_of_ns)
    return mended._replace(looks=assign(normalise(mended.looks.lazy()), catalog).collect())


def expect(paired: Paired) -> pl.DataFrame:
    """EXPECTATIONS, learned from all that was paired."""
    return learn(paired.sends, paired.receipts, paired.calls)


def analyze(
    paired: Paired, expectations: pl.DataFrame, catalog: Catalog, journey_keys: tuple[str, ...], as_of_ns: int
) -> Analysis:
    """Stitches journeys and judges every handoff.

    Args:
        paired: the frames of `pair_up`.
        expectations: EXPECTATIONS.
        catalog: the ownership file.
        journey_keys: attributes that join traces.
        as_of_ns: event time of the judgement.
    """
    journeys, hot = stitch(paired.spans, paired.pairs, journey_keys)
    journeys = _typed(paired.spans, journeys, catalog)
    rows = expected(paired.sends, paired.receipts, expectations)
    rows = declared.deadlines(_in_journeys(rows, journeys).lazy(), catalog).collect()
    rows = signs(overtaken(deadlines(rows)), paired.spans, paired.unnamed)
    doubted = paired.spans.filter(pl.col("service").is_in(_doubted(rows, paired.calls, expectations)))
    watched = Watched(watch(paired.spans), gaps(doubted), paired.outages)
    pressures = pressure(rows.filter(pl.col("relation") == "expected"))
    rows = rows.join(pressed(pressures), on=SUBSCRIPTION, how="left").with_columns(
        pl.col("pressed").fill_null(value=False)
    )
    came = came_live(paired.spans)
    rows = message_law.judge(vouch(rows.join(came, on="send", how="left"), watched, as_of_ns), as_of_ns)
    answered = call_law.judge(
        paired.calls.join(came, on="send", how="left"), expectations, paired.spans, watched, as_of_ns
    )
    answered = _in_journeys(answered, journeys)

    fits = limits(pressures, _services(rows))
    crowds = crowding(rows, fits)
    names = _owners(rows, answered, catalog)
    rows = told(pl.concat([rows, answered], how="diagonal"), paired.spans, *names)
    rows = hold(convict(crowded(rows, fits, crowds, names[0])))
    return Analysis(
        handoffs=public(rows, paired.spans, as_of_ns),
        spans=paired.spans,
        journeys=journeys.select("row", "journey_id"),
        hot=hot,
        crowding=crowds,
        version=None if expectations.is_empty() else expectations["version"][0],
    )


def _typed(spans: pl.LazyFrame, journeys: pl.DataFrame, catalog: Catalog) -> pl.DataFrame:
    """Adds each journey's declared type and when it was to be done, by its earliest entry."""
    if not catalog.journey_types:
        unknown = pl.lit(None, dtype=pl.String).alias("journey_type")
        return journeys.with_columns(unknown, pl.lit(None, dtype=pl.Int64).alias("journey_deadline_ns"))
    deadlines_ns = {kind.name: kind.deadline_ns for kind in catalog.journey_types if kind.deadline_ns is not None}
    # Ids are forged as easily as sent: a journey is one tenant's, in one environment.
    journey = ["tenant", "environment", "journey_id"]
    homes = spans.select("row", "tenant", "environment", "service", "name", "start_ns")
    entries = declared.entries(homes, catalog)
    first = (
        entries.filter(pl.col("journey_type").is_not_null())
        .join(journeys.lazy(), on="row")
        .sort("start_ns", "row")
        .group_by(journey, maintain_order=True)
        .agg(
            pl.col("journey_type").first(),
            (
                pl.col("start_ns").first()
                + pl.col("journey_type").first().replace_strict(deadlines_ns, default=None, return_dtype=pl.Int64)
            ).alias("journey_deadline_ns"),
        )
    )
    placed = journeys.lazy().join(homes.select("row", "tenant", "environment"), on="row", maintain_order="left")
    return placed.join(first, on=journey, how="left", maintain_order="left").drop("tenant", "environment").collect()


def _in_journeys(rows: pl.DataFrame, journeys: pl.DataFrame) -> pl.DataFrame:
    """Journeys come one a span, in the order of rows: each row's is at its send's place."""
    return rows.with_columns(journeys.drop("row")[rows["send"]].get_columns())


def _doubted(rows: pl.DataFrame, calls: pl.DataFrame, expectations: pl.DataFrame) -> list[str]:
    """Services of which some receipt or answer is missing: only their telemetry has to vouch for anything."""
    missing = rows.filter(pl.col("first_ns").is_null())["services"]
    silent = calls.filter(pl.col("receive").is_null() & pl.col("failed"))["channel"]
    asked = expectations.filter((pl.col("kind") == "call") & pl.col("channel").is_in(silent.implode()))["services"]
    takers = rows.join(
        rows.filter(pl.col("first_ns").is_null()).select(SUBSCRIPTION).unique(), on=SUBSCRIPTION, how="semi"
    )
    return pl.concat([missing.explode(), asked.explode(), takers["receiver"].unique()]).drop_nulls().unique().to_list()


def _services(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select(*SUBSCRIPTION, "services").filter(pl.col("subscription").is_not_null()).unique(SUBSCRIPTION)


def _owners(
    rows: pl.DataFrame, answered: pl.DataFrame, catalog: Catalog
) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    """Team by service, by channel, by queue or place, of every name that occurs."""
    services = pl.concat([rows["service"], *(frame["services"].explode() for frame in (rows, answered))]).drop_nulls()
    channels, queues = rows["channel"], pl.concat([rows["place"], rows["queue"]]).drop_nulls()
    return (
        owners(services.unique().to_list(), "service", catalog),
        owners(channels.unique().to_list(), "channel", catalog),
        owners(queues.unique().to_list(), "queue", catalog),
    )
