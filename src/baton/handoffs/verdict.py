"""The law: one verdict a handoff, first match wins.

    delivered     a receive is paired with it and did not fail
    retried       the sender knew that it failed, sent it again, and that send was delivered
    dropped       by word: the sender's or the receiver's own, or an onward hop in its stead, and nothing made up for it
    unobserved    a blind spot: nobody was ever seen to receive; the receiver samples; its telemetry, or Baton's
                  own, has a gap there, or loses spans. Where a collector samples by tail, it comes before the word:
                  what made up for a failure may have been sampled away
    pending       its deadline has not passed, or the receiver's telemetry has not yet moved past it; or its send
                  failed, and another attempt may still come or be received
    dropped       by progress: overtaken beyond the reordering seen, or the receiver found the queue empty afterwards
    stuck         expected, deadline passed, no proof of loss

*Dropped* is an accusation and absence alone proves nothing: every `dropped` below rests on somebody's word or on a
receipt that cannot be explained otherwise.
"""

from __future__ import annotations

from typing import NamedTuple

import polars as pl

from baton.handoffs.amends import made_good, sidelined
from baton.handoffs.attempts import attempted, shared
from baton.handoffs.evidence import evidenced
from baton.handoffs.sent_on import sent_on
from baton.limits import INSTANT_NS_MAX, OPEN_RECEIPT_NS_MAX, REDELIVERY_MARGIN


class Clause(NamedTuple):
    """One clause of the law: its name, the verdict, and when it holds (Boolean, null is no)."""

    name: str
    verdict: str
    when: pl.Expr


_HEARD = (
    "overtaken_ns", "passed_until_ns", "before_ns", "before_sent_ns", "open_ns", "idle_ns", "unnamed_sent",
    "unnamed_received", "unsampled", "hi_ns", "lo_ns", "passed", "silent_instance", "silent_ns", "gap_from_ns",
    "gap_until_ns", "gap_beside", "moved", "born", "awaited", "busy_instance", "service_ns", "blind_from_ns",
    "blind_until_ns", "blind_kind", "span_loss", "missing_share", "loss_from_ns", "unlisted", "again_well",
    "again_due_ns", "back_by_ns", "tail", "tail_services", "estimate_sends", "estimate_missing", "estimate_low",
    "estimate_high",
)  # fmt: skip
"""Columns that the law and its sentences alone read: they are let go with the verdict, since they weigh as much as all
others."""


def judge(rows: pl.DataFrame, as_of_ns: int) -> pl.DataFrame:
    """Adds `verdict`, `proof` and `evidence`.

    Args:
        rows: the frame of `telemetry.vouch` with the columns of `signs.signs`, `orphans.thinned`, `unlisted.unlisted`,
            `republish.republished` and `estimates.estimated`.
        as_of_ns: event time of the judgement.

    Returns:
        The rows with `kind` (message), `verdict`, `proof` (String: the clause that matched), `evidence` (List(String)),
        `duplicates` (Int64: see schema.HANDOFFS), and what `amends` adds.
    """
    back_ns = pl.col("done_ns").clip(upper_bound=INSTANT_NS_MAX) + (pl.col("redelivery_ns") * REDELIVERY_MARGIN).cast(
        pl.Int64
    )
    rows = attempted(made_good(sent_on(sidelined(rows)))).with_columns(
        pl.max_horizontal(back_ns, "again_due_ns").alias("back_by_ns"), _duplicates().alias("duplicates")
    )
    clauses = law(as_of_ns)
    # Numbers are told apart faster than names, and names are given once.
    held = [
        pl.when(clause.when.fill_null(value=False)).then(pl.lit(number, dtype=pl.UInt32))
        for number, clause in enumerate(clauses)
    ]
    matched = rows.select(pl.coalesce(held)).to_series()
    told = rows.with_columns(
        pl.lit("message").alias("kind"),
        pl.Series("proof", [clause.name for clause in clauses], dtype=pl.String).gather(matched),
        pl.Series("verdict", [clause.verdict for clause in clauses], dtype=pl.String).gather(matched),
    )
    return evidenced(shared(told)).drop(_HEARD, strict=False)


def _duplicates() -> pl.Expr:
    """How often beyond the first it was handled well.

    Of a send that got through though its sender saw it fail, the sender's own retry is one more.
    """
    resent = (pl.col("failed") & pl.col("made_good").is_not_null()).cast(pl.Int64)
    return pl.when(pl.col("row").is_not_null()).then(
        (pl.col("well").cast(pl.Int64) - 1).clip(0) + pl.when(pl.col("well") > 0).then(resent).otherwise(0)
    )


def law(as_of_ns: int) -> tuple[Clause, ...]:
    """The clauses, in the order in which they are tried; the last always holds. Times compare on raw clocks."""
    received, lapsed = pl.col("row").is_not_null(), pl.col("lapsed").fill_null(value=False)
    # The deadline on the receiver's clock, told from the last receipt before it: clocks may differ by minutes.
    idle_from = pl.col("before_ns") + (pl.col("deadline_at_ns") - pl.col("before_sent_ns"))
    passed = pl.col("moved") & pl.col("passed")
    return (
        Clause(
            "received",
            "delivered",
            (received & ~lapsed & ~pl.col("sidelined"))
            | pl.col("mended")
            | pl.col("again_well").fill_null(value=False),
        ),
        Clause("resent", "retried", pl.col("failed") & pl.col("made_good").is_not_null() & ~received),
        Clause("tail sampled", "unobserved", pl.col("tail")),
        Clause("returning", "pending", received & lapsed & ~pl.col("sidelined") & (pl.col("back_by_ns") > as_of_ns)),
        Clause("refused", "dropped", received & lapsed),
        Clause("sidelined", "dropped", pl.col("sidelined")),
        Clause("retrying", "pending", pl.col("failed") & ~received & (pl.col("retry_due_ns") > as_of_ns)),
        Clause("failed", "dropped", pl.col("failed") & ~pl.col("unsure")),
        Clause("unknown receiver", "unobserved", pl.col("subscription").is_null()),
        Clause("no time", "unobserved", pl.col("sent_ns") <= 0),
        Clause("unnamed", "unobserved", pl.col("unnamed_sent").is_not_null()),
        Clause("sampled out", "unobserved", pl.col("unsampled") | (pl.col("randomness") < pl.col("threshold"))),
        Clause("sampled", "unobserved", pl.col("tossed")),
        Clause("lost receipt", "unobserved", pl.col("open_ns") < as_of_ns - OPEN_RECEIPT_NS_MAX),
        Clause("open", "pending", pl.col("open_ns").is_not_null()),
        Clause("silent", "unobserved", pl.col("silent_instance").is_not_null()),
        Clause("unlisted", "unobserved", pl.col("unlisted").is_not_null()),
        Clause("gap", "unobserved", pl.col("gap_from_ns").is_not_null()),
        Clause("blind", "unobserved", pl.col("blind_from_ns").is_not_null()),
        Clause("span loss", "unobserved", pl.col("span_loss").is_not_null()),
        Clause("unborn", "unobserved", ~pl.col("born")),
        Clause("early", "pending", pl.col("deadline_at_ns") > as_of_ns),
        Clause("awaited", "pending", pl.col("awaited")),
        Clause("busy", "pending", passed & pl.col("busy_instance").is_not_null()),
        Clause("overtaken", "dropped", passed),
        Clause("drained", "dropped", pl.col("idle_ns") > idle_from),
        Clause("deaf", "unobserved", (pl.col("service_ns") < pl.col("deadline_at_ns")).fill_null(value=True)),
        Clause("waiting", "stuck", pl.lit(value=True)),
    )
