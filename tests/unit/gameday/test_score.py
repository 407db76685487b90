from __future__ import annotations

from baton.gameday.queue import Ledger, Message
from baton.gameday.score import score
from baton.limits import NAMES_MAX

_LEDGER = Ledger(
    handed=(Message("c-1", "trade-execution", {}, "T-1"),),
    evicted=(Message("c-2", "trade-execution", {}, "T-2"), Message("t-1", "market-data", {})),
)


def _row(message_id: str | None, sender: str = "trade-execution", verdict: str = "dropped") -> dict[str, str | None]:
    return {"message_id": message_id, "from_service": sender, "verdict": verdict, "handoff_id": "ab" * 16}


def test_the_very_same_messages_are_exact() -> None:
    """Rows of other verdicts do not count; the closing lines hold both counts."""
    result = score([_row("c-2"), _row("t-1", "market-data"), _row("c-1", verdict="delivered")], _LEDGER)
    assert result.exact
    assert result.lines() == [
        "By the queue's own ledger 1 confirmations and 1 ticks were evicted.",
        "The report says 1 confirmations and 1 ticks: the same messages, one for one.",
    ]


def test_equal_counts_of_other_messages_are_not_exact() -> None:
    """One missed and one wrongly accused make the same count, and are both named."""
    result = score([_row("c-1"), _row("t-1", "market-data")], _LEDGER)
    assert not result.exact
    assert (result.missed, result.wrong) == (("c-2",), ("c-1",))
    assert result.lines()[1:] == [
        "The report says 1 confirmations and 1 ticks.",
        "It missed: c-2.",
        "It accuses wrongly: c-1.",
    ]


def test_a_dropped_call_is_a_wrong_accusation() -> None:
    """The bank's calls are never lost: a dropped row without a message id is named by its handoff id."""
    result = score([_row("c-2"), _row("t-1", "market-data"), _row(None, "wealth-gateway")], _LEDGER)
    assert result.wrong == ("ab" * 16,)


def test_many_names_are_counted_not_listed() -> None:
    """A score that is far off fits on a screen."""
    ledger = Ledger((), tuple(Message(f"c-{number}", "trade-execution", {}, "T") for number in range(NAMES_MAX + 2)))
    assert score([], ledger).lines()[2].endswith("and 2 more.")
