"""What became of one clause, in the words of schema.CONTRACTS."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

import polars as pl

from baton.limits import BREACH_EXEMPLARS_MAX, UNSEEN_SHARE_MAX
from baton.schema import SEVERAL, UNOWNED

if TYPE_CHECKING:
    from collections.abc import Callable


SIDES = {"sender": "from_team", "receiver": "to_team", "queue": "channel_team"}
"""Who may answer for a clause, and the column of TRAFFIC that says which team that is."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known beside the handoffs.

    Attributes:
        facts: FACTS as they held when it was judged.
        flows: FLOWS.
        as_of_ns: event time of the judgement.
    """

    facts: pl.DataFrame
    flows: pl.DataFrame
    as_of_ns: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """One clause, judged.

    Attributes:
        verdict: holds, breached or unproven.
        reason: why, a sentence without its full stop.
        side: who answers for it: one of SIDES.
        judged: how many handoffs, queues or failed sends it was held against.
        breaches: how many of them break it.
        unseen: how many handoffs were left out.
        measured: the figure that stands beside the promise.
        breaking: the handoffs that break it: rows of TRAFFIC.
        teams: who is accountable by each of them (TRAFFIC's column); null is by `side`.
    """

    verdict: Literal["holds", "breached", "unproven"]
    reason: str
    side: str
    judged: int = 0
    breaches: int = 0
    unseen: int = 0
    measured: str | None = None
    breaking: pl.DataFrame = field(default_factory=pl.DataFrame)
    teams: str | None = None


def open_ended(rows: pl.DataFrame) -> int:
    """Of how many nobody knows yet, or could see, what became of them."""
    return rows.filter(pl.col("verdict").is_in(["pending", "stuck", "unobserved"])).height


def reserved(outcome: Outcome, rows: pl.DataFrame) -> Outcome:
    """The same, but that nothing is said to hold where too much is unseen or a receiver was never seen."""
    if outcome.verdict != "holds":
        return outcome
    if outcome.unseen > UNSEEN_SHARE_MAX * rows.height:
        reason = f"{outcome.reason}, but of {rows.height:,} nobody could see what became of {outcome.unseen:,}"
        return replace(outcome, verdict="unproven", reason=reason)
    return outcome


def exemplars(outcome: Outcome, trace_ids: Callable[[pl.Series], pl.Series]) -> list[str]:
    """Trace ids of the breaches, the earliest first."""
    if outcome.breaking.is_empty():
        return []
    first = outcome.breaking.sort("sent_ns", "send").unique("send", keep="first", maintain_order=True)
    ids = trace_ids(first["send"].head(BREACH_EXEMPLARS_MAX * 4))
    return ids.unique(maintain_order=True).head(BREACH_EXEMPLARS_MAX).to_list()


def accountable(outcome: Outcome, rows: pl.DataFrame) -> tuple[str, str]:
    """Who answers for the clause, and why."""
    if outcome.teams is not None and outcome.breaking.height:
        held = _most(outcome.breaking[outcome.teams])
        if held is not None:
            team, count = held
            return team, f"most of these can be prevented by them best ({count:,} of {outcome.breaking.height:,})"
    whose = {"sender": "they send it", "receiver": "they receive it", "queue": "they own the queue or channel"}
    found = _most((outcome.breaking if outcome.breaking.height else rows)[SIDES[outcome.side]])
    if found is not None:
        return found[0], whose[outcome.side]
    # A queue that nobody owns is its sender's choice as long as nobody takes it on.
    return UNOWNED, f"nobody owns the {outcome.side}"


def _most(teams: pl.Series) -> tuple[str, int] | None:
    """The most frequent team that is one, and how often; null where there is none."""
    known = teams.drop_nulls()
    owned = known.filter((known != UNOWNED) & ~known.str.contains(SEVERAL, literal=True))
    if owned.is_empty():
        return None
    counts = owned.value_counts().sort("count", owned.name, descending=[True, False])
    return str(counts[owned.name][0]), int(counts["count"][0])
