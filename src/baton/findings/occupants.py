"""Occupants: who stood in a replayed queue, at each moment at which it lost a message, and second by second.

It is the model's own state that is counted, not an approximation: the model's fit says how far it may be trusted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from baton.limits import DEPTH_POINTS_MAX, OCCUPANTS_MAX, SECOND_NS
from baton.schema import SUBSCRIPTION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from baton.findings.pools import Pool
    from baton.findings.replay import Run

OCCUPANTS = pl.Schema(
    {
        **dict.fromkeys(SUBSCRIPTION, pl.String()),
        "send": pl.UInt32(),
        "sender": pl.String(),
        "journey_type": pl.String(),
        "held": pl.Int64(),
    }
)
"""One row a lost message and kind of message that stood in the queue just then: how many of that kind did."""

DEPTHS = pl.Schema(
    {
        "tenant": pl.String(),
        "environment": pl.String(),
        "queue": pl.String(),
        "at_ns": pl.Int64(),
        "sender": pl.String(),
        "held": pl.Int64(),
        "lost": pl.Int64(),
    }
)
"""One row a moment and sender: messages in the queue then, and lost until the next moment."""


def moments(pool: Pool, run: Run) -> pl.DataFrame:
    """When the model lost what is missing, and whether the model says so at all.

    Args:
        pool: the messages.
        run: what became of them in the model that convicts.

    Returns:
        SUBSCRIPTION columns, `send`, `moment_ns` (the loss; null if the queue lost nothing while the message stood in
        it, which is then not what lost it), one row a lost message.
    """
    losses = np.sort(run.left[run.lost], kind="stable")
    lost = np.flatnonzero(pool.lost)
    start, end = pool.arrive[lost], run.left[lost]
    near = np.searchsorted(losses, start)
    amid = near < np.searchsorted(losses, end, side="right")
    first = losses[np.minimum(near, len(losses) - 1)] if len(losses) else end
    at = np.where(run.lost[lost], end, first)
    return (
        pool.rows[lost]
        .select(*SUBSCRIPTION, "send")
        .with_columns(pl.when(pl.Series(amid)).then(pl.Series("moment_ns", at, dtype=pl.Int64)).alias("moment_ns"))
    )


def occupants(pool: Pool, run: Run, lost: pl.DataFrame) -> pl.DataFrame:
    """OCCUPANTS at each moment of `moments`; kinds beyond OCCUPANTS_MAX, the rarest, are left out."""
    known = lost.filter(pl.col("moment_ns").is_not_null())
    at = known["moment_ns"].to_numpy()
    found = [
        known.select(*SUBSCRIPTION, "send").with_columns(
            pl.lit(sender).alias("sender"),
            pl.lit(journey_type, dtype=pl.String).alias("journey_type"),
            pl.Series("held", _held(run, mask, at), dtype=pl.Int64),
        )
        for sender, journey_type, mask in _kinds(pool)
    ]
    return pl.concat([OCCUPANTS.to_frame(), *(frame.filter(pl.col("held") > 0) for frame in found)])


def depths(name: str, pool: Pool, run: Run) -> pl.DataFrame:
    """DEPTHS from the first loss to the last, second by second, or as many moments as are bounded."""
    losses = run.left[run.lost]
    if not len(losses):
        return DEPTHS.to_frame()
    start, end = int(losses.min()) - SECOND_NS, int(losses.max()) + SECOND_NS
    step = SECOND_NS * max(-(-(end - start) // (SECOND_NS * DEPTH_POINTS_MAX)), 1)
    at = np.arange(start - start % SECOND_NS, end + step, step)
    key = pool.rows.row(0, named=True)
    service = pool.rows["service"]
    frames = [
        pl.DataFrame(
            {
                "tenant": key["tenant"],
                "environment": key["environment"],
                "queue": name,
                "at_ns": at[:-1],
                "sender": sender,
                "held": _held(run, mask, at[:-1]),
                "lost": np.histogram(run.left[run.lost & mask], at)[0],
            },
            schema=DEPTHS,
        )
        for sender in service.value_counts(sort=True).head(OCCUPANTS_MAX)["service"].sort()
        for mask in [(service == sender).to_numpy()]
    ]
    return pl.concat([DEPTHS.to_frame(), *frames]).sort("at_ns", "sender")


def _kinds(pool: Pool) -> Iterator[tuple[str, str | None, NDArray[np.bool_]]]:
    """(sender, journey type, which messages), the most frequent first."""
    kind = ["service", "journey_type"]
    for service, journey_type, _ in (
        pool.rows.group_by(kind).len().sort("len", *kind, descending=[True, False, False]).head(OCCUPANTS_MAX).rows()
    ):
        mask = (pool.rows["service"] == service) & pool.rows["journey_type"].eq_missing(journey_type)
        yield service, journey_type, mask.to_numpy()


def _held(run: Run, mask: NDArray[np.bool_], at: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many of these messages stood in the queue at each moment (ns), right after what was lost just then."""
    stood = mask & (run.left > run.entered)
    came = np.searchsorted(np.sort(run.entered[stood], kind="stable"), at, side="right")
    return came - np.searchsorted(np.sort(run.left[stood], kind="stable"), at, side="right")
