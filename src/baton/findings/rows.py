"""Public rows: judged, convicted messages and calls in the words of schema.HANDOFFS."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import polars as pl

from baton.schema import HANDOFFS, UNOWNED, UNSAID

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_ID_HEX = 32
_FINDING = ("tenant", "environment", "kind", "from_party", "to_party", "channel", "channel_team", "verdict", "cause")


def public(rows: pl.DataFrame, spans: pl.DataFrame | pl.LazyFrame, as_of_ns: int) -> pl.DataFrame:
    """HANDOFFS, sorted by `sent_at, handoff_id`.

    Args:
        rows: convicted rows of messages and calls, with what `told.told` and `accountable.hold` add.
        spans: `row`, `trace_id`, `span_id` of all spans.
        as_of_ns: event time of the judgement.

    Returns:
        HANDOFFS.
    """
    ids = spans.lazy().select("trace_id", "span_id").collect()
    rows = rows.with_columns(
        *_hex(ids, rows["send"], ""),
        *_hex(ids, rows["row"], "receive_"),
    )
    rows = rows.with_columns(
        _hashed(rows, ("kind", "trace_id", "span_id", "subscription")).alias("handoff_id"),
        pl.when(pl.col("verdict").is_in(["dropped", "stuck"]))
        .then(_hashed(rows.with_columns(_party("from"), _party("to")), _FINDING))
        .alias("finding_id"),
    )
    rows = _resubmitted(rows).with_columns(*_places(), *_times(as_of_ns), pl.col("step").alias("receipt"))
    return rows.select(pl.col(column.name).cast(column.dtype) for column in HANDOFFS.columns).sort(
        "sent_at", "handoff_id"
    )


def _hex(ids: pl.DataFrame, place: pl.Series, prefix: str) -> Iterator[pl.Series]:
    """The ids at these rows, in hex."""
    for name in ids.columns:
        yield ids[name].gather(place).bin.encode("hex").alias(prefix + name)


def _party(side: str) -> pl.Expr:
    """A side of a boundary: the team; where nobody owns the service, the service itself."""
    team, service = pl.col(f"{side}_team"), pl.col(f"{side}_service")
    return pl.when(team == UNOWNED).then(service).otherwise(team).alias(f"{side}_party")


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


def _hashed(rows: pl.DataFrame, columns: Iterable[str]) -> pl.Series:
    """SHA-256 of the columns joined by unit separators, null as nothing."""
    text = rows.select(
        pl.concat_str([pl.col(name).cast(pl.String).fill_null("") for name in columns], separator="\x1f")
    ).to_series()
    digests = [hashlib.sha256(one.encode()).hexdigest()[:_ID_HEX] for one in text.to_list()]
    return pl.Series(digests, dtype=pl.String)


def _resubmitted(rows: pl.DataFrame) -> pl.DataFrame:
    """Adds `resubmitted_by`: of a silent loss that a later send made good, that send's row.

    It stays dropped: this is how duplicate trades are made.
    """
    later = rows.select(
        pl.col("send").alias("made_good"), "kind", "subscription", pl.col("handoff_id").alias("resubmitted_by")
    ).unique(["made_good", "kind", "subscription"], keep="any")
    joined = rows.join(later, on=["made_good", "kind", "subscription"], how="left")
    return joined.with_columns(
        pl.when((pl.col("verdict") == "dropped") & ~pl.col("failed")).then("resubmitted_by").alias("resubmitted_by")
    )
