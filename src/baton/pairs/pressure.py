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
_TOLD = ("survivors", "depth", "depth_iqr", "wait_ns", "wait_iqr_ns", "calm_wait_ns")
_ROUNDING_NS = 1_000
"""More than a time loses as a Float64, see `_ordered`."""


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
    pool = ["tenant", "environment", "services"]
    narrow = expected.select(*SUBSCRIPTION, "services", "send", "sent_ns", "failed", "first_ns")
    lost = narrow.filter(pl.col("first_ns").is_null())
    pools = lost.select(pool).unique().with_row_index("pool")
    lossy = (
        lost.group_by(SUBSCRIPTION)
        .agg(pl.col("sent_ns").min().alias("from_ns"), pl.col("sent_ns").max().alias("until_ns"))
        .with_row_index("own")
    )
    # A list costs more to join than a name: of most messages none has to be looked at.
    first = pl.col("services").list.first()
    pooled = narrow.filter(first.is_in(pools.select(first).to_series().implode(), nulls_equal=True))
    pooled = pooled.join(pools, on=pool, how="inner", nulls_equal=True).drop("services")
    owned = pooled.join(lossy, on=SUBSCRIPTION, nulls_equal=True).drop(SUBSCRIPTION).with_columns(_amid().alias("amid"))
    amid = owned.filter("amid")
    depths = amid.select("own", _depths(amid, owned, "own"), _depths(amid, pooled, "pool"))
    told = lossy.join(_waits(owned), on="own")
    scopes = [
        told.join(_survivors(depths, scope), on="own", how="left").select(
            *SUBSCRIPTION, pl.lit(scope).alias("scope"), *_TOLD
        )
        for scope in ("own", "pool")
    ]
    return pl.concat(scopes).sort(QUEUE)


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


def _amid() -> pl.Expr:
    """Whether it came through between the first and the last loss of its subscription."""
    return pl.col("sent_ns").is_between("from_ns", "until_ns") & pl.col("first_ns").is_not_null()


def _depths(amid: pl.DataFrame, expected: pl.DataFrame, key: str) -> pl.Series:
    """Of each survivor, how many messages of the same key were sent after it and before its receipt (Int64)."""
    # What was sent before all of them, or after their last receipt, stands on neither side of any.
    since, until = amid["sent_ns"].min(), amid["first_ns"].max()
    accepted = expected.filter(~pl.col("failed") | pl.col("first_ns").is_not_null())
    near = accepted.filter(
        (pl.col("sent_ns") >= pl.lit(since) - _ROUNDING_NS) & (pl.col("sent_ns") <= pl.lit(until) + _ROUNDING_NS)
    )
    sends = near.select(key, "sent_ns", "send").unique([key, "send"]).sort(key, "sent_ns")
    sent = _ordered(sends[key], sends["sent_ns"])
    after = np.searchsorted(sent, _ordered(amid[key], amid["first_ns"]), side="left")
    before = np.searchsorted(sent, _ordered(amid[key], amid["sent_ns"]), side="right")
    return pl.Series(f"{key}_depth", np.maximum(after - before, 0), dtype=pl.Int64)


def _ordered(key: pl.Series, time_ns: pl.Series) -> np.ndarray[tuple[int], np.dtype[np.complex128]]:
    """Key and time as one sortable number: NumPy orders complex numbers by their real part first.

    A Float64 holds nanoseconds of our century to 256 ns, which is finer than any two messages are told apart by.
    """
    out = np.empty(len(key), dtype=np.complex128)
    out.real, out.imag = key.to_numpy(), time_ns.to_numpy()
    return out


def _waits(owned: pl.DataFrame) -> pl.DataFrame:
    """`own`, `survivors`, and how long they, and others in calm, waited."""
    amid = pl.col("amid")
    wait = (pl.col("first_ns") - pl.col("sent_ns")).cast(pl.Float64)
    calm = ~pl.col("sent_ns").is_between("from_ns", "until_ns")
    return owned.group_by("own").agg(
        amid.sum().alias("survivors"),
        wait.filter(amid).median().alias("wait_ns"),
        _iqr(wait.filter(amid)).alias("wait_iqr_ns"),
        wait.filter(calm).median().alias("calm_wait_ns"),
    )


def _survivors(depths: pl.DataFrame, scope: str) -> pl.DataFrame:
    depth = pl.col(f"{scope}_depth").cast(pl.Float64)
    return depths.group_by("own").agg(depth.median().alias("depth"), _iqr(depth).alias("depth_iqr"))


def _iqr(values: pl.Expr) -> pl.Expr:
    return values.quantile(0.75, "linear") - values.quantile(0.25, "linear")
