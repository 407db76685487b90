"""The use cases that every door shares: what the command line, Python, HTTP and gRPC answer is answered here."""

from __future__ import annotations

import io
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from baton import savings, summaries
from baton.analysis import Analysis, analyze, expect, pair_up, wanted
from baton.errors import NotFoundError, UsageError
from baton.found import find, repairs
from baton.limits import (
    FINDING_DIGITS_MIN,
    LEARN_SPANS_MAX,
    MATCHES_SHOWN_MAX,
    NAMES_MAX,
    TIME_NS_MAX,
    WINDOW_LAG_DEADLINES,
    WINDOW_LAG_NS_MAX,
    WINDOW_LAG_NS_MIN,
    WINDOW_LEAD_NS,
)
from baton.looks import PLACE
from baton.ownership.catalog import EMPTY, Catalog, load_catalog
from baton.schema import HANDOFFS
from baton.settings import keys, load_settings
from baton.store.reader import Store

if TYPE_CHECKING:
    from pathlib import Path

    from baton.reports.model import Finding, Journey, Report, WhatIf, Who

_TEAMS = ("from_team", "to_team", "channel_team", "accountable_team")


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked.

    Attributes:
        store: the store's folder.
        owners: the ownership file; null leaves everything unowned.
        since_ns: handoffs sent at or after.
        until_ns: handoffs sent before.
        as_of_ns: event time of the judgement; null is now.
        verdicts: only these; empty is all.
        journey_type: only this declared type.
        team: only where this team sends, receives, owns the channel or is accountable.
        tenant: only this tenant's telemetry, as if there were no other; null is every tenant's.
    """

    store: Path
    owners: Path | None = None
    since_ns: int | None = None
    until_ns: int | None = None
    as_of_ns: int | None = None
    verdicts: tuple[str, ...] = ()
    journey_type: str | None = None
    team: str | None = None
    tenant: str | None = None


@dataclass(frozen=True, slots=True)
class _Answer:
    """An analysis with what it was asked about."""

    analysis: Analysis
    catalog: Catalog
    as_of_ns: int


def handoffs(question: Question) -> pl.DataFrame:
    """The public rows: schema.HANDOFFS, sorted by `sent_at, handoff_id`.

    Raises:
        NotFoundError: there is no store.
        StoreError: it cannot be read.
        InputError: the ownership file or baton.toml has a fault.
    """
    return _asked(_answer(question).analysis.handoffs, question)


def report(question: Question) -> Report:
    """What was dropped or is stuck, for people; raises as `handoffs`."""
    answer = _answer(question)
    rows = _asked(answer.analysis.handoffs, question)
    scope = summaries.Scope(question.store, question.since_ns, question.until_ns, answer.as_of_ns)
    return summaries.report(rows, answer.analysis, answer.catalog, scope)


def findings(question: Question) -> pl.DataFrame:
    """FINDINGS, worst first, counted among the handoffs that are asked about; raises as `handoffs`."""
    answer = _answer(question)
    return find(_asked(answer.analysis.handoffs, question), answer.analysis, answer.catalog)


def finding(question: Question, finding_id: str) -> pl.DataFrame:
    """One finding, whole: FINDINGS with one row.

    Args:
        question: its window is not heard: a finding is told whole.
        finding_id: its id, or at least FINDING_DIGITS_MIN digits that begin no other.

    Raises:
        UsageError: too few digits, or several findings begin so.
        NotFoundError: there is none.
        StoreError, InputError: as `handoffs`.
    """
    answer = _answer(question)
    wanted = _finding_id(answer.analysis.handoffs, finding_id)
    found = find(answer.analysis.handoffs, answer.analysis, answer.catalog)
    return found.filter(pl.col("finding_id") == wanted)


def recovery(question: Question, finding_id: str) -> pl.DataFrame:
    """RECOVERY: the work list of a finding; arguments and errors as of `finding`."""
    answer = _answer(question)
    rows = answer.analysis.handoffs
    lost = rows.filter(pl.col("finding_id") == _finding_id(rows, finding_id))
    return repairs(lost, answer.analysis, answer.catalog, keys(answer.catalog, load_settings(question.store)).journey)


def told(question: Question, found: pl.DataFrame) -> tuple[Finding, ...]:
    """FINDINGS of this question as people's reports read them.

    Raises:
        InputError: as `handoffs`.
    """
    return summaries.findings(found, _catalog(question.owners))


def _finding_id(rows: pl.DataFrame, digits: str) -> str:
    """The id that these digits name."""
    name = digits.strip().lower()
    if len(name) < FINDING_DIGITS_MIN or set(name) - set("0123456789abcdef"):
        raise UsageError(f"{digits!r} is no finding's id: give {FINDING_DIGITS_MIN} or more of its hex digits")
    known = rows["finding_id"].drop_nulls().unique().sort()
    ids = known.filter(known.str.starts_with(name)).to_list()
    if not ids:
        raise NotFoundError(
            f"no finding's id begins with {digits!r}: `baton findings` lists those that are there; an id changes when "
            f"an earlier loss comes to light or the cause is told otherwise"
        )
    if len(ids) > 1:
        shown = ", ".join(ids[:MATCHES_SHOWN_MAX])
        raise UsageError(f"{digits!r} begins the ids of {len(ids)} findings; give more digits of one: {shown}")
    return str(ids[0])


def journey(question: Question, name: str) -> Journey:
    """The journey of a trace id, correlation id or message id, or of a span attribute (`KEY=VALUE`).

    A clear value that the store holds as a hash is found by the store's redaction key.

    Raises:
        NotFoundError: no span or handoff bears it.
        UsageError: several journeys do.
        StoreError, InputError: as `handoffs`.
    """
    answer = _answer(question)
    ids = _journeys(question, answer.analysis, name)
    if not ids:
        raise NotFoundError(
            f"no span in {question.store} has the trace, correlation or message id, or the attribute, {name!r}: "
            f"`baton handoffs` lists those that are there"
        )
    if len(ids) > 1:
        shown = ", ".join(ids[:MATCHES_SHOWN_MAX])
        raise UsageError(f"{name!r} names {len(ids)} journeys; ask for one of them by its journey id: {shown}")
    return summaries.journey(answer.analysis, answer.catalog, ids[0])


def _journeys(question: Question, analysis: Analysis, name: str) -> list[str]:
    """Ids of the journeys that bear the name as it stands, or else by its hash, or else as KEY=VALUE in either form."""
    from baton.wire.redaction import hashed, stands_as  # noqa: PLC0415 - the kernel is imported where it is used

    ids = summaries.journeys_of(analysis, name)
    if ids:
        return ids
    rules = load_settings(question.store).redaction
    key, pair, value = name.partition("=")
    if pair:
        values = {value, stands_as(rules, question.store, key, value), hashed(rules, question.store, value)}
        return summaries.journeys_bearing(analysis, key, values)
    stored = {stands_as(rules, question.store, "", name), hashed(rules, question.store, name)} - {name}
    return sorted({found for one in stored for found in summaries.journeys_of(analysis, one)})


def who(question: Question, name: str) -> Who:
    """The owner of a service, channel or journey type.

    Raises:
        NotFoundError: neither the spans nor the ownership file know the name.
        StoreError, InputError: as `handoffs`.
    """
    answer = _answer(question)
    return summaries.who(_asked(answer.analysis.handoffs, question), answer.analysis, answer.catalog, name)


def boundaries(question: Question) -> pl.DataFrame:
    """One row a boundary, worst first; raises as `handoffs`.

    Returns:
        `tenant`, `environment`, `from_team`, `from_service`, `to_team`, `to_service`, `channel`, `channel_team`
        (String; the services null where the side is owned: they stand for it where it is not), `handoffs` and one count
        a verdict and `late` (UInt32), `drop_rate` (Float64, dropped of all), `p50_ms`, `p99_ms` (Float64, sent to
        received; null where nothing was received).
    """
    analysis = _answer(question).analysis
    # A team may be accountable: then losses have to be explained first.
    rows = (analysis.crossed if question.team is None else analysis.told).filter(_about(question))
    return summaries.boundaries(rows.select(summaries.CROSSED).collect())


def broker_queues(store: Path, tenant: str | None) -> pl.DataFrame:
    """What is known of brokers' queues now, the newest word on each, by name.

    Args:
        store: the store's folder.
        tenant: only this tenant's; null for all.

    Returns:
        FACTS's columns, its rows of queues that are there, and `looked_ns` (Int64): when they were looked at last.

    Raises:
        NotFoundError: there is no store.
        StoreError: it is damaged.
    """
    from baton.brokers.history import held, latest  # noqa: PLC0415 - only this question needs it

    place, names = (
        ["tenant", "environment", "broker", "source", "vhost"],
        ["tenant", "environment", "broker", "vhost", "name"],
    )
    known = Store(store).facts()
    if tenant is not None:
        known = known.filter(pl.col("tenant") == tenant)
    looked = latest(known).filter(pl.col("fact") == "snapshot", pl.col("name") == "queue")
    return (
        held(known, TIME_NS_MAX)
        .filter(pl.col("fact") == "queue")
        .join(looked.select(*place, looked_ns="at_ns"), on=place, how="left", nulls_equal=True)
        .sort("looked_ns", maintain_order=True)
        .unique(names, keep="last")
        .sort(names)
    )


def what_if(question: Question, queue: str | None = None, finding: str | None = None) -> tuple[list[WhatIf], str]:
    """What would have saved the messages that full queues lost, or queues whose messages expired; worst first.

    Empty where no replay explains a loss; then the sentence says why. Raises as `finding`, and NotFoundError if nothing
    is known of that queue.
    """
    answer = _answer(question)
    rows = _asked(answer.analysis.handoffs, question)
    finding = None if finding is None else _finding_id(rows, finding)
    found = savings.savings(answer.analysis, answer.catalog, rows, queue, finding)
    return found, "" if found else savings.silence(rows, answer.analysis)


def learn(store: Path, owners: Path | None) -> bytes:
    """EXPECTATIONS learned from the newest spans of the store, as an Arrow IPC file.

    However long a store is fed, learning from it takes as much memory: the `LEARN_SPANS_MAX` spans that came last,
    and those that came with the first of them.

    Raises:
        StoreError, InputError: as `handoffs`.
    """
    catalog = _catalog(owners)
    joining = keys(catalog, load_settings(store)).journey
    spans = _newest(Store(store).spans()).select(wanted(catalog))
    learned = expect(pair_up(spans, catalog, TIME_NS_MAX), catalog, joining)
    buffer = io.BytesIO()
    learned.write_ipc(buffer)
    return buffer.getvalue()


def _newest(spans: pl.LazyFrame) -> pl.LazyFrame:
    came = spans.select("ingested_at").collect().get_column("ingested_at")
    if len(came) <= LEARN_SPANS_MAX:
        return spans
    return spans.filter(pl.col("ingested_at") >= came.top_k(LEARN_SPANS_MAX).min())


def _catalog(owners: Path | None) -> Catalog:
    return EMPTY if owners is None else load_catalog(owners)


def _answer(question: Question) -> _Answer:
    store, catalog = Store(question.store), _catalog(question.owners)
    as_of_ns = time.time_ns() if question.as_of_ns is None else question.as_of_ns
    joining = keys(catalog, load_settings(question.store)).journey
    expectations = store.expectations()
    spans = store.spans(*_margins(question, expectations, catalog)).with_row_index(PLACE)
    spans = spans.select(PLACE, *wanted(catalog))
    if question.tenant is not None:
        # Here, before anything is judged: nobody is to see what another tenant's spans did to a verdict.
        spans = _of_tenant(store, spans, question.tenant)
        expectations = None if expectations is None else expectations.filter(pl.col("tenant") == question.tenant)
    paired = pair_up(spans, catalog, as_of_ns, store.outages())
    # A store that has never learned is learned from on the spot.
    known = expect(paired, catalog, joining) if expectations is None else expectations
    facts = store.facts(as_of_ns)
    return _Answer(analyze(paired, known, catalog, joining, as_of_ns, facts=facts), catalog, as_of_ns)


def margins(question: Question) -> tuple[int | None, int | None]:
    """From when to when spans must have begun to be read for this question; null where there is no bound."""
    return _margins(question, Store(question.store).expectations(), _catalog(question.owners))


def _margins(question: Question, expectations: pl.DataFrame | None, catalog: Catalog) -> tuple[int | None, int | None]:
    """From when to when spans must have begun that bear on the window; without bounds where nothing was learned yet.

    What is usual is then learned from all there is.
    """
    if expectations is None:
        return None, None
    declared = [one.deadline_ns for one in catalog.channels] + [one.deadline_ns for one in catalog.journey_types]
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


def _asked(rows: pl.DataFrame, question: Question) -> pl.DataFrame:
    """The rows that the question is about."""
    return rows.filter(_about(question))


def _about(question: Question) -> pl.Expr:
    wanted, time = pl.lit(value=True), HANDOFFS.schema["sent_at"]
    if question.since_ns is not None:
        wanted &= pl.col("sent_at") >= pl.lit(question.since_ns).cast(time)
    if question.until_ns is not None:
        wanted &= pl.col("sent_at") < pl.lit(question.until_ns).cast(time)
    if question.verdicts:
        wanted &= pl.col("verdict").is_in(question.verdicts)
    if question.journey_type is not None:
        wanted &= pl.col("journey_type") == question.journey_type
    if question.team is not None:
        wanted &= pl.any_horizontal(pl.col(team) == question.team for team in _TEAMS).fill_null(value=False)
    return wanted
