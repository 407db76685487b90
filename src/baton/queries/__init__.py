"""The use cases that every door shares: what the command line, Python, HTTP and gRPC answer is answered here."""

from __future__ import annotations

from baton.queries.answer import margins
from baton.queries.brokers import broker_queues
from baton.queries.contracts import contracts, draft
from baton.queries.findings import finding, findings, recovery, told
from baton.queries.handoffs import boundaries, handoffs, report, what_if
from baton.queries.journeys import journey, who
from baton.queries.learning import learn
from baton.queries.question import Question

__all__ = [
    "Question",
    "boundaries",
    "broker_queues",
    "contracts",
    "draft",
    "finding",
    "findings",
    "handoffs",
    "journey",
    "learn",
    "margins",
    "recovery",
    "report",
    "told",
    "what_if",
    "who",
]
