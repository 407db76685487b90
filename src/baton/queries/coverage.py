"""Coverage: how much of the traffic is owned, and what ownership leaves open."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from baton.limits import DAY_NS
from baton.looks import LOOK, PLACE, Spans, read
from baton.ownership import coverage as law
from baton.ownership import gaps, seen
from baton.ownership.entrances import ownerless_journeys
from baton.ownership.gray import conflicts, decided, gray, told
from baton.ownership.idle import Horizon, idle
from baton.ownership.unsent import unsent
from baton.queries.answer import judged
from baton.queries.brokers import broker_queues
from baton.queries.question import about
from baton.reports.coverage import Coverage
from baton.schema import COVERAGE, COVERAGE_SECTIONS
from baton.spans.conventions import normalise
from baton.store.reader import Store

if TYPE_CHECKING:
    from baton.queries.answer import Answer
    from baton.queries.question import Question


def coverage(question: Question, *, stale_days: int, minimum: float | None = None) -> Coverage:
    """What share of the spans, services, channels and journeys of a window is owned, and what is not.

    Args:
        question: its window, tenant and as-of; by verdict, team or journey type nothing is left out.
        stale_days: what the ownership file names and no span of the whole store was seen doing for so long is stale.
        minimum: per cent that each share has to reach; null asks for none.

    Raises:
        NotFoundError: there is no store, or no span of the tenant.
        StoreError: it cannot be read.
        InputError: an ownership file or baton.toml has a fault.
    """
    given, paired = judged(question)
    analysis, catalog, window = given.analysis, given.catalog, (question.since_ns, question.until_ns)
    rules = analysis.owners.rules
    handed = analysis.crossed.filter(about(question)).select(law.HANDED).collect()
    known = seen.traffic(analysis.spans, *window)
    served, placed, made = law.services(known), law.places(handed), law.journeys(handed, catalog)
    spans = _of_store(question).filter(pl.col("end_ns") <= given.as_of_ns)
    pairs = seen.said(spans, rules.attribute_keys, *window)
    horizon, facts = _seen(question, given, spans, pairs, stale_days)
    things = decided(analysis.owners, known, placed, pairs)
    agreed = (*given.contracts.signed, *given.contracts.imported)
    signed = [one.owner for one in agreed if one.owner is not None]
    rows = [
        gaps.unowned_services(served, analysis.owners),
        gaps.unowned_channels(placed, rules),
        gray(things),
        gaps.orphans(placed, rules),
        ownerless_journeys(analysis.spans, analysis.journeys, made, catalog),
        unsent(paired.spans, paired.pairs, *window),
        gaps.unreachable(catalog, known, signed, given.as_of_ns),
        idle(catalog, rules, facts, horizon),
        conflicts(things),
        gaps.notes(catalog, known, told(things)),
    ]
    order = pl.Enum(COVERAGE_SECTIONS)
    return Coverage(
        shares=law.shares(served, placed, made),
        rows=pl.concat([COVERAGE.empty(), *rows]).sort(pl.col("section").cast(order), maintain_order=True),
        since_ns=question.since_ns,
        until_ns=question.until_ns,
        as_of_ns=given.as_of_ns,
        stale_days=stale_days,
        held_days=horizon.held_ns / DAY_NS,
        minimum=minimum,
    )


def _of_store(question: Question) -> pl.LazyFrame:
    """Every span of the store, or of the tenant."""
    spans = Store(question.store).spans()
    return spans if question.tenant is None else spans.filter(pl.col("tenant") == question.tenant)


def _seen(
    question: Question, given: Answer, spans: pl.LazyFrame, pairs: pl.DataFrame, stale_days: int
) -> tuple[Horizon, dict[tuple[str, ...], int]]:
    """How far back the store reaches, and when all that rules may match was seen last in it."""
    # Without a window all of it was read already.
    whole = given.analysis.spans
    if (question.since_ns, question.until_ns) != (None, None):
        whole = _looks(spans, given.as_of_ns)
    queues = broker_queues(question.store, question.tenant).select("name", last_ns="looked_ns")
    queues = queues.drop_nulls().filter(pl.col("last_ns") <= given.as_of_ns)
    horizon = Horizon(given.as_of_ns, stale_days, seen.reach_ns(whole), question.tenant)
    kinds = {*given.analysis.owners.rules.kinds, "step"}
    return horizon, seen.facts(seen.traffic(whole), pairs, queues, kinds)


def _looks(spans: pl.LazyFrame, as_of_ns: int) -> Spans:
    """Spans with nothing but their looks and times, in one vocabulary."""
    found = read(spans.with_row_index(PLACE).select(PLACE, "trace_id", "start_ns", "end_ns", *LOOK), as_of_ns=as_of_ns)
    return Spans(found.rows, normalise(found.looks.lazy()).collect(), found.source)
