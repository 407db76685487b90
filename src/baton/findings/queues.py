"""Queue limits told from spans: the overtaker estimate, the simplest form of a queue replay.

`pairs.pressure` measures how deep the survivors of each lossy subscription stood. Where that depth is the same time
and again, and evener than their waits, the queue stood at a limit; a TTL makes the waits the evener ones.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from baton.limits import (
    OVERFLOW_EVENNESS_RATIO_MAX,
    OVERFLOW_SPREAD_MAX,
    OVERFLOW_SURVIVORS_MIN,
    QUEUE_DEPTH_MIN,
    SENDERS_MAX,
)
from baton.schema import SUBSCRIPTION


def limits(pressure: pl.DataFrame, services: pl.DataFrame) -> pl.DataFrame:
    """The limit of the queue in front of each lossy subscription, where the fit is good enough.

    A subscription with too few survivors of its own takes the limit of another one of the same services, if its own
    few stood as deep: they share the queue.

    Args:
        pressure: PRESSURE.
        services: SUBSCRIPTION columns and `services` (List(String)).

    Returns:
        SUBSCRIPTION columns, `scope` (own or pool), `survivors` (UInt32), `depth`, `depth_iqr` (Float64): one row a
        subscription with a fit; the limit is `depth` + 1, the message itself being the one more.
    """
    rows = pressure.join(services, on=SUBSCRIPTION).with_columns(
        pl.col("services").list.join(" | "), _even().alias("even")
    )
    fits = (
        rows.filter(pl.col("even") & (pl.col("survivors") >= OVERFLOW_SURVIVORS_MIN))
        # As even in both readings, the queue is shared: alone, the others' messages would have made its depths uneven.
        .sort(pl.col("depth_iqr") / pl.col("depth"), "scope", descending=[False, True])
        .unique(SUBSCRIPTION, keep="first", maintain_order=True)
    )
    pool = ["tenant", "environment", "services"]
    lenders = fits.filter(pl.col("scope") == "pool").unique(pool, keep="first", maintain_order=True)
    borrowers = (
        rows.filter((pl.col("scope") == "pool") & (pl.col("survivors") > 0))
        .join(fits, on=SUBSCRIPTION, how="anti")
        .join(lenders.select(*pool, "depth", "depth_iqr", "survivors"), on=pool, suffix="_lent")
        .filter((pl.col("depth") - pl.col("depth_lent")).abs() <= _slack("depth_lent"))
        .select(*SUBSCRIPTION, "scope", pl.col("^.*_lent$").name.replace("_lent$", ""))
    )
    columns = [*SUBSCRIPTION, "scope", "survivors", "depth", "depth_iqr"]
    return pl.concat([fits.select(columns), borrowers.select(columns)]).sort(SUBSCRIPTION)


def _slack(depth: str) -> pl.Expr:
    return pl.max_horizontal(pl.lit(1.0), pl.col(depth) * OVERFLOW_SPREAD_MAX)


def _even() -> pl.Expr:
    spread = pl.col("depth_iqr") / pl.col("depth")
    wait_spread = pl.col("wait_iqr_ns") / pl.col("wait_ns")
    return (
        (pl.col("depth") >= QUEUE_DEPTH_MIN)
        & (pl.col("depth_iqr") <= _slack("depth"))
        & (pl.col("wait_iqr_ns") > 0)
        & (spread <= OVERFLOW_EVENNESS_RATIO_MAX * wait_spread)
    )


def crowding(rows: pl.DataFrame, fits: pl.DataFrame) -> pl.DataFrame:
    """Who held the queue when each message was evicted or refused.

    With drop-head the queue then held the `depth` messages sent right after it; with reject-publish those accepted
    right before it.

    Args:
        rows: judged message rows with `service`, `sent_ns`, `proof`, `failed`, `services`.
        fits: the frame of `limits`.

    Returns:
        SUBSCRIPTION columns, `sender` (String), `share` (Float64, of all places in the queue at those moments), the
        largest first; at most SENDERS_MAX a subscription.
    """
    schema = {**dict.fromkeys(SUBSCRIPTION, pl.String), "sender": pl.String, "share": pl.Float64}
    if fits.is_empty():
        return pl.DataFrame(schema=schema)
    narrow = rows.select(*SUBSCRIPTION, "send", "service", "services", "relation", "sent_ns", "proof", "failed")
    lost = (
        narrow.filter(pl.col("proof").is_in(["overtaken", "drained", "sidelined", "failed"]))
        .join(fits, on=SUBSCRIPTION)
        .with_columns(pl.col("services").list.join(" | ").alias("pool"))
    )
    found = [_shares(key, part, narrow) for key, part in lost.group_by(SUBSCRIPTION, maintain_order=True)]
    return pl.concat([pl.DataFrame(schema=schema), *found])


def _shares(key: tuple[object, ...], lost: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    depth = round(lost["depth"][0])
    if lost["scope"][0] == "own":
        accepted = rows.filter(
            pl.all_horizontal(pl.col(name) == one for name, one in zip(SUBSCRIPTION, key, strict=True))
        )
    else:
        # Lists are joined for the few that may be alike.
        accepted = rows.filter(
            (pl.col("tenant") == key[0])
            & (pl.col("environment") == key[1])
            & (pl.col("services").list.first() == lost["services"][0][0])
        ).filter(pl.col("services").list.join(" | ") == lost["pool"][0])
    queued = accepted.filter(~pl.col("failed") & (pl.col("relation") == "expected")).sort("sent_ns", "send")
    sent = queued["sent_ns"].to_numpy()
    refused = lost["failed"].to_numpy()
    here = np.searchsorted(sent, lost["sent_ns"].to_numpy(), side="right")
    low = np.where(refused, np.maximum(here - depth, 0), here)
    high = np.where(refused, here, np.minimum(here + depth, len(sent)))
    total = max(int((high - low).sum()), 1)
    senders = queued["service"].unique().sort().to_list()
    counts = []
    for sender in senders:
        running = np.concatenate([[0], np.cumsum((queued["service"] == sender).to_numpy())])
        counts.append(int((running[high] - running[low]).sum()) / total)
    return (
        pl.DataFrame({"sender": senders, "share": counts}, schema={"sender": pl.String, "share": pl.Float64})
        .filter(pl.col("share") > 0)
        .sort("share", "sender", descending=[True, False])
        .head(SENDERS_MAX)
        .select(
            *(pl.lit(value, dtype=pl.String).alias(name) for name, value in zip(SUBSCRIPTION, key, strict=True)),
            "sender",
            "share",
        )
    )
