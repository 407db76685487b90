"""What the receivers' telemetry can vouch for: watermarks, silences and gaps, per service instance.

Absence of a receive span is evidence only where the receiver's spans of that time have arrived. Each function is over
frames; all times are Int64 nanoseconds on the receiver's clock.
"""

from __future__ import annotations

import polars as pl

from baton.handoffs.expected import SUBSCRIPTION
from baton.limits import GAP_MESSAGES_MIN, GAP_NS_MIN, REORDER_MARGIN, SILENCE_TAIL_NS, SILENT_FOR_GOOD_NS

INSTANCE = ["tenant", "environment", "service", "service_instance"]
SERVICE = ["tenant", "environment", "service"]


def watch(spans: pl.DataFrame) -> pl.DataFrame:
    """TELEMETRY: first and last sign of every instance."""
    return (
        spans.lazy()
        .group_by(INSTANCE)
        .agg(pl.col("start_ns").min().alias("first_ns"), pl.col("end_ns").max().alias("watermark_ns"))
        .sort(INSTANCE)
        .collect()
    )


def gaps(spans: pl.DataFrame) -> pl.DataFrame:
    """INSTANCE columns, `gap_from_ns`, `gap_until_ns`: pauses in an instance's spans longer than GAP_NS_MIN."""
    quiet_since = pl.col("end_ns").cum_max().shift().over(INSTANCE)
    return (
        spans.lazy()
        .select(*INSTANCE, "start_ns", "end_ns")
        .sort("start_ns", "end_ns")
        .with_columns(quiet_since.alias("gap_from_ns"))
        .filter(pl.col("start_ns") - pl.col("gap_from_ns") > GAP_NS_MIN)
        .select(*INSTANCE, "gap_from_ns", pl.col("start_ns").alias("gap_until_ns"))
        .sort("gap_from_ns")
        .collect()
    )


def vouch(rows: pl.DataFrame, telemetry: pl.DataFrame, pauses: pl.DataFrame, as_of_ns: int) -> pl.DataFrame:
    """Says for every message without a receipt what the receivers' telemetry is worth there.

    A message's receipt is looked for between `lo_ns` (the last receipt before it in order, else its send) and `hi_ns`
    (where it was surely overtaken, else its deadline).

    Args:
        rows: the frame of `order.overtaken` with `deadline_at_ns`.
        telemetry: the frame of `watch`.
        pauses: the frame of `gaps`.
        as_of_ns: event time of the judgement.

    Returns:
        The same rows with `hi_ns`, and, null where there is a receipt: `silent_instance`, `silent_ns` (an instance that
        took from it fell silent for good near the expected receipt), `gap_from_ns`, `gap_until_ns` (a pause that took
        several messages with it and ended with fresh ones), `moved` (Boolean: an instance that takes from it was heard
        after `hi_ns`), `awaited` (Boolean: one is still to be heard), `service_ns` (last sign of the service).
    """
    slack = pl.col("reorder_ns").cast(pl.Float64) * REORDER_MARGIN
    rows = rows.with_columns(
        pl.coalesce(pl.col("overtaken_ns") + slack.cast(pl.Int64) + pl.col("processing_ns"), "deadline_at_ns").alias(
            "hi_ns"
        ),
        pl.max_horizontal("sent_ns", pl.col("before_ns") - slack.cast(pl.Int64)).alias("lo_ns"),
    )
    missing = rows.filter(pl.col("first_ns").is_null() & pl.col("subscription").is_not_null()).select(
        "send", *SUBSCRIPTION, "services", "lo_ns", "hi_ns", "overtaker_sent_ns", "deadline_ns"
    )
    takers = _takers(rows).join(telemetry, on=INSTANCE, how="left")
    heard = _heard(missing.join(takers, on=SUBSCRIPTION), as_of_ns)
    paused = _paused(missing.join(takers, on=SUBSCRIPTION), pauses)
    key = ["send", *SUBSCRIPTION]
    return (
        rows.join(heard, on=key, how="left", nulls_equal=True)
        .join(paused, on=key, how="left", nulls_equal=True)
        .join(_signs(missing, telemetry), on=key, how="left", nulls_equal=True)
        .drop("lo_ns")
    )


def _takers(rows: pl.DataFrame) -> pl.DataFrame:
    """Instances that were seen to take from each subscription; others of the same service say nothing of it."""
    return (
        rows.filter(pl.col("row").is_not_null())
        .select(
            *SUBSCRIPTION, pl.col("receiver").alias("service"), pl.col("instance").alias("service_instance")
        )
        .unique()
    )


def _heard(candidates: pl.DataFrame, as_of_ns: int) -> pl.DataFrame:
    alive = pl.col("watermark_ns") >= pl.col("hi_ns")
    long_gone = pl.col("watermark_ns") + SILENCE_TAIL_NS < pl.col("lo_ns")
    near = ~alive & ~long_gone
    for_good = as_of_ns - pl.col("watermark_ns") > SILENT_FOR_GOOD_NS
    silent = near & for_good
    return (
        candidates.sort("watermark_ns", "service_instance")
        .group_by("send", *SUBSCRIPTION, maintain_order=True)
        .agg(
            pl.col("service_instance").filter(silent).last().alias("silent_instance"),
            pl.col("watermark_ns").filter(silent).last().alias("silent_ns"),
            alive.any().alias("moved"),
            (near & ~for_good).any().alias("awaited"),
        )
    )


def _paused(candidates: pl.DataFrame, pauses: pl.DataFrame) -> pl.DataFrame:
    """Pauses that swallowed messages. A pause whose first receipts are fresh was one of the telemetry, as far as
    anyone can tell; one that ends with a backlog was a real stop, and proves nothing against the receiver's spans.
    """
    within = (
        candidates.sort("hi_ns")
        .join_asof(
            pauses, left_on="hi_ns", right_on="gap_from_ns", by=INSTANCE, strategy="backward", check_sortedness=False
        )
        .filter(pl.col("gap_until_ns") >= pl.col("lo_ns"))
    )
    fresh = pl.col("overtaker_sent_ns").is_null() | (
        pl.col("overtaker_sent_ns") >= pl.col("gap_until_ns") - pl.col("deadline_ns")
    )
    pause = [*SUBSCRIPTION, "service_instance", "gap_from_ns"]
    return (
        within.filter(fresh & (pl.len().over(pause) >= GAP_MESSAGES_MIN))
        .sort("gap_from_ns")
        .group_by("send", *SUBSCRIPTION, maintain_order=True)
        .agg(pl.col("gap_from_ns").first(), pl.col("gap_until_ns").first())
    )


def _signs(missing: pl.DataFrame, telemetry: pl.DataFrame) -> pl.DataFrame:
    last = telemetry.group_by(SERVICE).agg(pl.col("watermark_ns").max().alias("service_ns"))
    return (
        missing.select("send", *SUBSCRIPTION, pl.col("services").alias("service"))
        .explode("service")
        .join(last, on=SERVICE)
        .group_by("send", *SUBSCRIPTION)
        .agg(pl.col("service_ns").max())
    )
