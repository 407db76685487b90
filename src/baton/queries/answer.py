"""A question's answer: the part of the store that bears on it, judged."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from baton.agreements import load_contracts
from baton.analysis import WANTED, Analysis, Paired, analyze, expect, pair_up
from baton.errors import NotFoundError
from baton.limits import NAMES_MAX, WINDOW_LAG_DEADLINES, WINDOW_LAG_NS_MAX, WINDOW_LAG_NS_MIN, WINDOW_LEAD_NS
from baton.looks import PLACE
from baton.ownership.catalog import EMPTY, Catalog
from baton.ownership.sources import load_catalog
from baton.settings import keys, load_settings
from baton.store.reader import Store

if TYPE_CHECKING:
    from pathlib import Path

    from baton.contracts.contract import Agreed
    from baton.queries.question import Question


@dataclass(frozen=True, slots=True)
class Answer:
    """An analysis with what it was asked about."""

    analysis: Analysis
    catalog: Catalog
    contracts: Agreed
    as_of_ns: int


def answer(question: Question) -> Answer:
    """The judged part of the store that bears on a question.

    Raises:
        NotFoundError: there is no store, or the tenant has no span in it.
        StoreError: it cannot be read.
        InputError: an ownership file, a contracts file or baton.toml has a fault.
    """
    return judged(question)[0]


def judged(question: Question) -> tuple[Answer, Paired]:
    """The answer, with the sends, receipts and pairs that it was judged from; arguments and errors as of `answer`."""
    store, catalog, contracts = Store(question.store), catalog_of(question.owners), load_contracts(question.contracts)
    as_of_ns = time.time_ns() if question.as_of_ns is None else question.as_of_ns
    settings = load_settings(question.store)
    joining = keys(catalog, settings).journey
    expectations = store.expectations()
    spans = store.spans(*_margins(question, expectations, catalog, contracts)).with_row_index(PLACE)
    spans = spans.select(PLACE, *WANTED)
    if question.tenant is not None:
        # Here, before anything is judged: nobody is to see what another tenant's spans did to a verdict.
        spans = _of_tenant(store, spans, question.tenant)
        expectations = None if expectations is None else expectations.filter(pl.col("tenant") == question.tenant)
    paired = pair_up(spans, catalog, as_of_ns, store.outages(), settings.owner_attributes)
    # A store that has never learned is learned from on the spot.
    known = expect(paired, catalog, joining) if expectations is None else expectations
    facts = store.facts(as_of_ns)
    analysis = analyze(paired, known, catalog, joining, as_of_ns, facts=facts, contracts=contracts)
    return Answer(analysis, catalog, contracts, as_of_ns), paired


def catalog_of(owners: tuple[Path, ...]) -> Catalog:
    """The catalog of ownership files; EMPTY of none."""
    return load_catalog(*owners) if owners else EMPTY


def margins(question: Question) -> tuple[int | None, int | None]:
    """From when to when spans must have begun to be read for this question; null where there is no bound."""
    expectations, catalog = Store(question.store).expectations(), catalog_of(question.owners)
    return _margins(question, expectations, catalog, load_contracts(question.contracts))


def _margins(
    question: Question, expectations: pl.DataFrame | None, catalog: Catalog, contracts: Agreed
) -> tuple[int | None, int | None]:
    """From when to when spans must have begun that bear on the window; without bounds where nothing was learned yet.

    What is usual is then learned from all there is.
    """
    if expectations is None:
        return None, None
    declared = [one.deadline_ns for one in catalog.channels] + [one.deadline_ns for one in catalog.journey_types]
    declared += [one.clauses.deadline_ns for one in contracts.all]
    longest = max(deadline for deadline in (0, *expectations["deadline_ns"], *declared) if deadline is not None)
    lag_ns = max(WINDOW_LAG_NS_MIN, min(WINDOW_LAG_NS_MAX, longest * WINDOW_LAG_DEADLINES))
    since_ns, until_ns = question.since_ns, question.until_ns
    return (
        None if since_ns is None else since_ns - WINDOW_LEAD_NS,
        None if until_ns is None else until_ns + lag_ns,
    )


def _of_tenant(store: Store, spans: pl.LazyFrame, tenant: str) -> pl.LazyFrame:
    """The tenant's spans.

    Raises:
        NotFoundError: it has none; a slip of the pen must not look like a calm night.
    """
    own = spans.filter(pl.col("tenant") == tenant)
    if len(own.select("tenant").head(1).collect()):
        return own
    tenants = store.spans().select(pl.col("tenant").unique()).collect().get_column("tenant").sort().to_list()
    if tenants and tenant not in tenants:
        shown = ", ".join(tenants[:NAMES_MAX]) + (" and others" if len(tenants) > NAMES_MAX else "")
        raise NotFoundError(f"no span is of tenant {tenant!r}; there are spans of {shown}")
    return own
