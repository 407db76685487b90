"""EXPECTATIONS: who receives from a channel, how long it takes, how far it reorders; and which callee answers a caller.

Learned from the whole store, so that one window is judged by what is usual. All figures are in nanoseconds.
"""

from __future__ import annotations

import hashlib

import polars as pl

from baton import sampling
from baton.limits import (
    COIN_TOSS_COUNT_MIN,
    COIN_TOSS_SHARE_MAX,
    COIN_TOSS_Z_MAX,
    DEADLINE_MARGIN,
    DEADLINE_NS_MIN,
    DEADLINE_PAIRS_MIN,
    DEADLINE_QUANTILE,
    DURATION_NS_MAX,
    ONSET_RATIO,
    PROCESSING_CHANCE,
    PROCESSING_COUNT_MIN,
    PROCESSING_MARGIN,
    PROCESSING_MARGIN_MAX,
    PROCESSING_TAIL_QUANTILE,
)
from baton.pairs.lives import KIND, retired, shunned
from baton.pairs.pressure import pressed, pressure
from baton.pairs.subscriptions import subscriptions
from baton.schema import CHANNEL, EXPECTATIONS, SEQUENCE, SUBSCRIPTION


def learn(sent: pl.DataFrame, receipts: pl.DataFrame, calls: pl.DataFrame) -> pl.DataFrame:
    """EXPECTATIONS from everything that was paired.

    Args:
        sent: SENDS.
        receipts: RECEIPTS.
        calls: CALLS.

    Returns:
        EXPECTATIONS, sorted; empty where nothing was paired.
    """
    takes = receipts.join(sent, on="send", suffix="_sent")
    grouped = subscriptions(takes)
    known = takes.join(grouped, on=[*CHANNEL, "taker"])
    messages = _messages(known, sent)
    calls = _calls(calls)
    if messages.is_empty() and calls.is_empty():
        return EXPECTATIONS.empty()
    rows = pl.concat([messages, calls]).with_columns(
        pl.lit(sent["sent_ns"].min(), dtype=pl.Int64).alias("from_ns"),
        pl.lit(sent["sent_ns"].max(), dtype=pl.Int64).alias("until_ns"),
        pl.lit(None, dtype=EXPECTATIONS.schema["step"]).alias("step"),
    )
    return versioned(rows)


def versioned(rows: pl.DataFrame) -> pl.DataFrame:
    """EXPECTATIONS, sorted, with the version that names their content.

    Args:
        rows: EXPECTATIONS of all kinds, with or without a version.
    """
    if rows.is_empty():
        return EXPECTATIONS.empty()
    rows = rows.drop("version", strict=False).sort("kind", *SUBSCRIPTION)
    version = hashlib.sha256(rows.write_json().encode()).hexdigest()[:12]
    return rows.with_columns(pl.lit(version).alias("version")).select(EXPECTATIONS.names).cast(EXPECTATIONS.schema)


def _messages(known: pl.DataFrame, sent: pl.DataFrame) -> pl.DataFrame:
    received = (
        known.lazy()
        .group_by(*SUBSCRIPTION, "relation", "send")
        .agg(pl.col("first_ns").min(), pl.col("done_ns").max(), pl.col("received_ns").max())
    )
    profile = (
        known.lazy()
        .group_by(*SUBSCRIPTION, "relation")
        .agg(
            pl.col("taker").unique().sort().alias("takers"),
            pl.col("service").unique().sort().alias("services"),
            pl.col("destination").drop_nulls().sort().first(),
            pl.col("send").n_unique().cast(pl.Int64).alias("pairs"),
            pl.col("sent_ns").min().alias("first_ns"),
            pl.col("sent_ns").max().alias("last_ns"),
            (pl.col("done_ns") - pl.col("received_ns")).max().clip(0, DURATION_NS_MAX).alias("processing_ns"),
            _margin(pl.col("done_ns") - pl.col("received_ns")).alias("processing_margin"),
            pl.col("first_ns").max().alias("horizon_ns"),
            (pl.col("service_instance") == "").any().alias("nameless"),
            pl.col("redelivery_ns").max(),
            *_thresholds(),
            pl.when(pl.col("home").n_unique() == 1).then(pl.col("home").first()).alias("home"),
            _routing_keys().alias("routing_keys"),
        )
    )
    lives = _told_by_ids(profile.collect(), sent)
    profile = lives.join(retired(lives, sent, received), on=SUBSCRIPTION, how="left").lazy()
    expected = _expected(profile, sent.lazy(), received).collect()
    queued = pressed(pressure(expected))
    avoided = shunned(expected, queued)
    if not avoided.is_empty():
        kinds = [*SUBSCRIPTION, "shunned"]
        expected = expected.with_columns(KIND.alias("shunned")).join(avoided.explode("shunned"), on=kinds, how="anti")
    base = expected.lazy().filter(~pl.col("failed") & (pl.col("randomness") >= pl.col("threshold")))
    return (
        profile.join(avoided.lazy(), on=SUBSCRIPTION, how="left")
        .join(_latency(base), on=SUBSCRIPTION, how="left")
        .join(_reorder(base), on=SUBSCRIPTION, how="left")
        .join(_tossed(base, profile, queued.lazy()), on=SUBSCRIPTION, how="left")
        .with_columns(
            pl.lit("message").alias("kind"),
            pl.col("sends").fill_null(pl.col("pairs")),
            pl.col("reorder_ns").fill_null(0),
            pl.col("tossed").fill_null(value=False) | pl.col("other"),
        )
        .select(_LEARNED)
        .collect()
    )


def _margin(took_ns: pl.Expr) -> pl.Expr:
    """How many times the longest receipt the next one may take, by the tail of those seen (Float64).

    Hill's estimate of the tail's index a, over the longest tenth: of n receipts the longest is exceeded c times over by
    the next one with a chance of 1 / (n c^a). Null where PROCESSING_COUNT_MIN receipts are not there to tell.
    """
    usual = took_ns.quantile(PROCESSING_TAIL_QUANTILE)
    hill = (took_ns.filter((took_ns >= usual) & (took_ns > 0)) / usual.clip(1)).log().mean()
    margin = (-hill * (PROCESSING_CHANCE * took_ns.len()).log()).exp()
    return pl.when(took_ns.len() >= PROCESSING_COUNT_MIN).then(
        margin.fill_null(PROCESSING_MARGIN).clip(PROCESSING_MARGIN, PROCESSING_MARGIN_MAX)
    )


def _thresholds() -> tuple[pl.Expr, ...]:
    """`threshold` and `id_threshold` of samplers that receipts share a trace with; whether there are `other` ones.

    A receipt in another trace than its send is sampled by that trace's randomness: nothing tells which. Samplers that
    say nothing in the tracestate show in the ids of what they kept.
    """
    below = pl.col("method") == "parent"
    said = pl.col("threshold").filter(~below).max() > 0
    return (
        pl.col("threshold").filter(below).max().fill_null(0),
        sampling.lowest(pl.col("trace_key").filter(below)).fill_null(0).alias("id_threshold"),
        pl.any_horizontal(said, sampling.cut(pl.col("trace_key").filter(~below))).fill_null(value=False).alias("other"),
    )


def _told_by_ids(profile: pl.DataFrame, sent: pl.DataFrame) -> pl.DataFrame:
    """Raises `threshold` to that of the ids, where messages were sent below it: those the sender's sampler left."""
    least = sent.group_by(CHANNEL).agg(pl.col("randomness").min().alias("least"))
    alone = pl.col("id_threshold") > pl.col("least")
    threshold = pl.max_horizontal("threshold", pl.when(alone).then("id_threshold"))
    return profile.join(least, on=CHANNEL, how="left").with_columns(threshold).drop("least", "id_threshold")


def _expected(profile: pl.LazyFrame, sent: pl.LazyFrame, received: pl.LazyFrame) -> pl.LazyFrame:
    """(subscription, send) with `first_ns` of its receipt or null: all that was meant for it."""
    meant = sent.join(
        profile.filter(pl.col("relation") == "expected")
        .rename({"first_ns": "since_ns"})
        .select(
            *SUBSCRIPTION, "services", "since_ns", "horizon_ns", "nameless", "routing_keys", "threshold", "retired_ns"
        ),
        on=CHANNEL,
    ).filter(
        (pl.col("sent_ns") >= pl.col("since_ns"))
        & (pl.col("sent_ns") <= pl.col("retired_ns")).fill_null(value=True)
        & pl.col("routing_key").is_in(pl.col("routing_keys")).fill_null(value=True)
    )
    return meant.join(received.select(*SUBSCRIPTION, "send", "first_ns"), on=[*SUBSCRIPTION, "send"], how="left")


def _routing_keys() -> pl.Expr:
    """The routing keys received; null where some message bore none, or keys name messages rather than kinds."""
    keys = pl.col("routing_key").unique().sort()
    kinds = pl.col("routing_key").n_unique() * 2 <= pl.len()
    return pl.when(pl.col("routing_key").null_count() == 0).then(pl.when(kinds | (pl.len() == 1)).then(keys.implode()))


def _latency(base: pl.LazyFrame) -> pl.LazyFrame:
    """The deadline: a margin over the Kaplan-Meier quantile of the waiting time.

    The unreceived are censored at the last receipt of their subscription. Where the curve never falls that far (much
    was lost) the longest wait stands for it.
    """
    wait = (pl.col("first_ns") - pl.col("sent_ns")).clip(0)
    so_far = (pl.col("horizon_ns") - pl.col("sent_ns")).clip(0)
    at_risk = (pl.len() - pl.int_range(pl.len())).over(SUBSCRIPTION)
    survival = (1 - pl.col("event") / pl.col("at_risk")).log().cum_sum().over(SUBSCRIPTION).exp()
    quantile = pl.coalesce(
        pl.col("wait").filter(pl.col("survival") <= 1 - DEADLINE_QUANTILE + 1e-9).min(),
        pl.col("wait").filter(pl.col("event")).max(),
    )
    deadline = (quantile * DEADLINE_MARGIN).clip(DEADLINE_NS_MIN, DURATION_NS_MAX).cast(pl.Int64)
    return (
        base.with_columns(pl.coalesce(wait, so_far).alias("wait"), pl.col("first_ns").is_not_null().alias("event"))
        .sort("wait", pl.col("event").not_())
        .with_columns(at_risk.alias("at_risk"))
        .with_columns(survival.alias("survival"))
        .group_by(SUBSCRIPTION)
        .agg(
            pl.len().cast(pl.Int64).alias("sends"),
            pl.when(pl.col("event").sum() >= DEADLINE_PAIRS_MIN).then(deadline).alias("deadline_ns"),
        )
    )


def _reorder(base: pl.LazyFrame) -> pl.LazyFrame:
    """The longest time between a message's being overtaken (one sent later was received) and its own receipt."""
    overtaken_ns = pl.col("first_ns").cum_min(reverse=True).shift(-1).over(SEQUENCE)
    return (
        base.filter(pl.col("first_ns").is_not_null())
        .sort("sent_ns", "first_ns")
        .with_columns((pl.col("first_ns") - overtaken_ns).clip(0).alias("late_ns"))
        .group_by(SUBSCRIPTION)
        .agg(pl.col("late_ns").max().clip(0, DURATION_NS_MAX).alias("reorder_ns"))
    )


def _tossed(base: pl.LazyFrame, profile: pl.LazyFrame, queued: pl.LazyFrame) -> pl.LazyFrame:
    """Do the receipts look like coin tosses? Then the receiver samples, or takes a part by its content.

    Wald-Wolfowitz runs test over the messages in the order of sending, up to the last one received: an outage loses in
    runs, a sampler at random. A full queue may lose at random too, but its survivors have waited in it, and a sampled
    receiver's have not.

    What samplers are set to is little. Where several subscriptions share the channel one may filter, from the first
    message on; and of instances without an id one may fall silent unseen, for good: there any share counts.
    """
    got = pl.col("first_ns").is_not_null()
    edge = (got != got.shift()).over(SUBSCRIPTION).fill_null(value=True)
    n1, n2 = got.sum().cast(pl.Float64), (~got).sum().cast(pl.Float64)
    n = n1 + n2
    expected = 2 * n1 * n2 / n + 1
    deviation = ((expected - 1) * (expected - 2) / (n - 1)).sqrt()
    # Only too few runs tell of a cause: more than chance makes is what a rate limit or a filter does.
    # Where one kind is rare its runs are few, and skewed: Cornish's and Fisher's correction for a Poisson count.
    skewed = ((COIN_TOSS_Z_MAX**2 - 1) / 3 + 1) * (n1 - n2).abs() / n
    random = pl.col("edge").sum() - expected >= -COIN_TOSS_Z_MAX * deviation - skewed
    place = pl.int_range(pl.len())
    first, last = place.filter(~got).min(), place.filter(~got).max()
    # Losses that come and go at random come this soon after the first message, and as near to the last.
    usual = ONSET_RATIO * (last - first) / (n2 - 1)
    enough = pl.min_horizontal(n1, n2) >= COIN_TOSS_COUNT_MIN
    several = profile.filter(pl.col("relation") == "expected").group_by(CHANNEL).agg((pl.len() > 1).alias("several"))
    return (
        base.sort("sent_ns", "send")
        .filter(pl.col("sent_ns") <= pl.col("sent_ns").filter(got).max().over(SUBSCRIPTION))
        .with_columns(edge.alias("edge"))
        .group_by(SUBSCRIPTION)
        .agg(
            (enough & random).alias("random"),
            (n1 / n).alias("share"),
            (first > usual).alias("onset"),
            (pl.len() - last <= usual).alias("lasting"),
            pl.col("nameless").first(),
        )
        .join(several, on=CHANNEL)
        .join(queued, on=SUBSCRIPTION, how="left")
        .select(
            *SUBSCRIPTION,
            (
                pl.col("random")
                & ~pl.col("pressed").fill_null(value=False)
                & (
                    (pl.col("share") <= COIN_TOSS_SHARE_MAX)
                    | (pl.col("several") & ~pl.col("onset"))
                    | (pl.col("nameless") & pl.col("onset") & pl.col("lasting"))
                )
            ).alias("tossed"),
        )
    )


def _calls(calls: pl.DataFrame) -> pl.DataFrame:
    """Who answers whom: (caller, target, operation) -> the services whose server spans answered.

    Calls that failed without an answer say nothing of how well the callee is instrumented and are left out.
    """
    answered = pl.col("to_service").is_not_null()
    told = pl.col("to_service").filter(answered).unique().sort()
    return (
        calls.lazy()
        .filter(answered | ~pl.col("failed"))
        .group_by("tenant", "environment", "channel")
        .agg(
            pl.len().cast(pl.Int64).alias("sends"),
            answered.sum().cast(pl.Int64).alias("pairs"),
            told.alias("services"),
            pl.col("sent_ns").filter(answered).min().alias("first_ns"),
            pl.col("sent_ns").filter(answered).max().alias("last_ns"),
            (pl.col("done_ns") - pl.col("received_ns")).max().clip(0, DURATION_NS_MAX).alias("processing_ns"),
        )
        .filter(pl.col("pairs") > 0)
        .with_columns(
            pl.lit("call").alias("kind"),
            pl.lit("").alias("broker"),
            pl.col("services").list.join(" | ").alias("subscription"),
            pl.col("services").alias("takers"),
            pl.lit(None, dtype=pl.String).alias("destination"),
            pl.lit("expected").alias("relation"),
            pl.lit(None, dtype=pl.List(pl.String)).alias("routing_keys"),
            pl.lit(None, dtype=pl.Int64).alias("deadline_ns"),
            pl.lit(0, dtype=pl.Int64).alias("reorder_ns"),
            (pl.col("pairs") <= COIN_TOSS_SHARE_MAX * pl.col("sends")).alias("tossed"),
            pl.lit(0, dtype=pl.Int64).alias("threshold"),
            *(pl.lit(None, dtype=EXPECTATIONS.schema[name]).alias(name) for name in _OF_MESSAGES),
        )
        .select(_LEARNED)
        .collect()
    )


_LIVES = ("threshold", "retired_ns")
_OF_MESSAGES = ("processing_margin", "redelivery_ns", "home", "retired_ns", "shunned")
"""Columns of EXPECTATIONS that a call has no use for."""

_LEARNED = [name for name in EXPECTATIONS.names if name not in ("version", "from_ns", "until_ns", "step")]
