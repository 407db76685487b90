"""Public rows: judged, convicted messages and calls in the words of schema.HANDOFFS."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from baton.findings.episodes import IDENTIFYING, LOST, digests, identify
from baton.schema import HANDOFFS, UNSAID

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from baton.looks import Spans

OF_ROWS = (
    "kind", "tenant", "environment", "send", "row", "subscription", "message_id", "correlation_id", "journey_id",
    "journey_type", "sent_ns", "received_ns", "deadline_at_ns", "expected_by", "relation", "service", "channel",
    "place", "queue", "receiver", "services", "verdict", "step", "duplicates", "held_at", "failed", "evidence",
    "proof",
)  # fmt: skip
"""Columns of judged rows that become a public row, or that `told.told` or `trust` read."""

OF_LOST = {
    "made_good": pl.UInt32(),
    **dict.fromkeys(("cause", "confidence", "disposition", "accountable_team", "next_to_ask"), pl.String()),
}
"""The same of rows that were lost, beside OF_ROWS."""

OF_WHY = ("cause", "confidence", "disposition", "accountable_team", "next_to_ask", "finding_id", "evidence")
"""Columns of HANDOFFS that are not known until losses are explained."""

ROW_ID = ["kind", "trace_id", "span_id", "subscription"]
"""What a row's `handoff_id` is made of."""

_OF_FINDINGS = ("send", "subscription", *IDENTIFYING)
_OF_RESUBMITTED = ("send", "kind", "subscription", "verdict", "failed", "made_good")


def public(rows: pl.DataFrame, spans: Spans, as_of_ns: int) -> pl.LazyFrame:
    """HANDOFFS, in no order.

    A query: ids in hex and their hashes, which cost more than many a judgement, are made only where they are read.

    Args:
        rows: OF_ROWS, what `told.told` adds, and OF_LOST unless nothing is told of losses.
        spans: whose ids are spelled.
        as_of_ns: event time of the judgement.

    Returns:
        HANDOFFS.
    """

    def each(read: Iterable[str], told: Callable[[pl.DataFrame, Spans], pl.Series]) -> pl.Expr:
        return pl.struct(read).map_batches(lambda some: told(some.struct.unnest(), spans), return_dtype=pl.String)

    untold = [pl.lit(None, dtype=dtype).alias(name) for name, dtype in OF_LOST.items() if name not in rows.columns]
    return (
        rows.lazy()
        .with_columns(untold)
        .with_columns(
            each(_OF_FINDINGS, _findings).alias("finding_id"),
            each(_OF_RESUBMITTED, _resubmitted).alias("resubmitted_by"),
            *_hex(spans, "send", ""),
            *_hex(spans, "row", "receive_"),
        )
        .with_columns(
            each(ROW_ID, _digests).alias("handoff_id"), *_places(), *_times(as_of_ns), pl.col("step").alias("receipt")
        )
        .select(pl.col(column.name).cast(column.dtype) for column in HANDOFFS.columns)
    )


def explained(rows: pl.DataFrame, lost: pl.DataFrame) -> pl.DataFrame:
    """Rows with OF_LOST and `evidence` of those that were lost, `at` their places among them."""
    told = [
        pl.repeat(None, len(rows), dtype=dtype, eager=True).alias(name).scatter(lost["at"], lost[name])
        for name, dtype in OF_LOST.items()
    ]
    which = pl.int_range(len(rows), eager=True).scatter(lost["at"], pl.int_range(len(lost), eager=True) + len(rows))
    evidence = pl.concat([rows["evidence"], lost["evidence"]]).rechunk()
    return rows.with_columns(*told, evidence.gather(which))


def _digests(named: pl.DataFrame, _: Spans) -> pl.Series:
    return digests(named, ROW_ID)


def _findings(rows: pl.DataFrame, spans: Spans) -> pl.Series:
    """`finding_id`: only what was lost has to bear its id for that."""
    rows = rows.with_row_index("_row")
    lost = rows.filter(pl.col("verdict").is_in(LOST)).select("_row", *_identity(spans))
    lost = lost.with_columns(digests(lost, ROW_ID).alias("handoff_id")).select("_row", "handoff_id")
    return identify(rows.join(lost, on="_row", how="left", maintain_order="left"))["finding_id"]


def _identity(spans: Spans) -> Iterator[pl.Expr]:
    """ROW_ID, of each row."""
    yield from (pl.col("kind"), pl.col("subscription"), *_hex(spans, "send", ""))


def _hex(spans: Spans, place: str, prefix: str) -> Iterator[pl.Expr]:
    """The ids at these rows, in hex."""
    for name, told in (("trace_id", spans.trace_ids), ("span_id", spans.span_ids)):
        yield pl.col(place).map_batches(told, return_dtype=pl.String).alias(prefix + name)


def _places() -> tuple[pl.Expr, ...]:
    said = ~pl.col("channel").str.starts_with(UNSAID)
    elsewhere = pl.when(pl.col("place") != pl.col("channel")).then("place")
    return (
        pl.coalesce("queue", elsewhere).alias("queue"),
        pl.when(said).then("channel").alias("channel"),
        pl.when(said).then("channel_team").alias("channel_team"),
        pl.col("journey_id").bin.encode("hex"),
    )


def _times(as_of_ns: int) -> tuple[pl.Expr, ...]:
    expected = pl.col("relation") == "expected"
    late = (pl.col("kind") == "message") & expected & (pl.col("received_ns") > pl.col("deadline_at_ns"))
    utc = pl.Datetime("ns", "UTC")
    return (
        pl.col("sent_ns").cast(utc).alias("sent_at"),
        pl.col("received_ns").cast(utc).alias("received_at"),
        pl.when(expected & pl.col("expected_by").is_not_null()).then("deadline_at_ns").cast(utc).alias("deadline_at"),
        late.fill_null(value=False).alias("late"),
        pl.lit(as_of_ns).cast(utc).alias("as_of"),
    )


def _resubmitted(rows: pl.DataFrame, spans: Spans) -> pl.Series:
    """`resubmitted_by`: of a silent loss that a later send made good, that send's row.

    It stays dropped: this is how duplicate trades are made.
    """
    key = ["made_good", "kind", "subscription"]
    silent = (pl.col("verdict") == "dropped") & ~pl.col("failed") & pl.col("made_good").is_not_null()
    rows = rows.with_row_index("_row")
    lost = rows.filter(silent).select("_row", *key)
    later = (
        rows.lazy()
        .select("send", "kind", "subscription")
        .join(lost.lazy().select(pl.col("made_good").alias("send")).unique(), on="send", how="semi")
        .unique()
        .select(pl.col("send").alias("made_good"), *_identity(spans))
        .collect()
    )
    later = later.with_columns(digests(later, ROW_ID).alias("resubmitted_by")).select(*key, "resubmitted_by")
    named = lost.join(later, on=key).select("_row", "resubmitted_by")
    return rows.select("_row").join(named, on="_row", how="left", maintain_order="left")["resubmitted_by"]
