"""One journey."""

from __future__ import annotations

from typing import TYPE_CHECKING

from baton import summaries
from baton.errors import NotFoundError, UsageError
from baton.limits import MATCHES_SHOWN_MAX
from baton.queries.answer import answer
from baton.settings import load_settings

if TYPE_CHECKING:
    from baton.analysis import Analysis
    from baton.queries.question import Question
    from baton.reports.model import Journey


def journey(question: Question, name: str) -> Journey:
    """The journey of a trace id, correlation id or message id, or of a span attribute (`KEY=VALUE`).

    A clear value that the store holds as a hash is found by the store's redaction key.

    Raises:
        NotFoundError: no span or handoff bears it.
        UsageError: several journeys do.
        StoreError, InputError: as `handoffs`.
    """
    given = answer(question)
    ids = _journeys(question, given.analysis, name)
    if not ids:
        raise NotFoundError(
            f"no span in {question.store} has the trace, correlation or message id, or the attribute, {name!r}: "
            f"`baton handoffs` lists those that are there"
        )
    if len(ids) > 1:
        shown = ", ".join(ids[:MATCHES_SHOWN_MAX])
        raise UsageError(f"{name!r} names {len(ids)} journeys; ask for one of them by its journey id: {shown}")
    return summaries.journey(given.analysis, given.catalog, ids[0])


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
