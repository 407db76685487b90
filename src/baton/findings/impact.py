"""What it cost: the customers and the money of the journeys hit.

ownership.yaml names the attributes. Of each the earliest span of the journey that bears it is heard, and each journey
counts once in a finding, however many of its handoffs were lost. Money is added up in decimal digits, never as floats.
A hashed value is counted as it stands: equal customers have equal hashes.
"""

from __future__ import annotations

import re
from collections import defaultdict
from decimal import Context, Decimal
from typing import TYPE_CHECKING

import polars as pl

from baton.findings.said import JOURNEY, said
from baton.limits import AMOUNT_DIGITS_MAX, AMOUNT_PLACES_MAX, CURRENCY_CHARS_MAX, CURRENCY_CHARS_MIN
from baton.schema import AMOUNTS, SEGMENTS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from baton.looks import Spans

MEASURES = ("customer", "segment", "amount", "currency")
"""What `impact:` can name, and the columns of the frame `measures`."""

_AMOUNT = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_CURRENCY = re.compile(rf"[A-Za-z][A-Za-z0-9]{{{CURRENCY_CHARS_MIN - 1},{CURRENCY_CHARS_MAX - 1}}}")
# As many digits as a sum of 10^12 amounts of the largest form has: none is ever rounded.
_EXACT = Context(prec=AMOUNT_DIGITS_MAX + AMOUNT_PLACES_MAX + 12)
_CHARS_MAX = 2 * (AMOUNT_DIGITS_MAX + AMOUNT_PLACES_MAX)


def amount(text: str) -> Decimal | None:
    """The size of an amount as a span wrote it; None for what is none.

    A sign is left out: of a refund, too, so much is at risk. Thousands have no separators, for `1,234` is read in two
    ways; NaN, infinities, and what has more than AMOUNT_DIGITS_MAX digits before the point or AMOUNT_PLACES_MAX behind
    it, are no amounts.
    """
    text = text.strip()
    if len(text) > _CHARS_MAX or not _AMOUNT.fullmatch(text) or not text.isascii():
        return None
    value = abs(Decimal(text))
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int) or exponent < -AMOUNT_PLACES_MAX or value >= Decimal(10) ** AMOUNT_DIGITS_MAX:
        return None
    return value


def currency(text: str | None) -> str | None:
    """The currency as its code in capitals; None for what is no code."""
    return text.strip().upper() if text is not None and _CURRENCY.fullmatch(text.strip()) else None


def measured(hit: pl.DataFrame, spans: Spans, journeys: pl.DataFrame, measures: pl.DataFrame) -> pl.DataFrame:
    """What each journey's spans say of customer, segment, amount and currency.

    Args:
        hit: HANDOFFS rows: JOURNEY columns and `journey_type`.
        spans: SPANS and SIGHTINGS.
        journeys: `row` and `journey_id` (Binary) of all spans.
        measures: one row a declared `journey_type`, and one where it is null, for journeys without: MEASURES, the names
            of attributes, null where none is named.

    Returns:
        JOURNEY columns, and MEASURES as the spans say them (String, null where they say nothing): one row a journey.
    """
    each = hit.select(*JOURNEY, "journey_type").filter(pl.col("journey_id").is_not_null()).unique(JOURNEY)
    named = each.join(measures, on="journey_type", how="left", nulls_equal=True)
    names = {value for name in MEASURES for value in named[name].drop_nulls().unique()}
    if not names:
        return each.select(*JOURNEY, *(pl.lit(None, dtype=pl.String).alias(name) for name in MEASURES))
    heard = said(each, spans, journeys, names).unique([*JOURNEY, "key"], keep="first", maintain_order=True)
    for name in MEASURES:
        values = heard.select(*JOURNEY, pl.col("key").alias(name), pl.col("value").alias(f"_{name}"))
        named = named.join(values, on=[*JOURNEY, name], how="left")
    return named.select(*JOURNEY, *(pl.col(f"_{name}").alias(name) for name in MEASURES))


def cost(rows: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    """The cost of each finding.

    Args:
        rows: lost HANDOFFS rows.
        found: the frame of `measured`.

    Returns:
        `finding_id`, and the columns `customers`, `segments`, `amounts`, `unreadable`, `unpriced` of FINDINGS.
    """
    each = rows.select("finding_id", *JOURNEY).unique(maintain_order=True).join(found, on=JOURNEY, how="left")
    people = each.group_by("finding_id").agg(
        pl.col("customer").drop_nulls().n_unique().cast(pl.Int64).alias("customers"),
        pl.col("amount").is_null().sum().cast(pl.Int64).alias("unpriced"),
    )
    return (
        people.with_columns(pl.when(pl.col("customers") > 0).then("customers").alias("customers"))
        .join(_segments(each), on="finding_id", how="left")
        .join(_money(each.select("finding_id", "amount", "currency").iter_rows()), on="finding_id", how="left")
        .with_columns(
            pl.col("segments").fill_null(pl.lit([], dtype=SEGMENTS)),
            pl.col("amounts").fill_null(pl.lit([], dtype=AMOUNTS)),
            pl.col("unreadable").fill_null(0),
        )
    )


def _segments(each: pl.DataFrame) -> pl.DataFrame:
    return (
        each.drop_nulls("segment")
        .group_by("finding_id", "segment")
        .agg(pl.len().cast(pl.Int64).alias("journeys"))
        .sort("journeys", "segment", descending=[True, False])
        .group_by("finding_id", maintain_order=True)
        .agg(pl.struct("segment", "journeys").alias("segments"))
    )


def _money(each: Iterable[tuple[str, str | None, str | None]]) -> pl.DataFrame:
    """`finding_id`, `amounts` (the most journeys first), `unreadable`, of (finding, amount, currency) a journey."""
    sums: dict[str, dict[str | None, tuple[Decimal, int]]] = defaultdict(dict)
    unreadable: dict[str, int] = defaultdict(int)
    for finding_id, text, code in each:
        if text is None:
            continue
        value = amount(text)
        if value is None:
            unreadable[finding_id] += 1
            continue
        key = currency(code)
        total, journeys = sums[finding_id].get(key, (Decimal(0), 0))
        sums[finding_id][key] = (_EXACT.add(total, value), journeys + 1)
    made = [
        {
            "finding_id": finding_id,
            "amounts": [
                {"currency": key, "amount": f"{total:f}", "journeys": journeys}
                for key, (total, journeys) in sorted(
                    sums[finding_id].items(), key=lambda item: (-item[1][1], item[0] or "")
                )
            ],
            "unreadable": unreadable[finding_id],
        }
        for finding_id in sorted({*sums, *unreadable})
    ]
    return pl.DataFrame(made, schema={"finding_id": pl.String(), "amounts": AMOUNTS, "unreadable": pl.Int64()})
