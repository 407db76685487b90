"""Owners of names for tests of findings: dictionaries in the place of an ownership file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class NamedOwners:
    """`findings.told.Owners`: name -> team, whenever; unowned names are left out."""

    services: Mapping[str, str] = field(default_factory=dict)
    channels: Mapping[str, str] = field(default_factory=dict)
    queues: Mapping[str, str] = field(default_factory=dict)

    def of_services(self, named: pl.DataFrame) -> pl.Series:
        """By name alone; the places of a row have to be there."""
        return _owned(named.select("tenant", "environment", "name", "at_ns"), self.services)

    def of_channels(self, named: pl.DataFrame) -> pl.Series:
        """By name."""
        return _owned(named.select("name", "at_ns"), self.channels)

    def of_queues(self, named: pl.DataFrame) -> pl.Series:
        """By name."""
        return _owned(named.select("name", "at_ns"), self.queues)


def _owned(named: pl.DataFrame, owners: Mapping[str, str]) -> pl.Series:
    return (
        named["name"].cast(pl.String).replace_strict(dict(owners) or {"": None}, default=None, return_dtype=pl.String)
    )
