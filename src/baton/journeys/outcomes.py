"""How a step came out: the attribute of its entry span that tells stopping from going on.

A declined deposit stops as well, and rightly. Which attribute says so is not declared anywhere: it is learned, from
those that are named like an outcome.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from baton.bursts import Calm, calm
from baton.limits import (
    EPISODE_CHANCE,
    OUTCOME_G_MIN,
    OUTCOMES_MAX,
    STEP_EPISODES_MAX,
    STEP_JOURNEYS_MIN,
    STEP_STOPS_SHARE_MAX,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from baton.looks import Spans

HTTP_STATUS = "http.response.status_code"
_NAMED = r"(?i)(^|[._-])(outcome|status|result|decision|state|verdict|(status|response|result|reason)[._-]?code)$"


def outcomes(spans: Spans, rows: pl.DataFrame) -> pl.DataFrame:
    """Every attribute that is named like an outcome.

    Args:
        spans: SPANS.
        rows: `send` (row of a span), unique.

    Returns:
        `send`, `key`, `value` (String).
    """
    held = spans.held("attributes", rows["send"]).filter(pl.col("key").str.contains(_NAMED))
    answered = spans[rows["send"]].filter(pl.col("http_status").is_not_null())
    said = [
        held.select(pl.col("row").alias("send"), "key", "value"),
        answered.select(
            pl.col("row").alias("send"),
            pl.lit(HTTP_STATUS).alias("key"),
            pl.col("http_status").cast(pl.String).alias("value"),
        ),
    ]
    return pl.concat(said).unique(["send", "key"], keep="first", maintain_order=True)


def telling(passed: pl.DataFrame, said: pl.DataFrame) -> str | None:
    """The attribute whose values part best those that stopped from those that went on; None where none does.

    After some of its values journeys nearly always go on, outside of bursts, and after others not.

    Args:
        passed: `send`, `went` (Boolean), in the order of time.
        said: the frame of `outcomes`.
    """
    best, best_g = None, OUTCOME_G_MIN
    for key in said["key"].unique().sort():
        valued = valued_by(passed, said, key)
        if valued["outcome"].n_unique() > OUTCOMES_MAX:
            continue
        parts = [goes_on(part["went"].to_numpy()) is not None for _, part in valued.group_by(["outcome"])]
        counts = (
            valued.filter(_usual(passed["went"].to_numpy()))
            .group_by("outcome")
            .agg(pl.col("went").sum(), pl.col("went").not_().sum().alias("stopped"))
        )
        gain = _likelihood_ratio(counts.select("went", "stopped").to_numpy()) - 2 * counts.height
        if any(parts) and not all(parts) and gain > best_g:
            best, best_g = key, gain
    return best


def _usual(went: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """What lies outside of bursts: in an episode all outcomes stop."""
    found = calm(~went, STEP_JOURNEYS_MIN, EPISODE_CHANCE)
    outside = np.ones(len(went), dtype=np.bool_)
    for burst in found.bursts if found else ():
        outside[burst.start : burst.end] = False
    return outside


def valued_by(passed: pl.DataFrame, said: pl.DataFrame, key: str | None) -> pl.DataFrame:
    """Adds `outcome`: the value of that attribute, empty where the span bears none; null without an attribute."""
    if key is None:
        return passed.with_columns(pl.lit(None, dtype=pl.String).alias("outcome"))
    values = said.filter(pl.col("key") == key).select("send", pl.col("value").alias("outcome"))
    return passed.join(values, on="send", how="left", maintain_order="left").with_columns(
        pl.col("outcome").fill_null("")
    )


def goes_on(went: NDArray[np.bool_]) -> Calm | None:
    """How seldom journeys usually stop here; None unless they nearly always go on, and stop in few bursts if any."""
    found = calm(~went, STEP_JOURNEYS_MIN, EPISODE_CHANCE)
    if found is None or found.yes > STEP_STOPS_SHARE_MAX * found.of or len(found.bursts) > STEP_EPISODES_MAX:
        return None
    return found


def _likelihood_ratio(counts: NDArray[np.int64]) -> float:
    """G of the table of values by (went on, stopped): chi-squared where they have nothing to do with each other."""
    usual = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0, keepdims=True) / counts.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(counts > 0, counts * np.log(counts / usual), 0.0)
    return float(2 * terms.sum())
