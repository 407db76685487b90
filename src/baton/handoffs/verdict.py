"""The law: one verdict a handoff, first match wins.

    delivered     a receive is paired with it and did not fail
    retried       the sender knew that it failed, sent it again, and that send was delivered
    dropped       by word: the sender's or the receiver's own, or an onward hop in its stead, and nothing made up for it
    unobserved    a blind spot: nobody was ever seen to receive; the receiver samples; its telemetry, or Baton's
                  own, has a gap there
    pending       its deadline has not passed, or the receiver's telemetry has not yet moved past it
    dropped       by progress: overtaken beyond the reordering seen, or the receiver found the queue empty afterwards
    stuck         expected, deadline passed, no proof of loss

*Dropped* is an accusation and absence alone proves nothing: every `dropped` below rests on somebody's word or on a
receipt that cannot be explained otherwise.
"""

from __future__ import annotations

from typing import NamedTuple

import polars as pl

from baton.handoffs.amends import made_good, sidelined
from baton.handoffs.evidence import tell
from baton.limits import OPEN_RECEIPT_NS_MAX


class Clause(NamedTuple):
    """One clause of the law: its name, the verdict, and when it holds (Boolean, null is no)."""

    name: str
    verdict: str
    when: pl.Expr


def judge(rows: pl.DataFrame, as_of_ns: int) -> pl.DataFrame:
    """Adds `verdict`, `proof` and `evidence`.

    Args:
        rows: the frame of `telemetry.vouch` with the columns of `signs.signs`.
        as_of_ns: event time of the judgement.

    Returns:
        The rows with `kind` (message), `verdict`, `proof` (String: the clause that matched), `evidence` (List(String)),
        and what `amends` adds.
    """
    rows = made_good(sidelined(rows))
    clauses = law(as_of_ns)
    matched = [pl.when(clause.when.fill_null(value=False)) for clause in clauses]
    judged = rows.with_columns(
        pl.lit("message").alias("kind"),
        pl.coalesce(*(when.then(pl.lit(clause.name)) for when, clause in zip(matched, clauses, strict=True))).alias(
            "proof"
        ),
        pl.coalesce(*(when.then(pl.lit(clause.verdict)) for when, clause in zip(matched, clauses, strict=True))).alias(
            "verdict"
        ),
    )
    return tell(judged)


def law(as_of_ns: int) -> tuple[Clause, ...]:
    """The clauses, in the order in which they are tried; the last always holds. Times compare on raw clocks."""
    received, lapsed = pl.col("row").is_not_null(), pl.col("lapsed").fill_null(value=False)
    # The deadline on the receiver's clock, told from the last receipt before it: clocks may differ by minutes.
    idle_from = pl.col("before_ns") + (pl.col("deadline_at_ns") - pl.col("before_sent_ns"))
    passed = pl.col("moved") & pl.col("passed")
    return (
        Clause("received", "delivered", (received & ~lapsed & ~pl.col("sidelined")) | pl.col("mended")),
        Clause("resent", "retried", pl.col("failed") & pl.col("made_good").is_not_null() & ~received),
        Clause("refused", "dropped", received & lapsed),
        Clause("sidelined", "dropped", pl.col("sidelined")),
        Clause("failed", "dropped", pl.col("failed")),
        Clause("unknown receiver", "unobserved", pl.col("subscription").is_null()),
        Clause("no time", "unobserved", pl.col("sent_ns") <= 0),
        Clause("unnamed", "unobserved", pl.col("unnamed_sent").is_not_null()),
        Clause("sampled", "unobserved", pl.col("tossed")),
        Clause("lost receipt", "unobserved", pl.col("open_ns") < as_of_ns - OPEN_RECEIPT_NS_MAX),
        Clause("open", "pending", pl.col("open_ns").is_not_null()),
        Clause("silent", "unobserved", pl.col("silent_instance").is_not_null()),
        Clause("gap", "unobserved", pl.col("gap_from_ns").is_not_null()),
        Clause("blind", "unobserved", pl.col("blind_from_ns").is_not_null()),
        Clause("unborn", "unobserved", ~pl.col("born")),
        Clause("early", "pending", pl.col("deadline_at_ns") > as_of_ns),
        Clause("awaited", "pending", pl.col("awaited")),
        Clause("overtaken", "dropped", passed),
        Clause("drained", "dropped", pl.col("idle_ns") > idle_from),
        Clause("deaf", "unobserved", (pl.col("service_ns") < pl.col("deadline_at_ns")).fill_null(value=True)),
        Clause("waiting", "stuck", pl.lit(value=True)),
    )
