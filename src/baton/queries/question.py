"""What is asked, and which rows it is about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from baton.schema import HANDOFFS

if TYPE_CHECKING:
    from pathlib import Path


_TEAMS = ("from_team", "to_team", "channel_team", "accountable_team")


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked.

    Attributes:
        store: the store's folder.
        owners: the ownership files; none leaves everything unowned.
        since_ns: handoffs sent at or after.
        until_ns: handoffs sent before.
        as_of_ns: event time of the judgement; null is now.
        verdicts: only these; empty is all.
        journey_type: only this declared type.
        team: only where this team sends, receives, owns the channel or is accountable.
        tenant: only this tenant's telemetry, as if there were no other; null is every tenant's.
        contracts: the files of contracts; none declares no deadline.
    """

    store: Path
    owners: tuple[Path, ...] = ()
    since_ns: int | None = None
    until_ns: int | None = None
    as_of_ns: int | None = None
    verdicts: tuple[str, ...] = ()
    journey_type: str | None = None
    team: str | None = None
    tenant: str | None = None
    contracts: tuple[Path, ...] = ()


def asked(rows: pl.DataFrame, question: Question) -> pl.DataFrame:
    """The rows that the question is about."""
    return rows.filter(about(question))


def about(question: Question) -> pl.Expr:
    """Whether a row of HANDOFFS is one that the question is about."""
    wanted, time = pl.lit(value=True), HANDOFFS.schema["sent_at"]
    if question.since_ns is not None:
        wanted &= pl.col("sent_at") >= pl.lit(question.since_ns).cast(time)
    if question.until_ns is not None:
        wanted &= pl.col("sent_at") < pl.lit(question.until_ns).cast(time)
    if question.verdicts:
        wanted &= pl.col("verdict").is_in(question.verdicts)
    if question.journey_type is not None:
        wanted &= pl.col("journey_type") == question.journey_type
    if question.team is not None:
        wanted &= pl.any_horizontal(pl.col(team) == question.team for team in _TEAMS).fill_null(value=False)
    return wanted


def owned_at_ns(question: Question, as_of_ns: int) -> int:
    """When ownership is asked for: at the last moment of the window, else of the judgement."""
    return as_of_ns if question.until_ns is None else min(question.until_ns - 1, as_of_ns)
