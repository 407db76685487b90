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
from baton.schema import SUBSCRIPTION

if TYPE_CHECKING:
    from collections.abc import Collection

    from baton.findings.told import Owners


@dataclass(frozen=True)
class Losses:
    """What was lost.

    Attributes:
        named: judged rows of messages, calls and steps that were lost, with what `told.told` adds, and `at`: its place
            among all judged rows.
        rows: all judged rows of messages, `pools.OF_QUEUES` of them.
        pressures: PRESSURE.
        owners: of services, by when.
        critical: journey types that are declared critical.
    """

    named: pl.DataFrame
    rows: pl.DataFrame
    pressures: pl.DataFrame
    owners: Owners
    critical: Collection[str]

    @cached_property
    def replayed(self) -> Replayed:
        """What queue replays say."""
        services = self.rows.select(*SUBSCRIPTION, "services").filter(pl.col("subscription").is_not_null())
        return replayed(self.rows, self.pressures, services.unique(SUBSCRIPTION), self.critical)

    @cached_property
    def convicted(self) -> pl.DataFrame:
        """The lost rows, in any order, with cause and accountable team."""
        lost = crowded(self.named, self.rows, self.replayed, self.owners)
        return hold(convict(lost), self.rows)
