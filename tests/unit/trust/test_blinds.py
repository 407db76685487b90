from __future__ import annotations

from string import Formatter

import pytest

from baton.brokers import settle
from baton.handoffs import calls, verdict
from baton.trust.blinds import BLINDS, BY_NAME, BY_PROOF, WEAK, Hindrance
from baton.trust.trust import BY_PROGRESS

WORDS = {"senders", "receivers", "place", "channel", "sampled", "keys", "pairs", "needed"}


def clauses() -> dict[str, str]:
    """Every clause of the law, of messages, calls and brokers, with its verdict."""
    return {
        **{clause.name: clause.verdict for clause in verdict.law(0)},
        **calls.CLAUSES,
        **{row.clause: row.verdict for row in settle.TABLE},
        "retry unseen": "unobserved",  # handoffs.attempts
    }


def test_every_clause_that_says_unobserved_is_a_blind_spot_here() -> None:
    """No handoff is unobserved by a clause that trust does not know, and none else counts as blind."""
    assert set(BY_PROOF) == {name for name, told in clauses().items() if told == "unobserved"}


def test_what_convicts_by_progress_are_clauses_of_the_law() -> None:
    """The clauses that accuse because a receipt is missing say `dropped`."""
    assert {clauses()[name] for name in BY_PROGRESS} == {"dropped"}


@pytest.mark.parametrize("row", [*BLINDS, *WEAK], ids=lambda row: row.name)
def test_sentences_name_what_is_known(row: Hindrance) -> None:
    """Each row has a name of its own, and its texts name nothing that nobody fills in."""
    assert BY_NAME[row.name] is row
    named = {field for text in (row.told, row.change or "") for _, field, _, _ in Formatter().parse(text) if field}
    assert named <= WORDS
