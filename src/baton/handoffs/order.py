"""Overtaking: was a message that nobody received passed by messages sent after it?"""

from __future__ import annotations

import polars as pl

from baton.schema import SEQUENCE, SUBSCRIPTION


def overtaken(rows: pl.DataFrame) -> pl.DataFrame:
    """Adds when each message was first overtaken, and the last receipt before it.

    Where several takers, or partitions, share a subscription, a message counts as overtaken once *each* of those that
    take its kind received a later one: they may in truth stand at different queues. One that another replaced is not
    waited for.

    Args:
        rows: the frame of `expected.expected`.

    Returns:
        The same rows with `overtaken_ns` (Int64: receipt of the first message sent later, null if none was received),
        `passed_until_ns` (the latest receipt of any sent later), `before_ns` (the latest receipt of a message sent
        earlier) and `before_sent_ns` (when the last of those was sent); null in sequences that lack no receipt.
    """
    narrow = rows.select("send", *SEQUENCE, "sent_ns", "first_ns", "lane", "relation")
    lacking = narrow.filter(pl.col("first_ns").is_null()).select(SEQUENCE).unique()
    some = narrow.join(lacking, on=SEQUENCE, how="semi", nulls_equal=True)
    waited_for = _waited_for(some.filter(pl.col("first_ns").is_not_null() & (pl.col("relation") == "expected")))
    lanes = (
        some.drop("relation")
        .join(waited_for, on=SEQUENCE, nulls_equal=True)
        .with_columns(pl.when(pl.col("lane") == pl.col("waited_for")).then("first_ns").alias("own_ns"))
        .sort("sent_ns", "send")
    )
    ordered = [*SEQUENCE, "waited_for"]
    # Polars leaves a running extreme null where the value is: the nearest one on the right side stands for it.
    later = pl.col("own_ns").cum_min(reverse=True).backward_fill().shift(-1).over(ordered)
    latest = pl.col("own_ns").cum_max(reverse=True).backward_fill().shift(-1).over(ordered)
    earlier = pl.col("own_ns").cum_max().forward_fill().shift().over(ordered)
    sent = pl.when(pl.col("own_ns").is_not_null()).then("sent_ns")
    earlier_sent = sent.cum_max().forward_fill().shift().over(ordered)
    passed = (
        lanes.with_columns(
            later.alias("later_ns"),
            latest.alias("latest_ns"),
            earlier.alias("earlier_ns"),
            earlier_sent.alias("earlier_sent_ns"),
        )
        # Of messages sent at the very same time none is later than another.
        .with_columns(
            pl.col("later_ns", "latest_ns").last().over([*ordered, "sent_ns"]),
            pl.col("earlier_ns").first().over([*ordered, "sent_ns"]),
            pl.col("earlier_sent_ns").first().over([*ordered, "sent_ns"]),
        )
        .group_by("send", *SUBSCRIPTION)
        .agg(
            pl.when(pl.col("later_ns").is_not_null().all()).then(pl.col("later_ns").max()).alias("overtaken_ns"),
            pl.col("latest_ns").min().alias("passed_until_ns"),
            pl.col("earlier_ns").max().alias("before_ns"),
            pl.col("earlier_sent_ns").max().alias("before_sent_ns"),
        )
    )
    return rows.join(passed, on=["send", *SUBSCRIPTION], how="left", nulls_equal=True)


def _waited_for(received: pl.DataFrame) -> pl.DataFrame:
    """(sequence, waited_for): its lanes, less those whose receipts ended before another's began."""
    lanes = received.group_by(*SEQUENCE, pl.col("lane").alias("waited_for")).agg(
        pl.col("first_ns").min().alias("from_ns"), pl.col("first_ns").max().alias("until_ns")
    )
    return lanes.filter(pl.col("from_ns").max().over(SEQUENCE) <= pl.col("until_ns")).select(*SEQUENCE, "waited_for")
