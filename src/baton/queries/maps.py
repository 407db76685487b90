"""The map of who hands to whom, and what a reviewer asks of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from baton.maps import graph
from baton.maps.review import REVIEWED, review
from baton.ownership.assign import owners
from baton.queries.answer import answer
from baton.queries.question import about, owned_at_ns
from baton.reports.map_model import Map

if TYPE_CHECKING:
    from baton.queries.question import Question


def map_of(question: Question, of: Literal["teams", "services"] = "teams") -> Map:
    """The map of the handoffs that the question is about.

    Args:
        question: of its verdicts and team nothing is heard: a map shows all that happens between its nodes.
        of: what its nodes are.

    Raises:
        NotFoundError, StoreError, InputError: as `handoffs`.
    """
    given = answer(question)
    at_ns = owned_at_ns(question, given.as_of_ns)
    asked = about(replace(question, verdicts=(), team=None))
    rows = given.analysis.crossed.filter(asked).select(REVIEWED).collect()
    drawn = teams = graph.team_graph(rows)
    if of == "services":
        drawn = graph.service_graph(rows, lambda names, kind: owners(names, kind, given.catalog, at_ns))
    criticality = {kind.name: kind.criticality for kind in given.catalog.journey_types}
    return Map(
        graph=drawn,
        review=review(rows, teams, criticality),
        as_of_ns=given.as_of_ns,
        since_ns=question.since_ns,
        until_ns=question.until_ns,
        journey_type=question.journey_type,
    )
