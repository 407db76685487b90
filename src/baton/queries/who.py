"""Who owns a name, why, and what owning it means."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl

from baton.maps.dimensions import TOUCHED
from baton.maps.who import Known, things
from baton.queries.answer import answer
from baton.queries.question import about, owned_at_ns
from baton.reports.who_model import Who

if TYPE_CHECKING:
    from baton.looks import Spans
    from baton.queries.question import Question


def who(question: Question, name: str) -> Who:
    """The owner of a service, channel, queue, journey type, team or external party, and what owning it means.

    Of the question only the window and the tenant are heard.

    Raises:
        NotFoundError: neither the spans nor the ownership files know the name.
        StoreError, InputError: as `handoffs`.
    """
    given = answer(question)
    asked = about(replace(question, verdicts=(), team=None, journey_type=None))
    rows = given.analysis.crossed.filter(asked).select(TOUCHED).collect()
    at_ns = owned_at_ns(question, given.as_of_ns)
    known = Known(rows, _within(given.analysis.spans, question), given.catalog, at_ns)
    return Who(name, given.as_of_ns, at_ns, question.since_ns, question.until_ns, things(name, known))


def _within(spans: Spans, question: Question) -> Spans:
    """The spans that began in the window."""
    wanted = pl.lit(value=True)
    if question.since_ns is not None:
        wanted &= pl.col("start_ns") >= question.since_ns
    if question.until_ns is not None:
        wanted &= pl.col("start_ns") < question.until_ns
    return replace(spans, rows=spans.rows.filter(wanted))
