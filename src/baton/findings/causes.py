"""Causes: one table, evidence -> cause, in the order of precedence.

Each row names the cause, what convicts it and how sure that makes it; the first row that holds is the cause, the next
one that holds is the runner-up and goes into the evidence. `unknown` is the honest last.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from baton.limits import FACT_AGE_NS_FRESH, OVERFLOW_SPREAD_MAX, WAITING_MESSAGES_MIN


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


_BY_BROKER = {
    **dict.fromkeys(("fact_cause", "fact_told", "limit_overflow", "limit_policy", "limit_by"), pl.String()),
    **dict.fromkeys(("limit_max", "limit_age_ns"), pl.Int64()),
    **dict.fromkeys(("fact_sure", "unlimited", "no_letters"), pl.Boolean()),
}
"""What broker facts say of a row (`brokers.reckon`): without facts the rows have no such columns."""

_PROOF = pl.col("proof")
_LOST = _PROOF.is_in(["overtaken", "drained", "counted"]) | ((_PROOF == "sidelined") & pl.col("row").is_null())
_LIMIT = pl.coalesce("limit", pl.col("depth").round(0).cast(pl.Int64) + 1)
# The broker's limit and the survivors' agree within the fit's own slack: one message, or a twentieth.
_AGREED = (_LIMIT - pl.col("limit_max")).abs() <= pl.max_horizontal(
    pl.lit(1.0), pl.col("limit_max") * OVERFLOW_SPREAD_MAX
)
_POLICY = (
    pl.when(pl.col("limit_policy").is_not_null()).then(pl.format(", policy {}", "limit_policy")).otherwise(pl.lit(""))
)
_AGE = (
    pl.when(pl.col("limit_age_ns") > FACT_AGE_NS_FRESH)
    .then(pl.format(", {} hours apart from this message", (pl.col("limit_age_ns") / 3.6e12).round(1)))
    .otherwise(pl.lit(""))
)
_BROKER_SAYS = (
    pl.when(pl.col("limit_max").is_not_null())
    .then(pl.format("; {} says {}{}{}", pl.col("limit_by").fill_null("the broker"), "limit_max", _POLICY, _AGE))
    .otherwise(pl.lit(""))
)
_REPLAYED = pl.col("moment_ns").is_not_null() & (
    _LOST | ((_PROOF == "failed") & (pl.col("policy") == "reject-publish").fill_null(value=False))
)
_FULL = pl.format(
    "the queue stood at its limit: the {} messages that came through while others were lost had {} sent behind them "
    "(interquartile range {}), so it holds {}; it evicts its oldest (drop-head){}",
    "survivors",
    pl.col("depth").round(0).cast(pl.Int64),
    pl.col("depth_iqr").round(1),
    _LIMIT,
    _BROKER_SAYS,
)
# A limit told from spans that the broker's own word speaks against convicts nobody.
_UNDISPUTED = (
    ~pl.col("unlimited").fill_null(value=False)
    & _AGREED.fill_null(value=True)
    & ~(pl.col("failed") & (pl.col("limit_overflow") == "drop-head")).fill_null(value=False)
)

# What the spans say why, and the broker or ownership.yaml does not.
_DISPUTED = pl.when(_LIMIT.is_not_null() & ~_UNDISPUTED).then(
    pl.format(
        "the spans say that its queue holds {}{}: they differ, so neither convicts",
        _LIMIT,
        pl.when(pl.col("unlimited").fill_null(value=False))
        .then(pl.lit("; the broker says that it has no limit"))
        .otherwise(_BROKER_SAYS),
    )
)

_UNTAKEN = (_PROOF == "waiting") & ~(pl.col("last_receipt_ns") > pl.col("deadline_at_ns")).fill_null(value=False)
_DOWN = pl.format(
    "{} sent other spans meanwhile, and took nothing from this channel; {}",
    pl.col("services").list.join(", "),
    pl.when(pl.col("waiting") == 1).then(pl.lit("1 message waits")).otherwise(pl.format("{} messages wait", "waiting")),
)
_FITTED = pl.when(pl.col("depth").is_not_null() & _AGREED).then(pl.format("; the survivors say {}", _LIMIT))
_BY_FACTS = pl.concat_str(pl.col("fact_told"), _FITTED.otherwise(pl.lit("")))


def _told(cause: str, *, sure: bool = True) -> pl.Expr:
    return (pl.col("fact_cause") == cause) & (pl.col("fact_sure") == sure)


CAUSES: tuple[Cause, ...] = (
    Cause(
        "unroutable",
        "The broker knows no binding that takes its key.",
        _PROOF == "unbound",
        "confirmed",
        pl.lit(None, dtype=pl.String),
    ),
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
        "It was received, then went to a dead-letter place, and the broker counted no acknowledgement for it.",
        (_PROOF == "sidelined") & pl.col("row").is_not_null() & _told("rejected"),
        "confirmed",
        pl.col("fact_told"),
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
        "The broker's counters miss as many as have no receipt, and the node's own leave nothing but this queue's TTL.",
        _LOST & _told("expired"),
        "confirmed",
        pl.col("fact_told"),
    ),
    Cause(
        "expired",
        "The same where the node's counters are unknown or leave another reading, others still wait, or they may lag.",
        _LOST & _told("expired", sure=False),
        "inferred",
        pl.col("fact_told"),
    ),
    Cause(
        "overflow",
        "The broker's counters miss as many as have no receipt, and the node's own leave nothing but this queue's "
        "limit; or they miss as many as the sender saw refused.",
        (_LOST | (_PROOF == "failed")) & _told("overflow"),
        "confirmed",
        _BY_FACTS,
    ),
    Cause(
        "overflow",
        "The same where the node's counters are unknown or leave another reading, others still wait, or they may lag, "
        "and the queue can have stood at its limit by the sends and receipts seen.",
        (_LOST | (_PROOF == "failed")) & _told("overflow", sure=False),
        "inferred",
        _BY_FACTS,
    ),
    Cause(
        "expired",
        "A queue replay above the stated fit: with a TTL, and with no other policy, the same sends lose what is "
        "missing, this message among them.",
        _REPLAYED & (pl.col("policy") == "ttl"),
        "inferred",
        pl.col("replayed"),
    ),
    Cause(
        "overflow",
        "A queue replay above the stated fit: with a limit, and with no other policy, the same sends lose what is "
        "missing, and the queue stood at its limit when this message was evicted or refused. Where the broker says "
        "another limit, or none, it is not convicted.",
        _REPLAYED & (pl.col("policy") != "ttl") & _UNDISPUTED,
        "inferred",
        pl.format("{}{}", "replayed", _BROKER_SAYS),
    ),
    Cause(
        "overflow",
        "Where no replay decides, with the same proviso: the depth of survivors is even, and evener than their waits.",
        _LOST & pl.col("policy").is_null() & pl.col("depth").is_not_null() & _UNDISPUTED,
        "inferred",
        _FULL,
    ),
    Cause(
        "broker_lost",
        "As many as have no receipt waited in the queue, by the broker's counters, when it was restarted or deleted; "
        "or they miss as many, the queue, without limit or TTL, was emptied at a stroke, and the node lost "
        "nothing to a rule: a purge.",
        _LOST & _told("broker_lost"),
        "confirmed",
        pl.col("fact_told"),
    ),
    Cause(
        "receiver_down",
        "The broker says that the queue has no consumer, and that as many messages wait in it as have no receipt.",
        (_PROOF == "held") & _told("receiver_down"),
        "confirmed",
        pl.col("fact_told"),
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
        "publish_failed",
        "The connection was reset or refused as it was sent, nobody sent it again, and it was lost.",
        _LOST
        & pl.col("failed")
        & pl.col("unsure")
        & pl.col("failure").str.contains(r"(?i)connection ?(reset|refused)"),
        "inferred",
        pl.format("the send failed ({}), and no later send of it was seen", "failure"),
    ),
    Cause(
        "call_lost",
        "A client span that failed with no server span, where that server is instrumented.",
        _PROOF == "lost",
        "inferred",
        pl.lit(None, dtype=pl.String),
    ),
    Cause(
        "silent_stop",
        "Journeys ended after a step that ended well and nearly always leads on, in an episode: many more than its own "
        "usual rate, by outcome. Whoever hands over to the next step was heard and did not, or later journeys went on.",
        _PROOF == "stopped",
        "inferred",
        pl.lit(None, dtype=pl.String),
    ),
    Cause(
        "silent_stop",
        "The same where usual stops are more than a twentieth of them, a release that stayed came with it, or nothing "
        "went on since.",
        _PROOF.is_in(["stopped perhaps", "halted"]),
        "suspected",
        pl.lit(None, dtype=pl.String),
    ),
    Cause(
        "unknown",
        "Proof that it was dropped, none why.",
        _LOST,
        "inferred",
        pl.coalesce(_DISPUTED, pl.lit("nothing in the spans says why")),
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
    unknown = [pl.lit(None, dtype=dtype).alias(name) for name, dtype in _BY_BROKER.items() if name not in rows.columns]
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
        rows.with_columns(unknown)
        .with_columns(first.alias("_cause"))
        .with_columns(
            pl.col("_cause").replace_strict(_NAMES, default=None, return_dtype=pl.String).alias("cause"),
            pl.when(accused)
            .then(pl.col("_cause").replace_strict(confidences, default="suspected", return_dtype=pl.String))
            .alias("confidence"),
            pl.when(accused).then(_disposition()).alias("disposition"),
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
    """Where it is now, as far as spans and the broker tell.

    A send that failed never entered; what was lost within may lie in a place that nobody reads, unless the broker says
    that its queue has no dead-letter exchange.
    """
    parked = pl.col("held_at").str.contains(r"(?i)park|alternate|unrout")
    return (
        pl.when(pl.col("proof") == "held")
        .then(pl.lit("waiting"))
        .when(pl.col("held_at").is_not_null() & (parked | (pl.col("proof") == "unbound")))
        .then(pl.lit("parked"))
        .when(pl.col("held_at").is_not_null())
        .then(pl.lit("dead_lettered"))
        .when(pl.col("proof").is_in(["failed", "unbound"]) | (pl.col("fact_sure") & pl.col("no_letters")))
        .then(pl.lit("gone"))
        .otherwise(pl.lit("unknown"))
    )


def documentation() -> str:
    """The table as Markdown, for the README and the docs."""
    lines = ["| cause | convicted by | confidence |", "| --- | --- | --- |"]
    lines += [f"| `{cause.name}` | {cause.convicts} | {cause.confidence} |" for cause in CAUSES]
    return "\n".join(lines) + "\n"
