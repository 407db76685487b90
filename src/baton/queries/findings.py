"""Findings, and the work lists that repair them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from baton import summaries
from baton.errors import NotFoundError, UsageError
from baton.found import find, repairs
from baton.limits import FINDING_DIGITS_MIN, MATCHES_SHOWN_MAX
from baton.queries.answer import answer, catalog_of
from baton.queries.question import asked
from baton.settings import keys, load_settings

if TYPE_CHECKING:
    from baton.queries.question import Question
    from baton.reports.model import Finding


def findings(question: Question) -> pl.DataFrame:
    """FINDINGS, worst first, counted among the handoffs that are asked about; raises as `handoffs`."""
    given = answer(question)
    return find(asked(given.analysis.handoffs, question), given.analysis, given.catalog)


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
    given = answer(question)
    wanted = id_of(given.analysis.handoffs, finding_id)
    found = find(given.analysis.handoffs, given.analysis, given.catalog)
    return found.filter(pl.col("finding_id") == wanted)


def recovery(question: Question, finding_id: str) -> pl.DataFrame:
    """RECOVERY: the work list of a finding; arguments and errors as of `finding`."""
    given = answer(question)
    rows = given.analysis.handoffs
    lost = rows.filter(pl.col("finding_id") == id_of(rows, finding_id))
    return repairs(lost, given.analysis, given.catalog, keys(given.catalog, load_settings(question.store)).journey)


def told(question: Question, found: pl.DataFrame) -> tuple[Finding, ...]:
    """FINDINGS of this question as people's reports read them.

    Raises:
        InputError: as `handoffs`.
    """
    return summaries.findings(found, catalog_of(question.owners))


def id_of(rows: pl.DataFrame, digits: str) -> str:
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
