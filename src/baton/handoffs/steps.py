"""Verdicts of steps: journeys that stopped after a step that nearly always leads on, though it ended well.

Some always stop there; so a journey is accused only within an episode, a stretch in which more stopped than the step's
own usual rate makes. What a lost message or call explains is theirs, and what the telemetry does not cover is a blind
spot. Two signs tell that the next step was left out rather than is late: whoever always hands over to it was heard in
this journey and did not; or journeys that came later have taken it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from baton.handoffs.episodes import EPISODES, Episode, episodes
from baton.handoffs.outages import came_live, shadows, told
from baton.handoffs.step_signs import elsewhere, heard, passed_over
from baton.handoffs.telemetry import SERVICE
from baton.limits import INSTANT_NS_MAX, SILENCE_TAIL_NS, STEP_LATE_COUNT, STEP_LATE_RATIO
from baton.schema import PASSAGES

if TYPE_CHECKING:
    from baton.handoffs.telemetry import Watched
    from baton.looks import Spans

_JOURNEY = ["tenant", "environment", "journey_id"]
_ONE = ["send", "step"]
_FINE = ("delivered", "retried")

CLAUSES: dict[str, str] = {
    "step blind": "unobserved",
    "unheard": "unobserved",
    "stopped": "dropped",
    "stopped perhaps": "dropped",
    "halted": "stuck",
}


_ROWS = {
    **{
        name: PASSAGES.schema[name]
        for name in (
            "send",
            "tenant",
            "environment",
            "journey_id",
            "journey_type",
            "subscription",
            "service",
            "sent_ns",
            "deadline_at_ns",
        )
    },
    **dict.fromkeys(("kind", "relation", "expected_by", "proof", "verdict"), pl.String()),
    **dict.fromkeys(("services", "evidence"), pl.List(pl.String())),
    "failed": pl.Boolean(),
}


def judge(
    passages: pl.DataFrame, rows: pl.DataFrame, spans: Spans, journeys: pl.DataFrame, watched: Watched
) -> pl.DataFrame:
    """One row a journey that stopped within an episode.

    Args:
        passages: PASSAGES.
        rows: judged messages and calls.
        spans: SPANS and SIGHTINGS.
        journeys: JOURNEYS.
        watched: what is known of the services' telemetry.

    Returns:
        Rows in the words of `verdict.judge`, of kind step: `send` is the row of the last step's span, there is no
        receipt, `subscription` and `services` are the next step's.
    """
    settled = _unexplained(_settled(_kept(passages, watched), watched), rows)
    found = list(episodes(settled, spans))
    if found:
        gone = elsewhere(settled, [one.step for one in found], spans, journeys)
        settled = settled.join(gone, on=_ONE, how="anti", maintain_order="left")
        found = list(episodes(settled, spans))
    stops = _within(settled, found)
    if stops.is_empty():
        return pl.DataFrame(schema=_ROWS)
    went = settled.filter(pl.col("went_ns").is_not_null())
    past = went.group_by("step").agg(pl.col("sent_ns").max().alias("past_ns"))
    blind = stops.select(*_ONE, pl.col("sent_ns").alias("lo_ns"), pl.col("deadline_at_ns").alias("hi_ns"))
    live = came_live(spans[stops["send"]])
    return (
        stops.join(past, on="step", how="left")
        .join(shadows(blind.join(live, on="send"), watched.outages), on=_ONE, how="left")
        .join(passed_over(stops, spans, journeys).with_columns(silent=True), on=_ONE, how="left")
        .join(heard(stops, spans, watched).with_columns(heard=True), on=_ONE, how="left")
        .with_columns(pl.col("silent", "heard").fill_null(value=False))
        .with_columns(_proof().alias("proof"))
        .with_columns(
            _evidence().alias("evidence"),
            pl.col("proof").replace_strict(CLAUSES).alias("verdict"),
            pl.concat_list("to_service").alias("services"),
            pl.lit("step").alias("kind"),
            pl.lit("expected").alias("relation"),
            pl.lit("learned").alias("expected_by"),
            pl.lit(value=False).alias("failed"),
        )
        .select(pl.col(name).cast(dtype) for name, dtype in _ROWS.items())
    )


def _within(settled: pl.DataFrame, found: list[Episode]) -> pl.DataFrame:
    """The stops within episodes; where several next steps are missing, the nearest stands for all."""
    return (
        settled.with_columns(pl.int_range(pl.len()).over("step").alias("number"))
        .filter(pl.col("went_ns").is_null())
        .join(pl.DataFrame(found, schema=EPISODES, orient="row"), on="step")
        .filter((pl.col("number") >= pl.col("first")) & (pl.col("number") < pl.col("end")))
        .sort("deadline_at_ns", "step")
        .unique("send", keep="first", maintain_order=True)
    )


def _kept(passages: pl.DataFrame, watched: Watched) -> pl.DataFrame:
    """Without the steps whose service, or next, or who hands over to it, is declared as sampled by tail.

    What such a sampler kept depends on how the journey ended: it makes stops, and hides them.
    """
    if watched.tails.is_empty():
        return passages
    parties = pl.concat_list("service", "to_service", pl.col("via").fill_null([]))
    thinned = (
        passages.select("step", "environment", parties.alias("party"))
        .explode("party")
        .join(watched.tails, left_on=["environment", "party"], right_on=["environment", "service"], how="semi")
    )
    return passages.join(thinned.select("step").unique(), on="step", how="anti", maintain_order="left")


def _settled(passages: pl.DataFrame, watched: Watched) -> pl.DataFrame:
    """Passages whose deadline the step's own service has moved past, as far as its spans are exported.

    Where the journeys that went on last waited long, those behind them may wait longer still.
    """
    wait_ns = (pl.col("went_ns") - pl.col("sent_ns")).top_k_by("went_ns", STEP_LATE_COUNT).max() * STEP_LATE_RATIO
    late = (
        passages.filter(pl.col("went_ns").is_not_null()).group_by("step").agg(wait_ns.cast(pl.Int64).alias("late_ns"))
    )
    heard = watched.telemetry.group_by(SERVICE).agg(pl.col("watermark_ns").max())
    return (
        passages.join(late, on="step", how="left")
        .join(heard, on=SERVICE)
        .with_columns(
            pl.max_horizontal(
                "deadline_at_ns", pl.col("sent_ns").clip(upper_bound=INSTANT_NS_MAX) + pl.col("late_ns").fill_null(0)
            )
        )
        .filter(pl.col("deadline_at_ns") + SILENCE_TAIL_NS <= pl.col("watermark_ns"))
        .drop("late_ns", "watermark_ns")
        .sort("sent_ns", "send", "step")
    )


def _unexplained(settled: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Without the stops that a handoff of the same journey explains: one that was lost, or may have been, on the way.

    The way is known where the next step is always handed over to: through those who do. Else any handoff may lie on it.
    """
    stops = settled.filter(pl.col("went_ns").is_null())
    lost = (
        rows.lazy()
        .filter(
            # What the broker counted as taken went on out of sight.
            (~pl.col("verdict").is_in(_FINE) | (pl.col("proof") == "acknowledged"))
            & (pl.col("services").is_not_null() | pl.col("verdict").is_in(["dropped", "stuck"]))
        )
        .select(*_JOURNEY, "services", pl.col("sent_ns").alias("lost_ns"))
        .join(stops.lazy().select(_JOURNEY).unique(), on=_JOURNEY, how="semi")
    )
    way = pl.concat_list(pl.col("via"), pl.concat_list("to_service"))
    explains = (
        pl.when(pl.col("via").is_null() | pl.col("services").is_null())
        .then(pl.col("lost_ns") >= pl.col("sent_ns"))
        .otherwise(way.list.set_intersection("services").list.len() > 0)
    )
    explained = (
        stops.lazy().select(*_ONE, *_JOURNEY, "sent_ns", "via", "to_service").join(lost, on=_JOURNEY).filter(explains)
    )
    return settled.join(explained.select(_ONE).unique().collect(), on=_ONE, how="anti", maintain_order="left")


def _proof() -> pl.Expr:
    stopped = pl.when(pl.col("sure")).then(pl.lit("stopped")).otherwise(pl.lit("stopped perhaps"))
    return (
        pl.when(pl.col("blind_from_ns").is_not_null())
        .then(pl.lit("step blind"))
        .when(pl.col("silent"))
        .then(stopped)
        .when(~pl.col("heard"))
        .then(pl.lit("unheard"))
        .when(_passed())
        .then(stopped)
        .otherwise(pl.lit("halted"))
    )


def _passed() -> pl.Expr:
    """A journey that came after its deadline went on."""
    return (pl.col("past_ns") >= pl.col("deadline_at_ns")).fill_null(value=False)


def _evidence() -> pl.Expr:
    """The blind spot first, for that is what reports show of one; then the episode's story, then the proof."""
    proof, to = pl.col("proof"), pl.col("to_service")

    def when(holds: pl.Expr, sentence: pl.Expr) -> pl.Expr:
        return pl.concat_list(pl.when(holds).then(sentence))

    return pl.concat_list(
        when(proof == "step blind", told()),
        when(proof == "unheard", pl.format("the telemetry of {} does not cover it", to)),
        pl.col("story"),
        when(
            pl.col("silent"),
            pl.format(
                "{}, which else hands over to {}, was heard in this journey, and sent it nothing",
                pl.col("via").list.join(", "),
                to,
            ),
        ),
        when(_passed(), pl.lit("a journey that came after its deadline went on")),
        when(
            proof == "halted",
            pl.format("no journey that came later has gone on: {} may be late rather than left out", to),
        ),
    ).list.drop_nulls()
