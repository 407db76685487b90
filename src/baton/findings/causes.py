"""Causes: one table, evidence -> cause, in the order of precedence.

Each row names the cause, what convicts it and how sure that makes it; the first row that holds is the cause, the next
one that holds is the runner-up and goes into the evidence. `unknown` is the honest last.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from baton.limits import WAITING_MESSAGES_MIN


@dataclass(frozen=True, slots=True)
class Cause:
    """One row of the table.

    Attributes:
        name: the cause.
        convicts: what evidence convicts, one sentence.
        when: Boolean expression over judged rows.
        confidence: confirmed (the broker's, the sender's or the receiver's own word on this message), inferred (a
            pattern in spans, above a stated fit) or suspected.
        sentence: the evidence as a sentence with its figures, null where `verdict` has said it already.
    """

    name: str
    convicts: str
    when: pl.Expr
    confidence: str
    sentence: pl.Expr


_PROOF = pl.col("proof")
_LOST = _PROOF.is_in(["overtaken", "drained"]) | ((_PROOF == "sidelined") & pl.col("row").is_null())
_POLICY = pl.col("policy")
_REPLAYED = pl.col("moment_ns").is_not_null() & (
    _LOST | ((_PROOF == "failed") & (_POLICY == "reject-publish").fill_null(value=False))
)
_FULL = pl.format(
    "the queue stood at its limit: the {} messages that came through while others were lost had {} sent behind them "
    "(interquartile range {}), so it holds {}; it evicts its oldest (drop-head)",
    "survivors",
    pl.col("depth").round(0).cast(pl.Int64),
    pl.col("depth_iqr").round(1),
    pl.col("depth").round(0).cast(pl.Int64) + 1,
)

_UNTAKEN = (_PROOF == "waiting") & ~(pl.col("last_receipt_ns") > pl.col("deadline_at_ns")).fill_null(value=False)
_DOWN = pl.format(
    "{} sent other spans meanwhile, and took nothing from this channel; {}",
    pl.col("services").list.join(", "),
    pl.when(pl.col("waiting") == 1).then(pl.lit("1 message waits")).otherwise(pl.format("{} messages wait", "waiting")),
)

CAUSES: tuple[Cause, ...] = (
    Cause(
        "unroutable",
        "The send says that the broker returned it: no binding takes its key.",
        (_PROOF == "failed") & pl.col("returned"),
        "confirmed",
        pl.lit("no binding takes its key"),
    ),
    Cause(
        "rejected",
        "The receipt failed or was refused.",
        _PROOF == "refused",
        "confirmed",
        pl.lit(None, dtype=pl.String),
    ),
    Cause(
        "rejected",
        "It was received, then went to a dead-letter place.",
        (_PROOF == "sidelined") & pl.col("row").is_not_null(),
        "inferred",
        pl.lit(None, dtype=pl.String),
    ),
    Cause(
        "expired",
        "A queue replay above the stated fit: with a TTL, and with no other policy, the same sends lose what is "
        "missing, this message among them.",
        _REPLAYED & (_POLICY == "ttl"),
        "inferred",
        pl.col("replayed"),
    ),
    Cause(
        "overflow",
        "A queue replay above the stated fit: with a limit, and with no other policy, the same sends lose what is "
        "missing, and the queue stood at its limit when this message was evicted or refused.",
        _REPLAYED & (_POLICY != "ttl"),
        "inferred",
        pl.col("replayed"),
    ),
    Cause(
        "overflow",
        "Where no replay decides: the depth of the survivors is even, and evener than their waits.",
        _LOST & _POLICY.is_null() & pl.col("depth").is_not_null(),
        "inferred",
        _FULL,
    ),
    Cause(
        "receiver_down",
        f"No receipt by that subscription from before the send until after the deadline, with the receiver's other "
        f"spans going on, and at least {WAITING_MESSAGES_MIN} messages waiting.",
        _UNTAKEN & (pl.col("waiting") >= WAITING_MESSAGES_MIN),
        "inferred",
        _DOWN,
    ),
    Cause(
        "receiver_down",
        "The same with fewer messages waiting: they may as well be lost.",
        _UNTAKEN,
        "suspected",
        _DOWN,
    ),
    Cause(
        "publish_failed",
        "The send itself failed and nobody retried it: a breach of the sender's contract.",
        _PROOF == "failed",
        "confirmed",
        pl.lit("no later send of it was seen"),
    ),
    Cause(
        "call_lost",
        "A client span that failed with no server span, where that server is instrumented.",
        _PROOF == "lost",
        "inferred",
        pl.lit(None, dtype=pl.String),
    ),
    Cause(
        "unknown",
        "Proof that it was dropped, none why.",
        _LOST,
        "inferred",
        pl.lit("nothing in the spans says why"),
    ),
)


_NAMES = {number: cause.name for number, cause in enumerate(CAUSES)}


def convict(rows: pl.DataFrame) -> pl.DataFrame:
    """Adds `cause`, `confidence`, `disposition` and the cause's sentences to `evidence`.

    Args:
        rows: judged rows (`verdict.judge` or `calls.judge`) with what `crowded.crowded` adds.

    Returns:
        The rows; the new columns are null unless dropped or stuck, and `cause` of a stuck one where none is known.
    """
    accused = pl.col("verdict").is_in(["dropped", "stuck"])
    holds = [pl.when(accused & cause.when.fill_null(value=False)) for cause in CAUSES]
    first = pl.coalesce(*(hold.then(pl.lit(number)) for number, hold in enumerate(holds)))
    named = pl.col("_cause").replace_strict(_NAMES, default=None, return_dtype=pl.String)
    runner_up = pl.coalesce(
        *(
            hold.then(
                pl.when((pl.col("_cause") < number) & (named != cause.name)).then(pl.lit(f"runner-up: {cause.name}"))
            )
            for number, (hold, cause) in enumerate(zip(holds, CAUSES, strict=True))
            if cause.name != "unknown"
        )
    )
    confidences = {number: cause.confidence for number, cause in enumerate(CAUSES)}
    sentence = pl.coalesce(
        *(pl.when(pl.col("_cause") == number).then(cause.sentence) for number, cause in enumerate(CAUSES))
    )
    return (
        rows.with_columns(first.alias("_cause"))
        .with_columns(
            pl.col("_cause").replace_strict(_NAMES, default=None, return_dtype=pl.String).alias("cause"),
            pl.when(accused)
            .then(pl.col("_cause").replace_strict(confidences, default="suspected", return_dtype=pl.String))
            .alias("confidence"),
            _disposition().alias("disposition"),
            pl.concat_list("evidence", sentence, _shares("shares"), _shares("mixed"), runner_up)
            .list.drop_nulls()
            .alias("evidence"),
        )
        .drop("_cause")
    )


def _shares(said: str) -> pl.Expr:
    """A sentence about who held the queue, where it was full."""
    named = pl.col("_cause").replace_strict(_NAMES, default=None, return_dtype=pl.String)
    return pl.when(named == "overflow").then(said)


def _disposition() -> pl.Expr:
    """Where it is now, as far as spans tell.

    A send that failed never entered; what was lost within may lie in a place that nobody reads.
    """
    parked = pl.col("held_at").str.contains(r"(?i)park|alternate|unrout")
    return (
        pl.when(~pl.col("verdict").is_in(["dropped", "stuck"]))
        .then(None)
        .when(pl.col("held_at").is_not_null() & parked)
        .then(pl.lit("parked"))
        .when(pl.col("held_at").is_not_null())
        .then(pl.lit("dead_lettered"))
        .when(pl.col("proof") == "failed")
        .then(pl.lit("gone"))
        .otherwise(pl.lit("unknown"))
    )


def documentation() -> str:
    """The table as Markdown, for the README and the docs."""
    lines = ["| cause | convicted by | confidence |", "| --- | --- | --- |"]
    lines += [f"| `{cause.name}` | {cause.convicts} | {cause.confidence} |" for cause in CAUSES]
    return "\n".join(lines) + "\n"
