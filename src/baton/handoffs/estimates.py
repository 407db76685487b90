"""Estimates: where sampling makes it impossible to name a lost message, how many may be lost of all, with an interval.

- A service *declared* as sampled by tail: which traces were kept depends on what happened in them, so no single loss
  is told from a trace that was not kept, and the share of kept messages without a receipt bounds nothing but itself.
- A receiver with a consistent threshold: of the messages whose randomness it keeps, those without a receipt.
"""

from __future__ import annotations

import polars as pl

from baton.limits import ESTIMATE_Z
from baton.schema import SUBSCRIPTION

BOUNDARY = [*SUBSCRIPTION, "service"]


def estimated(rows: pl.DataFrame, tails: pl.DataFrame, as_of_ns: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Adds what is known of boundaries that sampling touches.

    Args:
        rows: the frame of `telemetry.vouch`.
        tails: `environment`, `service`: those that are sampled by tail.
        as_of_ns: event time of the judgement.

    Returns:
        The rows with `tail` (Boolean), `tail_services`, `estimate_sends`, `estimate_missing` (UInt32), `estimate_low`,
        `estimate_high` (Float64), null where sampling touches nothing; and the estimates alone: BOUNDARY columns,
        `sends`, `missing` (UInt32), `low`, `high` (Float64: the share that may be lost, at 95 %).
    """
    if tails.is_empty() and (rows["threshold"].max() or 0) == 0:
        return rows.with_columns(_blank()), _estimates(rows.head(0))
    rows = rows.join(touched(rows, BOUNDARY, tails), on=BOUNDARY, how="left", nulls_equal=True).with_columns(
        pl.col("tail_services").is_not_null().alias("tail")
    )
    due = (pl.col("relation") == "expected") & (pl.col("deadline_at_ns") <= as_of_ns)
    kept = pl.col("randomness") >= pl.col("threshold")
    found = _estimates(rows.filter((pl.col("tail") | (pl.col("threshold") > 0)) & due & kept))
    told = found.rename({name: f"estimate_{name}" for name in ("sends", "missing", "low", "high")})
    return rows.join(told, on=BOUNDARY, how="left", nulls_equal=True), found


def touched(rows: pl.DataFrame, key: list[str], tails: pl.DataFrame) -> pl.DataFrame:
    """The keys of which a side is sampled by tail, with those services (`tail_services`, List(String)).

    Args:
        rows: the key columns, `environment`, `service` (the sender), `services` (who takes it).
        key: what names a boundary, or a call.
        tails: as of `estimated`.
    """
    sides = rows.unique(key).select(
        *key,
        pl.col("environment").alias("_environment"),
        pl.concat_list("service", pl.col("services").fill_null([])).alias("tail_services"),
    )
    return (
        sides.explode("tail_services")
        .join(tails, left_on=["_environment", "tail_services"], right_on=["environment", "service"], how="semi")
        .group_by(key)
        .agg(pl.col("tail_services").unique().sort())
    )


def _estimates(rows: pl.DataFrame) -> pl.DataFrame:
    counted = rows.group_by(BOUNDARY).agg(
        pl.len().alias("sends"), pl.col("first_ns").is_null().sum().cast(pl.UInt32).alias("missing")
    )
    return counted.with_columns(*_wilson(pl.col("missing"), pl.col("sends"))).sort(BOUNDARY)


def _wilson(hits: pl.Expr, trials: pl.Expr) -> tuple[pl.Expr, pl.Expr]:
    """Wilson's interval of a share: sound for few trials, and for shares near 0 and 1."""
    share, square = hits / trials, ESTIMATE_Z**2
    middle = share + square / (2 * trials)
    reach = ESTIMATE_Z * (share * (1 - share) / trials + square / (4 * trials**2)).sqrt()
    whole = 1 + square / trials
    return ((middle - reach) / whole).clip(0, 1).alias("low"), ((middle + reach) / whole).clip(0, 1).alias("high")


def _blank() -> list[pl.Expr]:
    numbers = {"estimate_sends": pl.UInt32, "estimate_missing": pl.UInt32}
    shares = dict.fromkeys(("estimate_low", "estimate_high"), pl.Float64)
    return [
        pl.lit(value=False).alias("tail"),
        pl.lit(None, dtype=pl.List(pl.String)).alias("tail_services"),
        *(pl.lit(None, dtype=dtype).alias(name) for name, dtype in {**numbers, **shares}.items()),
    ]
