"""The map of who hands to whom, and what a reviewer asks of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from baton.maps import graph
from baton.maps.review import REVIEWED, review
from baton.ownership.assign import owners
from baton.queries.answer import answer
from baton.queries.question import about
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
    rows = given.analysis.crossed.filter(about(question)).select(REVIEWED).collect()
    teams = graph.team_graph(rows)
    drawn = (
        teams if of == "teams" else graph.service_graph(rows, lambda names, kind: owners(names, kind, given.catalog))
    )
    criticality = {kind.name: kind.criticality for kind in given.catalog.journey_types}
    return Map(
        graph=drawn,
        review=review(rows, teams, criticality),
        as_of_ns=given.as_of_ns,
        since_ns=question.since_ns,
        until_ns=question.until_ns,
        journey_type=question.journey_type,
    )
