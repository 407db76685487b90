"""The use cases that every door shares: what the command line, Python, HTTP and gRPC answer is answered here."""

from __future__ import annotations

from baton.queries.answer import margins
from baton.queries.brokers import broker_queues
from baton.queries.contracts import contracts, draft
from baton.queries.coverage import coverage
from baton.queries.findings import finding, findings, recovery, told
from baton.queries.handoffs import boundaries, handoffs, report, what_if
from baton.queries.journeys import journey
from baton.queries.learning import learn
from baton.queries.lint import lint, lint_rules
from baton.queries.maps import map_of
from baton.queries.question import Question
from baton.queries.trust import trust
from baton.queries.who import who

__all__ = [
    "Question",
    "boundaries",
    "broker_queues",
    "contracts",
    "coverage",
    "draft",
    "finding",
    "findings",
    "handoffs",
    "journey",
    "learn",
    "lint",
    "lint_rules",
    "map_of",
    "margins",
    "recovery",
    "report",
    "told",
    "trust",
    "what_if",
    "who",
]
