"""What the receivers' telemetry can vouch for: watermarks, silences and gaps, per service instance.

Absence of a receive span is evidence only where the receiver's spans of that time have arrived. Each function is over
frames; all times are Int64 nanoseconds on the receiver's clock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from baton.handoffs.beside import PLACE, beside, unseen
from baton.handoffs.idle import idled
from baton.handoffs.outages import shadows
from baton.limits import (
    ACKNOWLEDGE_NS_MAX,
    DURATION_NS_MAX,
    GAP_BESIDE_RATIO,
    GAP_LOCAL_NS_MIN,
    GAP_LOCAL_RATIO,
    GAP_LOCAL_SPANS,
    GAP_MESSAGES_MIN,
    GAP_NS_LONG,
    GAP_NS_MIN,
    GAP_USUAL_QUANTILE,
    GAP_USUAL_RATIO,
    INSTANT_NS_MAX,
    PROCESSING_MARGIN,
    REORDER_MARGIN,
    SILENCE_TAIL_NS,
    SILENT_FOR_GOOD_NS,
    SKEW_NS_MAX,
)
from baton.schema import SUBSCRIPTION

if TYPE_CHECKING:
    from baton.looks import Spans

INSTANCE = ["tenant", "environment", "service", "service_instance"]
SERVICE = ["tenant", "environment", "service"]
_AT_HOME = ["tenant", "home", "service", "service_instance"]
"""An instance by its own environment, which may be another than the channel's."""


class Watched(NamedTuple):
    """What is known of the services' telemetry.

    Attributes:
        telemetry: TELEMETRY.
        pauses: the frame of `gaps`.
        outages: Baton's own OUTAGES.
        tails: `environment`, `service`: those declared as sampled by tail.
    """

    telemetry: pl.DataFrame
    pauses: pl.DataFrame
    outages: pl.DataFrame
    tails: pl.DataFrame


def watch(spans: Spans) -> pl.DataFrame:
    """TELEMETRY: first and last sign of every instance."""
    # Looks are few: each says of which instance it is.
    looks = spans.rows.group_by("look").agg(pl.col("start_ns").min(), pl.col("end_ns").max())
    return (
        looks.with_columns(spans.looks[name].gather(looks["look"]) for name in INSTANCE)
        .group_by(INSTANCE)
        .agg(pl.col("start_ns").min().alias("first_ns"), pl.col("end_ns").max().alias("watermark_ns"))
        .sort(INSTANCE)
    )


def gaps(spans: pl.DataFrame) -> pl.DataFrame:
    """Pauses in an instance's spans that are long, long for it, or long for how busy it was before and after.

    Args:
        spans: SPANS and SIGHTINGS.

    Returns:
        INSTANCE columns, `gap_from_ns`, `gap_until_ns`, sorted by the first.
    """
    quiet_since = pl.col("end_ns").cum_max().shift().over("instance")
    pause_ns = pl.col("start_ns") - pl.col("gap_from_ns")
    usual_ns = pl.col("pause_ns").filter(pl.col("pause_ns") > 0).quantile(GAP_USUAL_QUANTILE).over("instance")
    long_ns = (usual_ns * GAP_USUAL_RATIO).clip(GAP_NS_MIN, GAP_NS_LONG)
    # What stands before and after the pause, the same number of spans on each side.
    before_ns = pl.col("gap_from_ns") - pl.col("start_ns").shift(GAP_LOCAL_SPANS).over("instance")
    after_ns = pl.col("start_ns").shift(-GAP_LOCAL_SPANS).over("instance") - pl.col("start_ns")
    busy_ns = pl.max_horizontal("before_ns", "after_ns") / GAP_LOCAL_SPANS
    local_ns = (busy_ns * GAP_LOCAL_RATIO).clip(lower_bound=GAP_LOCAL_NS_MIN)
    both = pl.col("before_ns").is_not_null() & pl.col("after_ns").is_not_null()
    instances = spans.select(INSTANCE).unique().with_row_index("instance")
    return (
        spans.lazy()
        .join(instances.lazy(), on=INSTANCE, nulls_equal=True)
        .select("instance", "start_ns", "end_ns")
        .sort("start_ns", "end_ns")
        .with_columns(quiet_since.alias("gap_from_ns"))
        .with_columns(pause_ns.alias("pause_ns"), before_ns.alias("before_ns"), after_ns.alias("after_ns"))
        .filter((pl.col("pause_ns") > long_ns) | (both & (pl.col("pause_ns") > local_ns)))
        .join(instances.lazy(), on="instance")
        .select(*INSTANCE, "gap_from_ns", pl.col("start_ns").alias("gap_until_ns"))
        .sort("gap_from_ns")
        .collect()
    )


def vouch(rows: pl.DataFrame, watched: Watched, as_of_ns: int) -> pl.DataFrame:
    """Says for every message without a receipt what the receivers' telemetry is worth there.

    A message's receipt is looked for between `lo_ns` (the last receipt before it in order, else its send) and `hi_ns`
    (where it was surely overtaken, else its deadline).

    Args:
        rows: the frame of `order.overtaken` with `deadline_at_ns`, `live` (see `outages.came_live`) and `pressed`
            (Boolean: survivors of the losses stood in a queue, which explains the losses).
        watched: what is known of the receivers' telemetry.
        as_of_ns: event time of the judgement.

    Returns:
        The same rows with, null where there is a receipt, `hi_ns`, `lo_ns`, `passed` (Boolean: overtaken beyond the
        reordering that its pairs show), `silent_instance`, `silent_ns` (an instance that took from it fell silent for
        good near the expected receipt), `gap_from_ns`, `gap_until_ns` (a pause that took several messages with it and
        ended with fresh ones), `gap_beside` (UInt32: how many those pauses took beside which this one is missing
        alone), `moved` (Boolean: an instance that takes from it was heard after `hi_ns`), `born` (Boolean: one was
        heard before the expected receipt), `awaited` (Boolean: one is still to be heard), `busy_instance` (one that
        began nothing sent later, and may have the message in its hands), `service_ns` (last sign of the service),
        and what `outages.shadows` adds.
    """
    lacking = unseen(rows)
    lossy = lacking["subscription"].unique().implode()
    received = (
        rows.lazy()
        .filter(pl.col("row").is_not_null() & pl.col("subscription").is_in(lossy))
        .select(*SUBSCRIPTION, "receiver", "instance", "receiver_home", "sent_ns", "first_ns")
        .collect()
    )
    missing = _chained(_windows(lacking, received))
    takers = _takers(received).join(watched.telemetry, left_on=_AT_HOME, right_on=INSTANCE, how="left")
    candidates = missing.drop("home").join(takers, on=SUBSCRIPTION)
    paused = _beside(missing, _paused(candidates, watched.pauses, received, rows))
    return beside(
        rows.drop("live", "pressed"),
        missing.select(PLACE, "hi_ns", "lo_ns", "passed"),
        _heard(candidates, as_of_ns),
        paused,
        shadows(missing.select(PLACE, "lo_ns", "hi_ns", "live"), watched.outages),
        _signs(missing, watched.telemetry),
    )


def _windows(lacking: pl.DataFrame, received: pl.DataFrame) -> pl.DataFrame:
    """Where the receipt of each is looked for, and what is asked of it: narrow, with PLACE."""
    slack = (pl.col("reorder_ns").clip(upper_bound=DURATION_NS_MAX) * REORDER_MARGIN).cast(pl.Int64)
    took_ns = pl.col("processing_ns").clip(upper_bound=DURATION_NS_MAX)
    # By its tail, as long as a broker waits for an acknowledgement; longer only where longer ones were seen.
    tail_ns = (took_ns * pl.col("processing_margin").fill_null(0)).clip(upper_bound=ACKNOWLEDGE_NS_MAX)
    longest_ns = pl.max_horizontal(took_ns * PROCESSING_MARGIN, tail_ns).cast(pl.Int64)
    overtaken_ns = pl.col("overtaken_ns").clip(upper_bound=INSTANT_NS_MAX)
    return lacking.join(_behind(received), on=SUBSCRIPTION, how="left", maintain_order="left").select(
        PLACE,
        "send",
        *SUBSCRIPTION,
        *("services", "home", "sent_ns", "before_ns", "overtaken_ns", "reorder_ns", "processing_ns", "deadline_ns"),
        *("pressed", "live", "failed"),
        pl.coalesce(overtaken_ns + slack + longest_ns, "deadline_at_ns").alias("hi_ns"),
        pl.max_horizontal(pl.col("sent_ns") + pl.col("behind_ns").fill_null(0), pl.col("before_ns") - slack).alias(
            "lo_ns"
        ),
        (pl.col("passed_until_ns") >= overtaken_ns + slack).alias("passed"),
    )


def _behind(received: pl.DataFrame) -> pl.DataFrame:
    """How far the receiver's clock is behind the sender's, at least: by the shortest wait, where it is negative."""
    wait_ns = (pl.col("first_ns") - pl.col("sent_ns")).min()
    return received.group_by(SUBSCRIPTION).agg(wait_ns.clip(-SKEW_NS_MAX, 0).alias("behind_ns"))


def _takers(received: pl.DataFrame) -> pl.DataFrame:
    """Instances that were seen to take from each subscription; others of the same service say nothing of it."""
    return received.group_by(
        *SUBSCRIPTION,
        pl.col("receiver").alias("service"),
        pl.col("instance").alias("service_instance"),
        pl.col("receiver_home").alias("home"),
    ).agg(pl.col("sent_ns").max().alias("taken_sent_ns"))


def _chained(missing: pl.DataFrame) -> pl.DataFrame:
    """Adds `chain_ns`: when the run of losses began to which each belongs, none SILENCE_TAIL_NS after another."""
    begins = (pl.col("lo_ns").diff() > SILENCE_TAIL_NS).over(SUBSCRIPTION).fill_null(value=True)
    return (
        missing.sort(*SUBSCRIPTION, "lo_ns")
        .with_columns(begins.cum_sum().over(SUBSCRIPTION).alias("chain"))
        .with_columns(pl.col("lo_ns").min().over(*SUBSCRIPTION, "chain").alias("chain_ns"))
        .drop("chain")
    )


def _heard(candidates: pl.DataFrame, as_of_ns: int) -> pl.DataFrame:
    """What each instance that takes from the subscription was heard to do around each missing receipt.

    An instance whose exporter was cut may work on unseen for as long as messages keep missing: a run of losses that
    began when it fell silent, and that no full queue explains, may all be its.
    """
    heard_ns = pl.col("watermark_ns")
    # Instances without an id report each in its own time: of one the others' watermark says nothing yet.
    reported = (pl.col("service_instance") != "") | (pl.col("hi_ns") <= as_of_ns - SILENCE_TAIL_NS)
    alive = (heard_ns >= pl.col("hi_ns")) & reported
    since = ~pl.col("pressed") & pl.col("chain_ns").is_between(heard_ns, heard_ns + SILENCE_TAIL_NS)
    near = ~alive & ((heard_ns + SILENCE_TAIL_NS >= pl.col("lo_ns")) | since)
    for_good = as_of_ns - heard_ns > SILENT_FOR_GOOD_NS
    silent = near & for_good
    # It hands over in order: one that began something sent later has not this message in its hands.
    behind = (pl.col("taken_sent_ns") < pl.col("sent_ns")) & (heard_ns >= pl.col("lo_ns") - SILENT_FOR_GOOD_NS)
    return (
        candidates.sort("watermark_ns", "service_instance")
        .group_by(PLACE, maintain_order=True)
        .agg(
            pl.col("sent_ns").first(),
            pl.col("service_instance").filter(silent).last().alias("silent_instance"),
            pl.col("watermark_ns").filter(silent).last().alias("silent_ns"),
            alive.any().alias("moved"),
            (pl.col("first_ns") <= pl.col("lo_ns")).any().alias("born"),
            (near & ~for_good).any().alias("awaited"),
            pl.col("service_instance").filter(behind).last().alias("busy_instance"),
        )
        .with_columns(
            pl.when(pl.lit(as_of_ns) - pl.col("sent_ns") < ACKNOWLEDGE_NS_MAX)
            .then("busy_instance")
            .alias("busy_instance")
        )
        .drop("sent_ns")
    )


def _paused(candidates: pl.DataFrame, pauses: pl.DataFrame, received: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Pauses that swallowed messages.

    A pause whose first receipts are fresh was one of the telemetry, as far as anyone can tell. One that ends with a
    backlog was a real stop, and proves nothing against the receiver's spans, unless `idled` says otherwise. Where every
    send of the pause had failed, there was nothing to take.
    """
    resumed = received.select(
        *SUBSCRIPTION,
        pl.col("receiver").alias("service"),
        pl.col("instance").alias("service_instance"),
        pl.col("first_ns").alias("gap_until_ns"),
        pl.col("sent_ns").alias("resumed_sent_ns"),
    )
    taker = [*SUBSCRIPTION, "service", "service_instance"]
    at_home = pauses.rename({"environment": "home"})
    within = (
        candidates.sort("hi_ns")
        .join_asof(
            at_home, left_on="hi_ns", right_on="gap_from_ns", by=_AT_HOME, strategy="backward", check_sortedness=False
        )
        .filter(pl.col("gap_until_ns") >= pl.col("lo_ns"))
        .sort("gap_until_ns")
        .join_asof(
            resumed.sort("gap_until_ns"), on="gap_until_ns", by=taker, strategy="forward", check_sortedness=False
        )
    )
    fresh = (pl.col("resumed_sent_ns") >= pl.col("gap_until_ns") - pl.col("deadline_ns")).fill_null(value=True)
    pause = [*taker, "gap_from_ns"]
    went = (~pl.col("failed")).sum().over(pause)
    found = [within.filter(fresh & (went >= GAP_MESSAGES_MIN)), idled(candidates, rows)]
    return (
        pl.concat([one.select(PLACE, "gap_from_ns", "gap_until_ns") for one in found])
        .sort("gap_from_ns")
        .group_by(PLACE, maintain_order=True)
        .agg(pl.col("gap_from_ns").first(), pl.col("gap_until_ns").first())
    )


def _beside(missing: pl.DataFrame, paused: pl.DataFrame) -> pl.DataFrame:
    """The pauses' messages, and those few that are missing beside them.

    Where an exporter drops what does not fit, most of it shows as pauses and a little as single spans.
    """
    run = [*SUBSCRIPTION, "chain_ns"]
    took, alone = pl.col("gap_from_ns").count(), (pl.col("gap_from_ns").is_null() & ~pl.col("failed")).sum()
    few = (alone * GAP_BESIDE_RATIO <= took).over(run)
    nearest = pl.col("gap_from_ns", "gap_until_ns").backward_fill().forward_fill().over(run)
    touched = missing.join(paused, on=PLACE, how="semi").select(SUBSCRIPTION).unique()
    return (
        missing.join(touched, on=SUBSCRIPTION, how="semi")
        .join(paused, on=PLACE, how="left")
        .sort("lo_ns", "send")
        .with_columns(
            few.alias("few"), pl.when(pl.col("gap_from_ns").is_null() & few).then(took.over(run)).alias("gap_beside")
        )
        .with_columns(pl.when("few").then(nearest).otherwise(pl.col("gap_from_ns", "gap_until_ns")))
        .filter(pl.col("gap_from_ns").is_not_null())
        .select(PLACE, "gap_from_ns", "gap_until_ns", "gap_beside")
    )


def _signs(missing: pl.DataFrame, telemetry: pl.DataFrame) -> pl.DataFrame:
    at_home = telemetry.rename({"environment": "home"})
    service = ["tenant", "home", "service"]
    last = at_home.group_by(service).agg(pl.col("watermark_ns").max().alias("service_ns"))
    return (
        missing.select(PLACE, "tenant", pl.coalesce("home", "environment"), pl.col("services").alias("service"))
        .explode("service")
        .join(last, on=service)
        .group_by(PLACE)
        .agg(pl.col("service_ns").max())
    )
