"""The ordered list of stages: spans -> pairs -> journeys -> handoffs -> findings.

Each arrow is one function from frames to a frame; this module is the only place that knows their order.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import polars as pl

from baton.brokers.settle import settle
from baton.contracts.contract import NOTHING
from baton.contracts.deadlines import agreed
from baton.findings.episodes import LOST
from baton.findings.losses import Losses
from baton.findings.pools import OF_QUEUES
from baton.findings.rows import OF_ROWS, OF_WHY, explained, public
from baton.findings.told import TOLD, told
from baton.handoffs import calls as call_law
from baton.handoffs import steps as step_law
from baton.handoffs import verdict as message_law
from baton.handoffs.beside import PLACE, beside, unseen
from baton.handoffs.deadline import deadlines
from baton.handoffs.estimates import estimated
from baton.handoffs.expected import expected
from baton.handoffs.order import overtaken
from baton.handoffs.orphans import thinned
from baton.handoffs.outages import came_live
from baton.handoffs.republish import republished
from baton.handoffs.signs import signs
from baton.handoffs.telemetry import INSTANCE, Watched, gaps, vouch, watch
from baton.handoffs.unlisted import unlisted
from baton.journeys import steps
from baton.journeys.stitch import stitch
from baton.ownership import declared
from baton.ownership.assign import assign
from baton.ownership.catalog import EMPTY
from baton.ownership.named import owners_of
from baton.pairs.calls import calls
from baton.pairs.learn import learn, versioned
from baton.pairs.pair import pair
from baton.pairs.pressure import pressed, pressure
from baton.pairs.receipts import receipts
from baton.pairs.sends import sends
from baton.schema import FACTS, JOURNEY_KEYS, OUTAGES, OWNER_ATTRIBUTES, SPANS, SUBSCRIPTION
from baton.spans.conventions import normalise
from baton.spans.repair import repair

if TYPE_CHECKING:
    from baton.contracts.contract import Agreed
    from baton.looks import Spans
    from baton.ownership.catalog import Catalog
    from baton.ownership.named import Owners


_UNREAD = {"scope", "scope_name", "scope_version", "schema_url", "events", "parent_span_id"}
WANTED = tuple(name for name in SPANS.names if name not in _UNREAD)
"""Columns of SPANS that a judgement needs."""


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

    spans: Spans
    sends: pl.DataFrame
    pairs: pl.DataFrame
    unnamed: pl.DataFrame
    receipts: pl.DataFrame
    calls: pl.DataFrame
    outages: pl.DataFrame


@dataclass(frozen=True)
class Analysis:
    """The answer.

    Attributes:
        judged: judged rows as `findings.rows.public` takes them, not yet explained.
        losses: those of them that were lost.
        spans: as in `Paired`.
        journeys: JOURNEYS.
        hot: hot journey keys, see `journeys.stitch.stitch`.
        facts: FACTS, as a history.
        estimates: see `handoffs.estimates.estimated`.
        unnamed: `trace_id`, `span_id` (String, hex) of sends that share a correlation id with others and nothing finer,
            `missing` (Float64): each one's part of the receipts that are fewer than the sends.
        expectations: EXPECTATIONS that it was judged by.
        version: of the expectations used; null where there were none.
        as_of_ns: event time of the judgement.
        owners: of services, channels and queues, and why.
    """

    judged: pl.DataFrame
    losses: Losses
    spans: Spans
    journeys: pl.DataFrame
    hot: pl.DataFrame
    facts: pl.DataFrame
    estimates: pl.DataFrame
    unnamed: pl.DataFrame
    expectations: pl.DataFrame
    version: str | None
    as_of_ns: int
    owners: Owners

    @property
    def told(self) -> pl.LazyFrame:
        """HANDOFFS as a query, in no order: a column costs only where it is read."""
        rows = self.judged
        if not self.losses.named.is_empty():
            rows = explained(rows, self.losses.convicted)
        return public(rows, self.spans, self.as_of_ns)

    @property
    def crossed(self) -> pl.LazyFrame:
        """The same without OF_WHY: nothing is replayed for it."""
        return public(self.judged, self.spans, self.as_of_ns).drop(OF_WHY)

    @cached_property
    def handoffs(self) -> pl.DataFrame:
        """HANDOFFS, sorted by `sent_at, handoff_id`."""
        return self.told.collect().sort("sent_at", "handoff_id")


def pair_up(
    spans: pl.LazyFrame,
    catalog: Catalog,
    as_of_ns: int,
    outages: pl.DataFrame | None = None,
    owner_attributes: tuple[str, ...] = OWNER_ATTRIBUTES,
) -> Paired:
    """Repairs, normalises, assigns and pairs.

    Args:
        spans: SPANS, or WANTED of its columns.
        catalog: the ownership files.
        as_of_ns: spans that end later are unseen.
        outages: OUTAGES; None if Baton could always take spans.
        owner_attributes: resource attributes in which telemetry names an owner.
    """
    mended = repair(spans, as_of_ns)
    mended = replace(mended, looks=normalise(mended.looks.lazy()).collect())
    mended = assign(mended, catalog, owner_attributes)
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


def analyze(  # noqa: PLR0913 - what it judges, and each thing it judges by
    paired: Paired,
    expectations: pl.DataFrame,
    catalog: Catalog,
    journey_keys: tuple[str, ...],
    as_of_ns: int,
    *,
    facts: pl.DataFrame | None = None,
    contracts: Agreed = NOTHING,
) -> Analysis:
    """Stitches journeys and judges every handoff.

    Args:
        paired: the frames of `pair_up`.
        expectations: EXPECTATIONS.
        catalog: the ownership file.
        journey_keys: attributes that join traces.
        as_of_ns: event time of the judgement.
        facts: FACTS, as a history; None where no broker was asked.
        contracts: what was agreed, for its deadlines.
    """
    journeys, hot = stitch(paired.spans, paired.pairs, journey_keys)
    journeys = _typed(paired.spans, journeys, catalog)
    rows = expected(paired.sends, paired.receipts, expectations)
    rows = declared.deadlines(_in_journeys(rows, journeys).lazy(), catalog).collect()
    rows = signs(overtaken(deadlines(agreed(rows, contracts))), paired.spans, paired.unnamed)
    passed = steps.passages(paired.spans, journeys, expectations)
    doubted = paired.spans.where(pl.col("service").is_in(_doubted(rows, paired.calls, passed, expectations))).lazy()
    watched = Watched(
        watch(paired.spans),
        gaps(doubted.select(*INSTANCE, "start_ns", "end_ns").collect()),
        paired.outages,
        _tails(paired.spans, catalog),
    )
    expecting = rows.lazy().filter(pl.col("relation") == "expected")
    pressures = pressure(expecting.select(*SUBSCRIPTION, "services", "send", "sent_ns", "failed", "first_ns").collect())
    # Rows stand at their own places.
    live = came_live(paired.spans.rows)["live"]
    rows = vouch(_pressed(rows, pressures).with_columns(live.gather(rows["send"])), watched, as_of_ns)
    rows = republished(unlisted(thinned(rows, paired.spans), paired.spans), paired.spans)
    rows, estimates = estimated(rows, watched.tails, as_of_ns)
    rows = message_law.judge(rows, as_of_ns)
    rows = settle(rows, _facts(paired, catalog, facts), as_of_ns)
    called = paired.calls.with_columns(live.gather(paired.calls["send"]))
    answered = call_law.judge(called, expectations, paired.spans, watched, as_of_ns)
    answered = _in_journeys(answered, journeys)
    handed = pl.concat([rows, answered], how="diagonal")
    stopped = step_law.judge(passed, handed, paired.spans, journeys, watched)

    critical = {kind.name for kind in catalog.journey_types if kind.criticality == "critical"}
    owners, parts = owners_of(paired.spans, catalog), (rows, answered, stopped)
    slim = [part.select(name for name in OF_ROWS if name in part.columns) for part in parts]
    judged = told(pl.concat(slim, how="diagonal"), paired.spans["team"], owners)
    is_lost = pl.col("verdict").is_in(LOST)
    lost = pl.concat([part.filter(is_lost) for part in parts], how="diagonal")
    lost = lost.hstack(judged.with_row_index("at").filter(is_lost).select("at", *TOLD))
    return Analysis(
        judged=judged,
        losses=Losses(
            lost, rows.select(name for name in OF_QUEUES if name in rows.columns), pressures, owners, critical
        ),
        spans=paired.spans,
        journeys=journeys.select("row", "journey_id"),
        hot=hot,
        facts=FACTS.empty() if facts is None else facts,
        estimates=estimates,
        unnamed=_unnamed(paired),
        expectations=expectations,
        version=None if expectations.is_empty() else expectations["version"][0],
        as_of_ns=as_of_ns,
        owners=owners,
    )


def _facts(paired: Paired, catalog: Catalog, told: pl.DataFrame | None) -> pl.DataFrame:
    """What brokers said of themselves, and what the ownership file says of their queues."""
    facts = FACTS.empty() if told is None else told
    if not catalog.queues:
        return facts
    return pl.concat([facts, declared.facts(catalog, paired.sends["tenant"].unique().to_list())])


def _unnamed(paired: Paired) -> pl.DataFrame:
    """See `Analysis.unnamed`."""
    few = paired.unnamed.filter(pl.col("received") < pl.col("sent"))
    ids = paired.spans.ids(few["send"])
    return ids.with_columns(1 - few["received"] / few["sent"]).rename({"received": "missing"})


def _typed(spans: Spans, journeys: pl.DataFrame, catalog: Catalog) -> pl.DataFrame:
    """Adds each journey's declared type and when it was to be done, by its earliest entry."""
    if not catalog.journey_types:
        unknown = pl.lit(None, dtype=pl.String).alias("journey_type")
        return journeys.with_columns(unknown, pl.lit(None, dtype=pl.Int64).alias("journey_deadline_ns"))
    deadlines_ns = {kind.name: kind.deadline_ns for kind in catalog.journey_types if kind.deadline_ns is not None}
    kinds = declared.entries(spans.looks.lazy().select("service", "name"), catalog).collect()["journey_type"]
    enters = kinds.is_not_null().gather(spans.rows["look"])
    homes, _ = spans.numbered(["tenant", "environment"])
    entries = spans.rows.filter(enters).select("row", "look", "start_ns")
    # Ids are forged as easily as sent: a journey is one tenant's, in one environment.
    journey = ["home", "journey_id"]
    first = (
        entries.with_columns(
            homes.gather(entries["look"]).alias("home"),
            kinds.gather(entries["look"]).alias("journey_type"),
            journeys["journey_id"].filter(enters),
        )
        .sort("start_ns", "row")
        .unique(journey, keep="first", maintain_order=True)
        .select(
            *journey,
            "journey_type",
            journey_deadline_ns=pl.col("start_ns")
            + pl.col("journey_type").replace_strict(deadlines_ns, default=None, return_dtype=pl.Int64),
        )
    )
    # Traces are few beside spans, and each lies in one journey and one home.
    traces = journeys.unique("trace", keep="any").sort("trace")
    traces = traces.with_columns(homes.gather(spans.rows["look"].gather(traces["row"])).alias("home"))
    typed = traces.join(first, on=journey, how="left", maintain_order="left")
    told = typed.select("journey_type", "journey_deadline_ns")
    return journeys.with_columns(told[journeys["trace"]].get_columns())


def _in_journeys(rows: pl.DataFrame, journeys: pl.DataFrame) -> pl.DataFrame:
    """Journeys come one a span, in the order of rows: each row's is at its send's place."""
    return rows.with_columns(journeys.drop("row", "trace")[rows["send"]].get_columns())


def _doubted(rows: pl.DataFrame, calls: pl.DataFrame, passed: pl.DataFrame, expectations: pl.DataFrame) -> list[str]:
    """Services of which some receipt, answer or step is missing: only their telemetry has to vouch for anything."""
    lacking = rows.lazy().filter(pl.col("first_ns").is_null()).select(*SUBSCRIPTION, "services").collect()
    silent = calls.filter(pl.col("receive").is_null() & pl.col("failed"))["channel"]
    asked = expectations.filter((pl.col("kind") == "call") & pl.col("channel").is_in(silent.implode()))["services"]
    lossy = lacking.select(SUBSCRIPTION).unique()
    some = rows.lazy().filter(pl.col("subscription").is_in(lossy["subscription"].implode()))
    takers = some.select(*SUBSCRIPTION, "receiver").unique().collect().join(lossy, on=SUBSCRIPTION, how="semi")
    left_out = passed.filter(pl.col("went_ns").is_null())
    services = [
        lacking["services"].explode(),
        asked.explode(),
        takers["receiver"],
        left_out["to_service"],
        left_out["via"].explode(),
    ]
    return pl.concat([one.unique() for one in services]).drop_nulls().unique().to_list()


def _pressed(rows: pl.DataFrame, pressures: pl.DataFrame) -> pl.DataFrame:
    """Adds `pressed` (Boolean): it is missing, and those that came through meanwhile had stood in a queue."""
    stood = unseen(rows).select(PLACE, *SUBSCRIPTION).join(pressed(pressures), on=SUBSCRIPTION)
    return beside(rows, stood.select(PLACE, "pressed")).with_columns(pl.col("pressed").fill_null(value=False))


def _tails(spans: Spans, catalog: Catalog) -> pl.DataFrame:
    """`environment`, `service`: those declared as sampled by tail."""
    if not catalog.services:
        return pl.DataFrame(schema={"environment": pl.String, "service": pl.String})
    services = spans.lazy().select("environment", "service").unique()
    return declared.tail_sampled(services, catalog).filter("tail").drop("tail").collect()
