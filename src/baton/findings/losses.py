"""Losses: what was lost, and why. It is told when somebody asks: replays cost more than many a judgement."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import polars as pl

from baton.findings.accountable import hold
from baton.findings.causes import convict
from baton.findings.crowded import crowded
from baton.findings.replayed import Replayed, replayed
from baton.findings.rows import unexplained
from baton.schema import SUBSCRIPTION

if TYPE_CHECKING:
    from collections.abc import Collection


@dataclass(frozen=True)
class Losses:
    """What was lost.

    Attributes:
        named: judged rows of messages, calls and steps that were lost, with what `told.told` adds.
        rows: all judged rows of messages.
        pressures: PRESSURE.
        teams: service -> team.
        critical: journey types that are declared critical.
    """

    named: pl.DataFrame
    rows: pl.DataFrame
    pressures: pl.DataFrame
    teams: dict[str, str]
    critical: Collection[str]

    @cached_property
    def replayed(self) -> Replayed:
        """What queue replays say."""
        services = self.rows.select(*SUBSCRIPTION, "services").filter(pl.col("subscription").is_not_null())
        return replayed(self.rows, self.pressures, services.unique(SUBSCRIPTION), self.critical)

    @cached_property
    def convicted(self) -> pl.DataFrame:
        """The lost rows with cause and accountable team: of OF_ROWS and OF_LOST, and what `told.told` adds."""
        lost = self.named
        if not lost.is_empty():
            lost = hold(convict(crowded(lost, self.rows, self.replayed, self.teams)), self.rows)
        return unexplained(lost)
