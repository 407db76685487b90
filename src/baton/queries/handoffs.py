"""Handoffs, boundaries, and the report of what was dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from baton import savings, summaries
from baton.queries.answer import answer
from baton.queries.findings import id_of
from baton.queries.question import about, asked

if TYPE_CHECKING:
    import polars as pl

    from baton.queries.question import Question
    from baton.reports.model import Report, WhatIf


def handoffs(question: Question) -> pl.DataFrame:
    """The public rows: schema.HANDOFFS, sorted by `sent_at, handoff_id`.

    Raises:
        NotFoundError: there is no store.
        StoreError: it cannot be read.
        InputError: the ownership file or baton.toml has a fault.
    """
    return asked(answer(question).analysis.handoffs, question)


def report(question: Question) -> Report:
    """What was dropped or is stuck, for people; raises as `handoffs`."""
    given = answer(question)
    rows = asked(given.analysis.handoffs, question)
    scope = summaries.Scope(question.store, question.since_ns, question.until_ns, given.as_of_ns)
    return summaries.report(rows, given.analysis, given.catalog, scope)


def boundaries(question: Question) -> pl.DataFrame:
    """One row a boundary, worst first; raises as `handoffs`.

    Returns:
        `tenant`, `environment`, `from_team`, `from_service`, `to_team`, `to_service`, `channel`, `channel_team`
        (String; the services null where the side is owned: they stand for it where it is not), `handoffs` and one count
        a verdict and `late` (UInt32), `drop_rate` (Float64, dropped of all), `p50_ms`, `p99_ms` (Float64, sent to
        received; null where nothing was received).
    """
    analysis = answer(question).analysis
    # A team may be accountable: then losses have to be explained first.
    rows = (analysis.crossed if question.team is None else analysis.told).filter(about(question))
    return summaries.boundaries(rows.select(summaries.CROSSED).collect())


def what_if(question: Question, queue: str | None = None, finding: str | None = None) -> tuple[list[WhatIf], str]:
    """What would have saved the messages that full queues lost, or queues whose messages expired; worst first.

    Empty where no replay explains a loss; then the sentence says why. Raises as `finding`, and NotFoundError if nothing
    is known of that queue.
    """
    given = answer(question)
    rows = asked(given.analysis.handoffs, question)
    finding = None if finding is None else id_of(rows, finding)
    found = savings.savings(given.analysis, given.catalog, rows, queue, finding)
    return found, "" if found else savings.silence(rows, given.analysis)
