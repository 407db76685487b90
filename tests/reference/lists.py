"""Flat column lists that become nested Polars columns: millions of dicts are never built.

Every entry bears the number of its owner (a span, an event, a resource); owners arrive in ascending order.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl


@dataclass(slots=True)
class AttributeList:
    """The attributes of many owners, one entry an attribute."""

    owner: list[int] = field(default_factory=list)
    key: list[str] = field(default_factory=list)
    value: list[str] = field(default_factory=list)
    type: list[int] = field(default_factory=list)

    def add(self, owner: int, attribute: tuple[str, str, int]) -> None:
        """Appends one attribute (key, text, AnyValue field number); `owner` is not less than that of the last one."""
        self.owner.append(owner)
        self.key.append(attribute[0])
        self.value.append(attribute[1])
        self.type.append(attribute[2])

    def series(self, owners: int) -> pl.Series:
        """One list of attributes for each of `owners` owners (dtype ATTRIBUTES), empty where there is none."""
        entries = {"key": self.key, "value": self.value, "type": self.type}
        return nested(self.owner, pl.DataFrame(entries, schema=_FIELDS), owners)


_FIELDS = {"key": pl.String(), "value": pl.String(), "type": pl.Int8()}


def nested(owner: list[int], entries: pl.DataFrame, owners: int) -> pl.Series:
    """The rows of `entries` as structs in one list for each of `owners` owners, in order; never null.

    `owner` names the owner of each row.
    """
    if entries.is_empty():
        return pl.repeat([], owners, dtype=pl.List(pl.Struct(entries.schema)), eager=True)
    lists = (
        pl.DataFrame({"owner": pl.Series(owner, dtype=pl.UInt32), "entry": entries.to_struct()})
        .group_by("owner", maintain_order=True)
        .agg("entry")
    )
    everyone = pl.DataFrame({"owner": pl.int_range(owners, dtype=pl.UInt32, eager=True)})
    return everyone.join(lists, on="owner", how="left", maintain_order="left")["entry"].fill_null([])
