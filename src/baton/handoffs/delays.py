"""Messages that their sender asked the broker to hold back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from baton.looks import Spans

_MS_NS = 1_000_000
_S_NS = 1_000 * _MS_NS
_LEVELS_S = (1, 5, 10, 30, 60, 120, 180, 240, 300, 360, 420, 480, 540, 600, 1200, 1800, 3600, 7200)
"""RocketMQ's delay levels, from 1 (its broker's default messageDelayLevel)."""

_UNTIL_MS = "messaging.rocketmq.message.delivery_timestamp"
_LEVEL = "messaging.rocketmq.message.delay_time_level"
_DELAY_MS = ("messaging.header.x_delay", "messaging.header.x-delay")
"""The header of RabbitMQ's delayed-message exchange, as agents capture headers: a list of texts."""


def delays(sends: pl.Series, spans: Spans) -> pl.DataFrame:
    """Until when each of these messages was to be held back.

    Args:
        sends: rows of sends.
        spans: SPANS and SIGHTINGS.

    Returns:
        `send`, `held_until_ns` (Int64, sender's clock), of those that say it.
    """
    key, number = pl.col("key"), pl.col("value").str.extract(r"(\d{1,15})").cast(pl.Int64)
    level_ns = {level: seconds * _S_NS for level, seconds in enumerate(_LEVELS_S, start=1)}
    until_ns = (
        pl.when(key == _UNTIL_MS)
        .then(number * _MS_NS)
        .when(key == _LEVEL)
        .then(pl.col("start_ns") + number.replace_strict(level_ns, default=None, return_dtype=pl.Int64))
        .when(key.is_in(_DELAY_MS))
        .then(pl.col("start_ns") + number * _MS_NS)
    )
    said = spans.held("attributes", sends).filter(key.is_in([_UNTIL_MS, _LEVEL, *_DELAY_MS]))
    return (
        said.lazy()
        .with_columns(pl.col("row").alias("send"), spans.rows["start_ns"].gather(said["row"]))
        .group_by("send")
        .agg(until_ns.max().alias("held_until_ns"))
        .filter(pl.col("held_until_ns").is_not_null())
        .collect()
    )
