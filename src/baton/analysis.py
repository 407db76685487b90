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
from baton.handoffs import steps as step_law
from baton.handoffs import verdict as message_law
from baton.handoffs.deadline import deadlines
from baton.handoffs.expected import expected
from baton.handoffs.order import overtaken
from baton.handoffs.outages import came_live
from baton.handoffs.signs import signs
from baton.handoffs.telemetry import Watched, gaps, vouch, watch
from baton.journeys import steps
from baton.journeys.stitch import stitch
from baton.ownership import declared
from baton.ownership.assign import assign, owners
from baton.ownership.catalog import EMPTY
from baton.pairs.calls import calls
from baton.pairs.learn import learn, versioned
from baton.pairs.pair import pair
from baton.pairs.pressure import pressed, pressure
from baton.pairs.receipts import receipts
from baton.pairs.sends import sends
from baton.schema import JOURNEY_KEYS, OUTAGES, SUBSCRIPTION
from baton.spans.conventions import normalise
from baton.spans.repair import repair

if TYPE_CHECKING:
    from baton.ownership.catalog import Catalog


_UNREAD = ("resource", "scope", "scope_name", "scope_version", "schema_url", "events")
"""Columns that no stage after these reads."""


@dataclass(frozen=True, slots=True)
class Paired:
    """Spans in one vocabulary, and what was sent, received and called among them.

    Attributes:
        spans: SPANS and SIGHTINGS.
        sends: SENDS.
        pairs: PAIRS.
        unnamed: UNNAMED.
        receipts: RECEIPTS.
        calls: CALLS.
        outages: OUTAGES: when Baton itself could not take spans.
    """

    spans: pl.DataFrame
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
        spans: SPANS and SIGHTINGS.
        journeys: JOURNEYS.
        hot: hot journey keys, see `journeys.stitch.stitch`.
        crowding: see `findings.queues.crowding`.
        unnamed: `trace_id`, `span_id` (String, hex) of sends that share a correlation id with others and nothing finer,
            `missing` (Float64): each one's part of the receipts that are fewer than the sends.
        version: of the expectations used; null where there were none.
    """

    handoffs: pl.DataFrame
    spans: pl.DataFrame
    journeys: pl.DataFrame
    hot: pl.DataFrame
    crowding: pl.DataFrame
    unnamed: pl.DataFrame
    version: str | None


def pair_up(spans: pl.LazyFrame, catalog: Catalog, as_of_ns: int, outages: pl.DataFrame | None = None) -> Paired:
    """Repairs, normalises, assigns and pairs.

    Args:
        spans: SPANS.
        catalog: the ownership file.
        as_of_ns: spans that end later are unseen.
        outages: OUTAGES; None if Baton could always take spans.
    """
    mended = assign(normalise(repair(spans, as_of_ns)), catalog).drop(_UNREAD).collect()
    sent = sends(mended)
    pairs, unnamed = pair(mended, sent)
    outages = OUTAGES.empty() if outages is None else outages
    return Paired(mended, sent, pairs, unnamed, receipts(mended, pairs), calls(mended), outages)


def expect(paired: Paired, catalog: Catalog = EMPTY, journey_keys: tuple[str, ...] = JOURNEY_KEYS) -> pl.DataFrame:
    """EXPECTATIONS, learned from all that was paired, and from the steps of the journeys that it makes.

    Args:
        paired: the frames of `pair_up`.
        catalog: the ownership file, for the types of journeys.
        journey_keys: attributes that join traces.
    """
    known = learn(paired.sends, paired.receipts, paired.calls)
    journeys, _ = stitch(paired.spans, paired.pairs, journey_keys)
    typed = _typed(paired.spans, journeys, catalog)
    stepped = steps.learn(paired.spans, typed, _handed(paired), known)
    window = (paired.spans["start_ns"].min(), paired.spans["start_ns"].max())
    stepped = stepped.with_columns(
        pl.lit(edge, dtype=pl.Int64).alias(name) for name, edge in zip(("from_ns", "until_ns"), window, strict=True)
    )
    return versioned(pl.concat([known, stepped], how="diagonal"))


def _handed(paired: Paired) -> pl.DataFrame:
    """Rows of spans that a send or a call of another service reached, with that service (`via`)."""
    sent = paired.pairs.select("send", pl.col("receive").alias("row")).join(
        paired.sends.select("send", pl.col("service").alias("via")), on="send"
    )
    called = paired.calls.filter(pl.col("receive").is_not_null()).select(
        pl.col("receive").alias("row"), pl.col("service").alias("via")
    )
    return pl.concat([sent.select("row", "via"), called])


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
    watched = Watched(watch(paired.spans), gaps(paired.spans), paired.outages)

    rows = expected(paired.sends, paired.receipts, expectations)
    rows = declared.deadlines(_in_journeys(rows, journeys).lazy(), catalog).collect()
    rows = signs(overtaken(deadlines(rows)), paired.spans, paired.unnamed)
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
    stopped = _stopped(pl.concat([rows, answered], how="diagonal"), paired.spans, journeys, expectations, watched)

    fits = limits(pressures, _services(rows))
    crowds = crowding(rows, fits)
    names = _owners(rows, answered, stopped, catalog)
    rows = told(pl.concat([rows, answered, stopped], how="diagonal"), paired.spans, *names)
    rows = hold(convict(crowded(rows, fits, crowds, names[0])))
    return Analysis(
        handoffs=public(rows, paired.spans, as_of_ns),
        spans=paired.spans,
        journeys=journeys.select("row", "journey_id"),
        hot=hot,
        crowding=crowds,
        unnamed=_unnamed(paired),
        version=None if expectations.is_empty() else expectations["version"][0],
    )


def _unnamed(paired: Paired) -> pl.DataFrame:
    """See `Analysis.unnamed`."""
    few = paired.unnamed.filter(pl.col("received") < pl.col("sent"))
    ids = paired.spans[few["send"]].select(pl.col("trace_id", "span_id").bin.encode("hex"))
    return ids.with_columns(1 - few["received"] / few["sent"]).rename({"received": "missing"})


def _stopped(
    rows: pl.DataFrame, spans: pl.DataFrame, journeys: pl.DataFrame, expectations: pl.DataFrame, watched: Watched
) -> pl.DataFrame:
    """The steps that journeys nearly always take next, and did not."""
    passed = steps.passages(spans, journeys, expectations)
    return step_law.judge(passed, rows, spans, journeys, watched)


def _typed(spans: pl.DataFrame, journeys: pl.DataFrame, catalog: Catalog) -> pl.DataFrame:
    """Adds each journey's declared type and when it was to be done, by its earliest entry."""
    deadlines_ns = {kind.name: kind.deadline_ns for kind in catalog.journey_types if kind.deadline_ns is not None}
    # Ids are forged as easily as sent: a journey is one tenant's, in one environment.
    journey = ["tenant", "environment", "journey_id"]
    homes = spans.lazy().select("row", "tenant", "environment", "service", "name", "start_ns")
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
    typed = placed.join(first, on=journey, how="left", maintain_order="left")
    return typed.drop("tenant", "environment").collect()


def _in_journeys(rows: pl.DataFrame, journeys: pl.DataFrame) -> pl.DataFrame:
    return rows.join(journeys.rename({"row": "send"}), on="send", how="left")


def _services(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select(*SUBSCRIPTION, "services").filter(pl.col("subscription").is_not_null()).unique(SUBSCRIPTION)


def _owners(
    rows: pl.DataFrame, answered: pl.DataFrame, stopped: pl.DataFrame, catalog: Catalog
) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    """Team by service, by channel, by queue or place, of every name that occurs."""
    services = pl.concat(
        [rows["service"], *(frame["services"].explode() for frame in (rows, answered, stopped))]
    ).drop_nulls()
    channels, queues = rows["channel"], pl.concat([rows["place"], rows["queue"]]).drop_nulls()
    return (
        owners(services.unique().to_list(), "service", catalog),
        owners(channels.unique().to_list(), "channel", catalog),
        owners(queues.unique().to_list(), "queue", catalog),
    )
