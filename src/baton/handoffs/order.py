"""Overtaking: was a message that nobody received passed by messages sent after it?"""

from __future__ import annotations

import polars as pl

from baton.handoffs.beside import PLACE, beside
from baton.schema import SEQUENCE


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
        earlier) and `before_sent_ns` (when the last of those was sent); null where there is a receipt.
    """
    some = _lacking(rows)
    waited_for = _waited_for(some.filter(pl.col("first_ns").is_not_null() & (pl.col("relation") == "expected")))
    lanes = (
        some.lazy()
        .drop("relation")
        .join(waited_for.lazy(), on="sequence")
        .with_columns(pl.when(pl.col("lane") == pl.col("waited_for")).then("first_ns").alias("own_ns"))
        .drop("lane")
        .sort("line", "sent_ns", "send")
    )
    # Polars leaves a running extreme null where the value is: the nearest one on the right side stands for it.
    later = pl.col("own_ns").cum_min(reverse=True).backward_fill().shift(-1).over("line")
    latest = pl.col("own_ns").cum_max(reverse=True).backward_fill().shift(-1).over("line")
    earlier = pl.col("own_ns").cum_max().forward_fill().shift().over("line")
    sent = pl.when(pl.col("own_ns").is_not_null()).then("sent_ns")
    earlier_sent = sent.cum_max().forward_fill().shift().over("line")
    passed = (
        lanes.with_columns(
            later.alias("later_ns"),
            latest.alias("latest_ns"),
            earlier.alias("earlier_ns"),
            earlier_sent.alias("earlier_sent_ns"),
        )
        # Of messages sent at the very same time none is later than another.
        .with_columns(pl.struct("line", "sent_ns").rle_id().alias("moment"))
        .with_columns(
            pl.col("later_ns", "latest_ns").last().over("moment"),
            pl.col("earlier_ns", "earlier_sent_ns").first().over("moment"),
        )
        .filter(pl.col("first_ns").is_null())
        .group_by(PLACE)
        .agg(
            pl.when(pl.col("later_ns").is_not_null().all()).then(pl.col("later_ns").max()).alias("overtaken_ns"),
            pl.col("latest_ns").min().alias("passed_until_ns"),
            pl.col("earlier_ns").max().alias("before_ns"),
            pl.col("earlier_sent_ns").max().alias("before_sent_ns"),
        )
        .collect()
    )
    return beside(rows, passed)


def _lacking(rows: pl.DataFrame) -> pl.DataFrame:
    """All of the sequences that lack a receipt, narrow: with PLACE and `sequence`, a number in the place of names."""
    some = (
        rows.lazy()
        .select("send", *SEQUENCE, "sent_ns", "first_ns", "lane", "relation")
        .with_row_index(PLACE)
        .filter(pl.col("subscription").is_in(pl.col("subscription").filter(pl.col("first_ns").is_null()).implode()))
        .collect()
    )
    lacking = some.filter(pl.col("first_ns").is_null()).select(SEQUENCE).unique().with_row_index("sequence")
    return some.join(lacking, on=SEQUENCE, nulls_equal=True).drop(SEQUENCE)


def _waited_for(received: pl.DataFrame) -> pl.DataFrame:
    """`sequence`, `waited_for`: its lanes, less those whose receipts ended before another's began; each a `line`."""
    lanes = received.group_by("sequence", pl.col("lane").alias("waited_for")).agg(
        pl.col("first_ns").min().alias("from_ns"), pl.col("first_ns").max().alias("until_ns")
    )
    last = lanes.filter(pl.col("from_ns").max().over("sequence") <= pl.col("until_ns"))
    return last.select("sequence", "waited_for").with_row_index("line")
