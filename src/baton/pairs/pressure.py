"""Pressure: how full a queue stood when it lost messages, told from the messages that came through.

For each message received while others were being lost: how many were sent between its send and its receipt. Before
a full queue that evicts its head, or refuses at its tail, this *depth* is the queue's limit less one, time and again;
under a TTL the *wait* is constant instead. Measured on a real RabbitMQ with a limit of 50: median 49, quartiles 49 and
49, while waits spread over 2 %; with a TTL of 300 ms: waits within 0.9 %, depths within 1.6 %.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from baton.limits import QUEUE_DEPTH_MIN, QUEUE_SPREAD_MAX, QUEUE_WAIT_RATIO_MIN
from baton.schema import SUBSCRIPTION

QUEUE = [*SUBSCRIPTION, "scope"]


def pressure(expected: pl.DataFrame) -> pl.DataFrame:
    """What the survivors of each lossy subscription went through.

    Spans do not say which channels share a queue, so two readings are offered: `own`, the subscription alone, and
    `pool`, all channels that the same services receive from.

    Args:
        expected: one row an expected (subscription, send): SUBSCRIPTION columns, `services` (List(String)), `send`,
            `sent_ns`, `failed` (Boolean: it never entered the queue), `first_ns` (receipt, null without one).

    Returns:
        PRESSURE: two rows a subscription that lost something, sorted.
    """
    key = ["tenant", "environment", "pool"]
    lacking = pl.col("first_ns").is_null()
    narrow = expected.select(*SUBSCRIPTION, "services", "send", "sent_ns", "failed", "first_ns")
    pools = narrow.lazy().select(*key[:2], "services", lacking.alias("lacking")).filter("lacking").unique().collect()
    # A list costs more to join than a name: of most messages none has to be made.
    pooled = narrow.join(pools.drop("lacking"), on=[*key[:2], "services"], how="semi", nulls_equal=True).with_columns(
        pl.col("services").list.join(" | ").alias("pool")
    )
    lossy = pooled.filter(lacking).select(SUBSCRIPTION).unique()
    own = _depths(pooled.join(lossy, on=SUBSCRIPTION, how="semi", nulls_equal=True), SUBSCRIPTION)
    pool = _depths(pooled, key)
    return pl.concat([_survivors(own, "own"), _survivors(pool, "pool")]).sort(QUEUE)


def pressed(pressure: pl.DataFrame) -> pl.DataFrame:
    """Whether the survivors stood in a queue: several messages deep, and evenly so or much longer than in calm.

    Args:
        pressure: PRESSURE.

    Returns:
        SUBSCRIPTION columns and `pressed` (Boolean), one row a lossy subscription.
    """
    even = pl.any_horizontal(
        pl.col("depth_iqr") <= QUEUE_SPREAD_MAX * pl.col("depth"),
        pl.col("wait_iqr_ns") <= QUEUE_SPREAD_MAX * pl.col("wait_ns"),
    )
    longer = (pl.col("wait_ns") >= QUEUE_WAIT_RATIO_MIN * pl.col("calm_wait_ns")).fill_null(value=False)
    stood = (pl.col("depth") >= QUEUE_DEPTH_MIN) & (even | longer)
    return pressure.group_by(SUBSCRIPTION, maintain_order=True).agg(stood.any().fill_null(value=False).alias("pressed"))


def _depths(expected: pl.DataFrame, key: list[str]) -> pl.DataFrame:
    """Adds `depth`: messages of the same key sent after this one and before its receipt."""
    numbered = expected.with_columns(pl.struct(key).rank("dense").alias("_key"))
    accepted = numbered.filter(~pl.col("failed") | pl.col("first_ns").is_not_null())
    sends = accepted.select("_key", "sent_ns", "send").unique(["_key", "send"]).sort("_key", "sent_ns")
    sent = _ordered(sends["_key"], sends["sent_ns"])
    after = np.searchsorted(sent, _ordered(numbered["_key"], numbered["first_ns"].fill_null(0)), side="left")
    before = np.searchsorted(sent, _ordered(numbered["_key"], numbered["sent_ns"]), side="right")
    depth = pl.Series("depth", np.maximum(after - before, 0), dtype=pl.Int64)
    return numbered.with_columns(pl.when(pl.col("first_ns").is_not_null()).then(depth).alias("depth"))


def _ordered(key: pl.Series, time_ns: pl.Series) -> np.ndarray[tuple[int], np.dtype[np.complex128]]:
    """Key and time as one sortable number: NumPy orders complex numbers by their real part first.

    A Float64 holds nanoseconds of our century to 256 ns, which is finer than any two messages are told apart by.
    """
    out = np.empty(len(key), dtype=np.complex128)
    out.real, out.imag = key.to_numpy(), time_ns.to_numpy()
    return out


def _survivors(depths: pl.DataFrame, scope: str) -> pl.DataFrame:
    lost = pl.col("sent_ns").filter(pl.col("first_ns").is_null())
    amid = pl.col("sent_ns").is_between(pl.col("from_ns"), pl.col("until_ns")) & pl.col("first_ns").is_not_null()
    calm = ~pl.col("sent_ns").is_between(pl.col("from_ns"), pl.col("until_ns"))
    wait = (pl.col("first_ns") - pl.col("sent_ns")).cast(pl.Float64)
    depth = pl.col("depth").cast(pl.Float64)
    return (
        depths.lazy()
        .with_columns(lost.min().over(SUBSCRIPTION).alias("from_ns"), lost.max().over(SUBSCRIPTION).alias("until_ns"))
        .filter(pl.col("from_ns").is_not_null())
        .group_by(SUBSCRIPTION)
        .agg(
            pl.lit(scope).alias("scope"),
            amid.sum().alias("survivors"),
            depth.filter(amid).median().alias("depth"),
            _iqr(depth.filter(amid)).alias("depth_iqr"),
            wait.filter(amid).median().alias("wait_ns"),
            _iqr(wait.filter(amid)).alias("wait_iqr_ns"),
            wait.filter(calm).median().alias("calm_wait_ns"),
        )
        .collect()
    )


def _iqr(values: pl.Expr) -> pl.Expr:
    return values.quantile(0.75, "linear") - values.quantile(0.25, "linear")
