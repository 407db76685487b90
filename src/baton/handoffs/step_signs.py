"""Signs that bear on a step not taken: another way, the silence of who leads there, what its telemetry is worth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from baton.handoffs.telemetry import INSTANCE, SERVICE
from baton.limits import SILENCE_TAIL_NS, STEP_PEERS

if TYPE_CHECKING:
    from baton.handoffs.telemetry import Watched
    from baton.looks import Spans

_JOURNEY = ["tenant", "environment", "journey_id"]
_ONE = ["send", "step"]


def elsewhere(settled: pl.DataFrame, steps: list[int], spans: Spans, journeys: pl.DataFrame) -> pl.DataFrame:
    """Stops of journeys that went on another way.

    That is to a service that those who went on never reached, or to the next step's service under another name: the
    process was changed, and nothing stopped.

    Args:
        settled: PASSAGES.
        steps: only these.
        spans: SPANS and SIGHTINGS.
        journeys: JOURNEYS.

    Returns:
        `send`, `step`.
    """
    of_step = settled.filter(pl.col("step").is_in(steps))
    stops = of_step.filter(pl.col("went_ns").is_null())
    others = of_step.filter(pl.col("went_ns").is_not_null()).group_by("step", maintain_order=True).tail(STEP_PEERS)
    entries = _of_journeys(pl.concat([stops, others.select(stops.columns)]), spans, journeys).filter(
        pl.col("role").is_in(["server", "receive"])
    )
    usual = others.select("step", *_JOURNEY).join(entries, on=_JOURNEY).select("step", "seen").unique()
    return (
        stops.join(entries, on=_JOURNEY)
        .filter((pl.col("start_ns") > pl.col("sent_ns")) & (pl.col("seen") != pl.col("service")))
        .join(usual.with_columns(usual=True), on=["step", "seen"], how="left")
        .filter(pl.col("usual").is_null() | (pl.col("seen") == pl.col("to_service")))
        .select(_ONE)
        .unique()
    )


def passed_over(stops: pl.DataFrame, spans: Spans, journeys: pl.DataFrame) -> pl.DataFrame:
    """(send, step) where who always hands over to the next step was heard in the same journey since the step began.

    Its send or call would have been heard as well, however deaf the next step's telemetry.
    """
    handing = stops.filter(pl.col("via").is_not_null())
    return (
        handing.select(*_ONE, *_JOURNEY, "sent_ns", pl.col("via").alias("seen"))
        .explode("seen")
        .join(_of_journeys(handing, spans, journeys), on=[*_JOURNEY, "seen"])
        .filter(pl.col("end_ns") >= pl.col("sent_ns"))
        .select(_ONE)
        .unique()
    )


def heard(stops: pl.DataFrame, spans: Spans, watched: Watched) -> pl.DataFrame:
    """(send, step) where the next step's service sent spans then, and no instance of it fell silent or paused."""
    wanted = stops.select(
        *_ONE, "tenant", "environment", "sent_ns", "deadline_at_ns", "onset_ns", pl.col("to_service").alias("service")
    )
    signs = (
        spans.lazy()
        .filter(pl.col("service").is_in(wanted["service"].unique().implode()))
        .select(*SERVICE, pl.col("start_ns").alias("sign_ns"))
        .sort("sign_ns")
        .collect()
    )
    alive = (
        wanted.sort("sent_ns")
        .join_asof(signs, left_on="sent_ns", right_on="sign_ns", by=SERVICE, strategy="forward", check_sortedness=False)
        .filter(pl.col("sign_ns") <= pl.col("deadline_at_ns"))
    )
    fell = pl.col("watermark_ns").is_between(pl.col("onset_ns") - SILENCE_TAIL_NS, pl.col("deadline_at_ns"))
    quiet = (
        wanted.join(watched.telemetry, on=SERVICE)
        .sort("deadline_at_ns")
        .join_asof(
            watched.pauses,
            left_on="deadline_at_ns",
            right_on="gap_from_ns",
            by=INSTANCE,
            strategy="backward",
            check_sortedness=False,
        )
        .filter(fell | (pl.col("gap_until_ns") >= pl.col("sent_ns")).fill_null(value=False))
    )
    return alive.join(quiet, on=_ONE, how="anti").select(_ONE)


def _of_journeys(passages: pl.DataFrame, spans: Spans, journeys: pl.DataFrame) -> pl.DataFrame:
    """The spans of these journeys: `seen` (their service), `role`, `start_ns`, `end_ns`."""
    ids = passages["journey_id"].unique()
    rows = journeys.filter(pl.col("journey_id").is_in(ids.implode())).select("row", "journey_id")
    seen = pl.col("service").alias("seen")
    return rows.select("journey_id").hstack(
        spans[rows["row"]].select("tenant", "environment", seen, "role", "start_ns", "end_ns")
    )
