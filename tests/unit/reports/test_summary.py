from __future__ import annotations

from dataclasses import replace

import pytest

import incident
from baton.reports.summary import head, outcome, unowned


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({"delivered": 9, "dropped": 1}, "1 handoff was dropped, nothing is stuck."),
        ({"dropped": 1200, "stuck": 1}, "1,200 handoffs were dropped, 1 is stuck."),
        ({"stuck": 3}, "Nothing was dropped, 3 are stuck."),
        ({"delivered": 9}, "Nothing was dropped, nothing is stuck."),
        (
            {"delivered": 9, "unobserved": 4, "pending": 2},
            (
                "Nothing was dropped, nothing is stuck. 4 could not be observed: see the blind spots. "
                "2 cannot be judged yet."
            ),
        ),
    ],
)
def test_outcome(counts: dict[str, int], said: str) -> None:
    """The outcome is one plain sentence, and an all-clear says what it does not cover."""
    assert outcome(replace(incident.REPORT, counts=counts)) == said


def test_outcome_of_nothing() -> None:
    """No handoffs are no all-clear: it is said that there was nothing to judge, and what to do."""
    assert outcome(incident.EMPTY).startswith("There is nothing to judge")
    assert "baton load" in outcome(incident.EMPTY)


def test_head() -> None:
    """What was judged, of which window, as of when, by which expectations."""
    known = dict(head(replace(incident.REPORT, until_ns=incident.AS_OF_NS)))
    assert known["judged"] == "1,135 handoffs sent since 2025-03-14 09:25:53 UTC until 2025-03-14 09:40:00 UTC"
    assert known["verdicts"] == "1,093 delivered, 28 dropped, 12 unobserved, 2 pending (3 delivered late)"
    assert known["learned"] == "expectations 5f3a9c0e"


def test_unowned() -> None:
    """What nobody owns is named with its traffic."""
    assert unowned(incident.REPORT) == ["service legacy-batch: 800 handoffs", "channel eod.rates: 12 handoffs"]
