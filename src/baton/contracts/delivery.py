"""What was lost, what was handled twice, and what bears a correlation id.

The share of loss is an account of the window, no estimate: so many of so many. What nobody saw the end of could be
either: a breach stands only if it stands with all of that delivered, and a promise holds only if it holds with all of
that lost. What is not due yet is left aside.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import polars as pl

from baton.contracts.outcome import Outcome, open_ended

if TYPE_CHECKING:
    from baton.contracts.contract import Contract
    from baton.contracts.outcome import Known

_DELIVERED = ("delivered", "retried")


def percent(share: Decimal | float, figures: int = 3) -> str:
    """A share as contracts write it: `0.1%`."""
    return f"{float(share) * 100:.{figures}g}%"


def loss(contract: Contract, rows: pl.DataFrame, _known: Known) -> Outcome:
    """At most so large a share is dropped: of what was delivered, retried well or dropped."""
    allowed = contract.clauses.loss or Decimal(0)
    dropped = rows.filter(pl.col("verdict") == "dropped")
    judged = dropped.height + rows.filter(pl.col("verdict").is_in(_DELIVERED)).height
    left = rows.height - judged
    if not judged:
        return Outcome("unproven", "of none is it known whether it arrived", "receiver", unseen=left)
    measured = percent(dropped.height / judged)
    reason = f"{dropped.height:,} of {judged:,} were dropped"
    if dropped.height > allowed * (judged + left):
        return Outcome(
            "breached", reason, "receiver", judged, dropped.height, left, measured, dropped, "accountable_team"
        )
    if dropped.height > allowed * judged:
        reason = f"{reason}, which may be less with the {left:,} of which nothing is known yet"
        return Outcome("unproven", reason, "receiver", judged, 0, left, measured)
    unseen = rows.filter(pl.col("verdict").is_in(["stuck", "unobserved"])).height
    if dropped.height + unseen > allowed * (judged + unseen):
        reason = f"{reason}, but of {unseen:,} nobody could see what became of them: more may be lost than is allowed"
        return Outcome("unproven", reason, "receiver", judged, 0, left, measured)
    return Outcome("holds", reason, "receiver", judged, 0, left, measured)


def correlation_id(_contract: Contract, rows: pl.DataFrame, _known: Known) -> Outcome:
    """Every message bears a correlation id; one that its span does not say may stand in a header all the same."""
    sends = rows.unique("send", keep="any")
    bare = sends.height - int(sends["correlated"].sum())
    if bare:
        reason = f"of {sends.height:,} sends {bare:,} say none in their spans; their messages may bear one all the same"
        return Outcome("unproven", reason, "sender", sends.height - bare, 0, bare)
    return Outcome("holds", f"all {sends.height:,} sends say one", "sender", sends.height)


def idempotent(_contract: Contract, rows: pl.DataFrame, _known: Known) -> Outcome:
    """No message is handled well more than once; a new delivery after a failed one is none of it."""
    received = rows.filter(pl.col("duplicates").is_not_null())
    doubled = received.filter(pl.col("duplicates") > 0)
    left = open_ended(rows)
    if doubled.height:
        times = int(doubled["duplicates"].sum())
        reason = f"of {received.height:,}, {doubled.height:,} were handled well again, {times:,} times in all"
        return Outcome("breached", reason, "receiver", received.height, doubled.height, left, None, doubled)
    if not received.height:
        return Outcome("unproven", "nothing was seen to be received", "receiver", unseen=left)
    if received["sampled"].any():
        reason = "spans are sampled: a second receipt may be among those left out"
        return Outcome("unproven", reason, "receiver", received.height, 0, left)
    return Outcome("holds", f"none of {received.height:,} was handled twice", "receiver", received.height, 0, left)
