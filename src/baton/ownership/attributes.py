"""Ownership by attributes: the team of each span whose attributes a rule names.

Decoding moves an attribute that fills a column out of the lists (`schema.Column.aliases`), so a rule on such an
attribute looks into that column; deprecated and current names of it are one.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import polars as pl

from baton.schema import RESOURCE_ALIASES, SPANS, UNOWNED

if TYPE_CHECKING:
    from baton.ownership.rules import Rules

_LISTS = ("attributes", "resource", "keys")
_COLUMN_OF = {
    **{alias: column for alias, (column, _) in SPANS.aliases().items()},
    **{alias: column for column, aliases in RESOURCE_ALIASES.items() for alias in aliases},
}


def team_by_attribute(rules: Rules) -> pl.Expr:
    """The team that attribute rules give to each span.

    Returns:
        an expression over the columns of `schema.SPANS`, String: null where no attribute rule matches, UNOWNED where
        the most specific ones name different teams.
    """
    columns = sorted({*_LISTS, *(_COLUMN_OF[key] for key in rules.attribute_keys if key in _COLUMN_OF)})
    return pl.struct(columns).map_batches(partial(_teams, rules), return_dtype=pl.String(), is_elementwise=True)


def _teams(rules: Rules, spans: pl.Series) -> pl.Series:
    """The rows' teams: Python sees each distinct (key, value) once, the rest is joins."""
    rows = spans.struct.unnest().with_row_index("row")
    said = _said(rows, sorted(rules.attribute_keys))
    decided = (
        said.join(_claims(said.select("key", "value").unique(), rules), on=["key", "value"])
        .filter(pl.col("rank") == pl.col("rank").max().over("row"))
        .group_by("row")
        .agg(pl.col("team").unique())
        .select(
            "row",
            team=pl.when(pl.col("team").list.len() == 1).then(pl.col("team").list.first()).otherwise(pl.lit(UNOWNED)),
        )
    )
    return rows.select("row").join(decided, on="row", how="left", maintain_order="left")["team"]


def _said(rows: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """What the spans say of these attributes: row, key, value; from the lists, and from the columns they filled."""
    listed = [
        rows.select("row", item=name)
        .explode("item", empty_as_null=False, keep_nulls=False)
        .select("row", key=pl.col("item").struct.field("key"), value=pl.col("item").struct.field("value"))
        .filter(pl.col("key").is_in(keys))
        for name in _LISTS
    ]
    filled = [
        rows.select("row", key=pl.lit(key), value=pl.col(_COLUMN_OF[key]).cast(pl.String))
        for key in keys
        if key in _COLUMN_OF
    ]
    return pl.concat([*listed, *filled]).drop_nulls("value")


def _claims(pairs: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    """The deciding rules of each (key, value): key, value, rank, team; several rows for a gray area."""
    claims = [
        # The rank's last place, the value's pattern, is the only one in which two attribute rules differ.
        (key, value, rule.rank[-1], rule.claimant)
        for key, value in pairs.iter_rows()
        for rule in rules.explain(("attribute", key, value)).deciding
    ]
    schema = {"key": pl.String, "value": pl.String, "rank": pl.Int64, "team": pl.String}
    return pl.DataFrame(claims, schema=schema, orient="row")
