"""Accountable: the team that can most effectively prevent it, not the closest and not the most expert.

| cause | who, and why |
| --- | --- |
| overflow | the queue's owner: its limit and its isolation decide; where nobody owns it, the largest crowding sender |
| rejected, receiver_down, call_lost | the receiver |
| publish_failed | the sender: it knew, and did not retry |
| silent_stop | the owner of the step after which journeys end: it answered well, and nothing followed |
| unroutable | the channel's owner, who binds it; where nobody owns it, the sender, who was told |

Nobody is accountable for an unknown or suspected cause, nor where the accountable thing is unowned or may be one of
several: then `next_to_ask` says whom to ask, and why.
"""

from __future__ import annotations

import polars as pl

from baton.schema import SEVERAL, UNOWNED


def hold(rows: pl.DataFrame) -> pl.DataFrame:
    """Adds `accountable_team` and `next_to_ask`.

    Args:
        rows: convicted rows with `from_team`, `to_team`, `channel_team`, `crowder` and `crowder_team` (String, the
            largest sender in the queue, null without one).

    Returns:
        The rows; both columns are null unless dropped or stuck.
    """

    def owned(team: str) -> pl.Expr:
        one = (pl.col(team) != UNOWNED) & ~pl.col(team).str.contains(SEVERAL, literal=True)
        return pl.when(one).then(team)

    cause = pl.col("cause")
    candidate = (
        pl.when(cause == "overflow")
        .then(pl.coalesce(owned("channel_team"), owned("crowder_team")))
        .when(cause.is_in(["rejected", "receiver_down", "call_lost"]))
        .then(owned("to_team"))
        .when(cause.is_in(["publish_failed", "silent_stop"]))
        .then(owned("from_team"))
        .when(cause == "unroutable")
        .then(pl.coalesce(owned("channel_team"), owned("from_team")))
    )
    team = pl.when(pl.col("confidence") != "suspected").then(candidate)
    accused = pl.col("verdict").is_in(["dropped", "stuck"])
    stopped = pl.when(cause == "silent_stop")
    ask = pl.coalesce(
        stopped.then(pl.format("{}: they own {}, after which it ended", owned("from_team"), "from_service")),
        pl.format("{}: they own {}, where it was last seen to go", owned("channel_team"), "channel"),
        pl.format("{}: they own {}, which should have received it", owned("to_team"), "to_service"),
        pl.format("{}: they own {}, which sent it", owned("from_team"), "from_service"),
        pl.lit("nobody: sender, channel and receiver are all unowned"),
    )
    return rows.with_columns(pl.when(accused).then(team).alias("accountable_team")).with_columns(
        pl.when(accused & pl.col("accountable_team").is_null()).then(ask).alias("next_to_ask")
    )
