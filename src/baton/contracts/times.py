"""Deadlines and percentiles: how long handoffs took, against what was promised.

Of a message it is the time from its send to its receipt, of a call the time that its caller waited. Two clocks that are
known to differ leave a doubt as large as their difference: what falls into it is neither in time nor late.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import polars as pl

from baton.contracts.outcome import Outcome, open_ended
from baton.limits import PERCENTILE_CHANCE_MAX, PERCENTILE_CONFIDENCE, SECOND_NS

if TYPE_CHECKING:
    from baton.contracts.contract import Contract
    from baton.contracts.outcome import Known

_UNITS = ((SECOND_NS // 1000, SECOND_NS, "ms"), (SECOND_NS, 60 * SECOND_NS, "s"), (60 * SECOND_NS, None, "m"))
"""A unit, and the duration from which on the next one is told."""


def took_ns() -> pl.Expr:
    """Int64: how long a handoff of TRAFFIC took; null of what was never received."""
    answered = pl.col("sent_end_ns") - pl.col("sent_ns")
    return (
        pl.when(pl.col("received_ns").is_not_null())
        .then(pl.when(pl.col("kind") == "call").then(answered).otherwise(pl.col("received_ns") - pl.col("sent_ns")))
        .otherwise(None)
    )


def in_words(duration_ns: float, figures: int = 3) -> str:
    """A duration as contracts write it: `812 ms`, `2.5 s`, `5 m`; what was promised takes all of its figures."""
    unit_ns, unit = next((unit_ns, unit) for unit_ns, next_ns, unit in _UNITS if not next_ns or duration_ns < next_ns)
    return f"{duration_ns / unit_ns:.{figures}g} {unit}"


def deadline(contract: Contract, rows: pl.DataFrame, known: Known) -> Outcome:
    """Every handoff is received in time: one that is not breaks it, late or never."""
    limit_ns = contract.clauses.deadline_ns or 0
    due = pl.col("sent_ns") + limit_ns <= known.as_of_ns
    went = pl.col("took_ns").is_not_null() & (pl.col("verdict") != "pending")
    never = pl.col("took_ns").is_null() & pl.col("verdict").is_in(["dropped", "stuck"]) & due
    rows = rows.with_columns(took_ns().alias("took_ns"))
    # One clock behind another shows as a receipt before its send.
    behind_ns = max(0, -(rows["took_ns"].min() or 0))  # type: ignore[operator]  # of Int64
    doubt_ns = pl.max_horizontal("skew_ns", pl.lit(behind_ns))
    late = went & (pl.col("took_ns") - doubt_ns > limit_ns)
    timely = went & (pl.col("took_ns") + doubt_ns <= limit_ns)
    told = rows.with_columns((late | never).alias("breaks"), timely.alias("keeps"), never.alias("never"))
    breaking = told.filter("breaks")
    judged = breaking.height + told.filter("keeps").height
    doubtful = told.filter(went & ~pl.col("breaks") & ~pl.col("keeps")).height
    left = rows.height - judged
    longest = breaking["took_ns"].max() if breaking.height else told.filter("keeps")["took_ns"].max()
    measured = None if longest is None else f"longest {in_words(longest)}"  # type: ignore[arg-type]  # of Int64
    if breaking.height:
        lost = breaking.filter("never").height
        said = [f"{breaking.height - lost:,} came late"] * (breaking.height > lost) + [f"{lost:,} never came"] * (
            lost > 0
        )
        reason = f"of {judged:,}, {' and '.join(said)}"
        return Outcome(
            "breached", reason, "receiver", judged, breaking.height, left, measured, breaking, "accountable_team"
        )
    if not judged:
        why = "the clocks differ by more than it allows" if doubtful else "nothing was seen to be received, or due"
        return Outcome("unproven", why, "receiver", unseen=left, measured=measured)
    if doubtful:
        reason = f"the clocks differ: of {doubtful:,} nobody can tell whether they were in time"
        return Outcome("unproven", reason, "receiver", judged, 0, left, measured)
    return Outcome("holds", f"all {judged:,} came in time", "receiver", judged, 0, left, measured)


def samples_min(share: float) -> int:
    """How many samples it takes until one beyond this percentile is among them with PERCENTILE_CONFIDENCE."""
    return math.ceil(math.log(1 - PERCENTILE_CONFIDENCE) / math.log(share))


def latency(contract: Contract, rows: pl.DataFrame, percentile: str) -> Outcome:
    """The percentile of what was received, by nearest rank, upwards."""
    limit_ns = contract.clauses.latency_ns[percentile]
    share = float(percentile.removeprefix("p")) / 100
    rows = rows.with_columns(took_ns().alias("took_ns"))
    took = rows.filter(pl.col("took_ns").is_not_null()).sort("took_ns")
    count, left = took.height, open_ended(rows)
    if not count:
        return Outcome("unproven", "nothing was received", "receiver", unseen=left)
    behind_ns = max(0, -int(took["took_ns"][0]))
    doubt_ns = max(behind_ns, took.select(pl.col("skew_ns").max()).item())
    value_ns = int(took["took_ns"][math.ceil(share * count) - 1])
    slow = took.filter(pl.col("took_ns") - doubt_ns > limit_ns)
    measured = f"{percentile} {in_words(value_ns)}"
    least = samples_min(share)
    if count >= least:
        if value_ns - doubt_ns > limit_ns:
            reason = f"{slow.height:,} of {count:,} took longer"
            return Outcome("breached", reason, "receiver", count, slow.height, left, measured, slow)
        if value_ns + doubt_ns > limit_ns:
            return Outcome("unproven", "the clocks differ by more than is left", "receiver", count, 0, left, measured)
        return Outcome("holds", f"measured on {count:,}", "receiver", count, slow.height, left, measured)
    if _by_chance(slow.height, count, 1 - share) < PERCENTILE_CHANCE_MAX:
        reason = f"{slow.height:,} of {count:,} took longer, which chance does not do"
        return Outcome("breached", reason, "receiver", count, slow.height, left, measured, slow)
    return Outcome(
        "unproven",
        f"{percentile} takes {least:,} to be told, and there are {count:,}",
        "receiver",
        count,
        0,
        left,
        measured,
    )


def _by_chance(hits: int, count: int, share: float) -> float:
    """The chance that so many or more of `count` lie beyond, were it `share` of all."""
    return sum(math.comb(count, k) * share**k * (1 - share) ** (count - k) for k in range(hits, count + 1))
