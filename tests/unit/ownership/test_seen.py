from __future__ import annotations

import polars as pl
import pytest

from baton.limits import REACH_SPANS_MIN
from baton.ownership import seen
from recording import Recording, mended, ns

NOTHING = pl.DataFrame(schema={"name": pl.String, "last_ns": pl.Int64})


def test_traffic_counts_the_spans_of_a_window() -> None:
    """From its first ns to before its last; each look with its newest span."""
    recording = Recording()
    for at in range(5):
        recording.span("trading", at)
    recording.span("notify", 3)
    found = seen.traffic(mended(recording), ns(1), ns(4)).sort("service")
    assert found.select("service", "spans", "last_ns").rows() == [("notify", 1, ns(3)), ("trading", 3, ns(3))]


@pytest.mark.parametrize(("spans", "reach"), [(REACH_SPANS_MIN - 1, None), (REACH_SPANS_MIN, ns(REACH_SPANS_MIN - 1))])
def test_a_store_reaches_back_to_where_several_spans_began(spans: int, reach: int | None) -> None:
    """One clock that is years off does not make a store old."""
    recording = Recording()
    for at in range(spans):
        recording.span("trading", at)
    assert seen.reach_ns(mended(recording)) == reach


def test_attributes_are_found_in_lists_and_columns() -> None:
    """Each value with its spans of the window and its newest of all; the names of a deprecated convention are one."""
    recording = Recording()
    recording.span("trading", 1, attributes={"app.domain": "trading"})
    recording.span("trading", 5, attributes={"app.domain": "trading"})
    recording.span("trading", 2, attributes={"http.route": "/x", "order.id": "7"})
    found = seen.said(recording.frame().lazy(), ["app.domain", "http.route", "order.id"], None, ns(3))
    assert found.rows() == [
        ("app.domain", "trading", 1, ns(5)),
        ("http.route", "/x", 1, ns(2)),
        ("order.id", "7", 1, ns(2)),
    ]
    assert seen.said(recording.frame().lazy(), [], None, None).is_empty()


def test_facts_are_what_a_rule_may_match() -> None:
    """Places of messages count as channel and as queue whoever names them, and queues that only a broker knows."""
    recording = Recording()
    recording.send("trading", 1, "orders", environment="prod")
    recording.receive("notify", 2, "sms-q", environment="prod")
    known = seen.traffic(mended(recording))
    queues = pl.DataFrame({"name": ["dlq"], "last_ns": [ns(9)]})
    facts = seen.facts(known, seen.said(recording.frame().lazy(), [], None, None), queues, {"entry", "namespace"})
    for kind in ("channel", "queue"):
        assert {name: at for (of, name, *_), at in facts.items() if of == kind} == {
            "orders": ns(1),
            "sms-q": ns(2),
            "dlq": ns(9),
        }
    assert facts["deadline", "orders", "prod"] == ns(1)
    assert facts["entry", "notify", "process"] == ns(2)
    assert {fact[0] for fact in facts} == {"channel", "queue", "deadline", "entry"}
