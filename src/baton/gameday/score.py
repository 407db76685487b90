"""The score: the messages that Baton calls dropped, held against those that the queue's ledger says were."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from baton.gameday.services import EXECUTION, MARKET_DATA
from baton.reports.table import names

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from baton.gameday.queue import Ledger


@dataclass(frozen=True, slots=True)
class Score:
    """How an answer holds against the ledger.

    Attributes:
        evicted: messages by sender, by the ledger.
        dropped: handoffs by sender, by Baton.
        missed: ids of evicted messages that Baton does not call dropped, sorted.
        wrong: ids of what Baton calls dropped and was not, sorted.
    """

    evicted: Mapping[str, int]
    dropped: Mapping[str, int]
    missed: tuple[str, ...]
    wrong: tuple[str, ...]

    @property
    def exact(self) -> bool:
        """The very same messages."""
        return not (self.missed or self.wrong)

    def lines(self) -> list[str]:
        """For people: what the ledger says, what the report says, and whether it is the same messages."""
        said = f"The report says {_counted(self.dropped)}"
        return [
            f"By the queue's own ledger {_counted(self.evicted)} were evicted.",
            f"{said}: the same messages, one for one." if self.exact else f"{said}.",
            *([f"It missed: {names(self.missed)}."] if self.missed else []),
            *([f"It accuses wrongly: {names(self.wrong)}."] if self.wrong else []),
        ]


def score(rows: Iterable[Mapping[str, Any]], ledger: Ledger) -> Score:
    """Holds Baton's rows against the ledger.

    Args:
        rows: public rows, any verdicts.
        ledger: the queue's.
    """
    dropped = [row for row in rows if row["verdict"] == "dropped"]
    accused = {row["message_id"] or row["handoff_id"] for row in dropped}
    evicted = {message.message_id for message in ledger.evicted}
    return Score(
        evicted=Counter(message.sender for message in ledger.evicted),
        dropped=Counter(row["from_service"] for row in dropped),
        missed=tuple(sorted(evicted - accused)),
        wrong=tuple(sorted(accused - evicted)),
    )


def _counted(counts: Mapping[str, int]) -> str:
    return f"{counts.get(EXECUTION, 0):,} confirmations and {counts.get(MARKET_DATA, 0):,} ticks"
