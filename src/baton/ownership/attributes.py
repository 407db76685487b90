"""Ownership by attributes: the team of each span whose attributes a rule names.

Decoding moves an attribute that fills a column out of the lists (`schema.Column.aliases`), so a rule on such an
attribute looks into that column; deprecated and current names of it are one. Columns are mostly the look's, and
resource attributes a process's own, see `told_by.resources`: only what a span alone says is read span by span, and of
that only the keys that some rule names.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from baton.looks import LOOK
from baton.ownership.periods import PERIOD, within
from baton.schema import GROUPING_KEYS, JOURNEY_KEYS, RESOURCE_ALIASES, SPANS, UNOWNED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from baton.looks import Spans
    from baton.ownership.rules import Rules

CLAIM = "claim"
"""Column of looks, where some rule looks at attributes: the team that these give, UNOWNED in a gray area, else null."""

_FILLED = {alias: column for alias, (column, _) in SPANS.aliases().items()}
_COLUMN_OF = _FILLED | {alias: column for column, aliases in RESOURCE_ALIASES.items() for alias in aliases}
_KEPT_APART = {*JOURNEY_KEYS, *GROUPING_KEYS}
_FACT = ["key", "value", PERIOD]
_DATELESS = pl.lit(0, dtype=pl.Int64).alias(PERIOD)


def claimed(spans: Spans, rules: Rules, resources: pl.DataFrame) -> Spans:
    """Looks gain CLAIM; where a span's own attributes decide, its look becomes that of those who say the same.

    Args:
        spans: repaired; looks with PERIOD where the rules have dates.
        rules: some of which look at attributes.
        resources: the frame of `told_by.resources`.
    """
    own, shared = _of_rows(spans, rules), _of_looks(spans, rules, resources)
    table, kinds = _claims(pl.concat([own.select(_FACT), shared.select(_FACT)]).unique(), rules)
    numbers = _numbered(own.join(table, on=_FACT).select(pl.col("row").alias("at"), "claim"), kinds, spans.height)
    split = spans.telling(pl.int_range(pl.len(), dtype=pl.UInt32).alias("_look")).split(CLAIM, numbers)
    looks = split.looks.with_row_index("at")
    alike = shared.join(table, on=_FACT).select(pl.col("look").alias("_look"), "claim")
    said = pl.concat(
        [
            looks.filter(pl.col(CLAIM) > 0).select("at", pl.col(CLAIM).cast(pl.UInt32).alias("claim")),
            looks.select("at", "_look").join(alike, on="_look").select("at", "claim"),
        ]
    )
    teams = _decided(said, kinds).join(kinds, on="claim").select("at", pl.col("team").alias(CLAIM))
    told = looks.drop(CLAIM, "_look").join(teams, on="at", how="left", maintain_order="left").drop("at")
    return replace(split, looks=told)


def _of_rows(spans: Spans, rules: Rules) -> pl.DataFrame:
    """What spans say on their own: `row`, and _FACT."""

    def said() -> Iterator[pl.DataFrame]:
        yield pl.DataFrame(schema={"row": pl.UInt32, "key": pl.String, "value": pl.String})
        listed = rules.attribute_keys - _FILLED.keys()
        for name, keys in (("keys", listed & _KEPT_APART), ("attributes", listed - _KEPT_APART)):
            if keys:
                yield spans.bearing(name, keys)
        for key in sorted(rules.attribute_keys & _FILLED.keys()):
            if _FILLED[key] not in LOOK:
                yield spans.rows.select("row", pl.lit(key).alias("key"), pl.col(_FILLED[key]).alias("value"))

    facts = pl.concat(said()).drop_nulls("value")
    if not rules.cuts:
        return facts.with_columns(_DATELESS)
    return facts.with_columns(spans.each(PERIOD).gather(facts["row"]).alias(PERIOD))


def _of_looks(spans: Spans, rules: Rules, resources: pl.DataFrame) -> pl.DataFrame:
    """What looks, and the processes that they are of, say: `look`, and _FACT."""
    looks = spans.looks.with_row_index("look").with_columns(() if rules.cuts else _DATELESS)
    filled = [
        looks.select("look", pl.lit(key).alias("key"), pl.col(_COLUMN_OF[key]).cast(pl.String).alias("value"), PERIOD)
        for key in sorted(rules.attribute_keys & _COLUMN_OF.keys())
        if _COLUMN_OF[key] in LOOK
    ]
    named = resources.filter(pl.col("key").is_in(list(rules.attribute_keys))).join(looks, on="look")
    return pl.concat([named.select("look", *_FACT), *filled]).drop_nulls("value")


def _claims(facts: pl.DataFrame, rules: Rules) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What rules make of each fact.

    Returns:
        _FACT and `claim` (UInt32), of those that some rule matches; and each `claim`, `rank` (UInt32) and `team`, the
        higher rank later, of each rank the gray area last.
    """
    decisions = [
        ((key, value, period), decision.matched[0].rank, decision.owner)
        for key, value, period in facts.iter_rows()
        if (decision := rules.explain(("attribute", key, value), at_ns=within(period, rules.cuts))).matched
    ]
    ranks = {rank: number for number, rank in enumerate(sorted({rank for _, rank, _ in decisions}))}
    told = {(ranks[rank], team) for _, rank, team in decisions} | {(rank, UNOWNED) for rank in ranks.values()}
    claims = {
        claim: number
        for number, claim in enumerate(sorted(told, key=lambda claim: (claim[0], claim[1] == UNOWNED, claim[1])), 1)
    }
    table = [(*fact, claims[ranks[rank], team]) for fact, rank, team in decisions]
    kinds = [(number, *claim) for claim, number in claims.items()]
    return (
        pl.DataFrame(table, schema={**facts.schema, "claim": pl.UInt32}, orient="row"),
        pl.DataFrame(kinds, schema={"claim": pl.UInt32, "rank": pl.UInt32, "team": pl.String}, orient="row"),
    )


def _numbered(said: pl.DataFrame, kinds: pl.DataFrame, height: int) -> NDArray[np.int64]:
    """The claim that decides at each row, 0 where there is none."""
    numbers, turns = np.zeros(height, dtype=np.int64), np.zeros(height, dtype=np.int64)
    rows, turn = said["at"].to_numpy(), np.arange(len(said))
    numbers[rows], turns[rows] = said["claim"].to_numpy(), turn
    # Of most spans one claim is all there is: only the rest are grouped.
    several = said.filter(pl.col("at").is_in(pl.Series(np.unique(rows[turns[rows] != turn])).implode()))
    best = _decided(several, kinds)
    numbers[best["at"].to_numpy()] = best["claim"].to_numpy()
    return numbers


def _decided(said: pl.DataFrame, kinds: pl.DataFrame) -> pl.DataFrame:
    """Of the claims on each thing (`at`) the one that decides: of those of the highest rank the only one, or gray."""
    best = said.group_by("at").agg(pl.col("claim").max(), pl.len().alias("claims"))
    several = best.filter(pl.col("claims") > 1).select("at")
    if several.is_empty():
        return best.drop("claims")
    ranked = said.join(several, on="at", how="semi").join(kinds, on="claim")
    grays = kinds.group_by("rank").agg(pl.col("claim").max().alias("gray"))
    disputed = pl.col("claim").n_unique() > 1
    chosen = (
        ranked.filter(pl.col("rank") == pl.col("rank").max().over("at"))
        .join(grays, on="rank")
        .group_by("at")
        .agg(pl.when(disputed).then(pl.col("gray").first()).otherwise(pl.col("claim").first()).alias("claim"))
    )
    return pl.concat([best.filter(pl.col("claims") == 1).drop("claims"), chosen])
