"""Verdicts of steps: journeys that stopped after a step that nearly always leads on, though it ended well.

Some always stop there; so a journey is accused only within an episode, a stretch in which more stopped than the step's
own usual rate makes. What a lost message or call explains is theirs, and what the telemetry does not cover is a blind
spot. Two signs tell that the next step was left out rather than is late: whoever always hands over to it was heard in
this journey and did not; or journeys that came later have taken it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from baton.handoffs.episodes import EPISODES, episodes
from baton.handoffs.outages import came_live, shadows, told
from baton.handoffs.telemetry import INSTANCE, SERVICE
from baton.limits import INSTANT_NS_MAX, SILENCE_TAIL_NS, STEP_LATE_COUNT, STEP_LATE_RATIO

if TYPE_CHECKING:
    from baton.handoffs.telemetry import Watched

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


def judge(
    passages: pl.DataFrame, rows: pl.DataFrame, spans: pl.DataFrame, journeys: pl.DataFrame, watched: Watched
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
    settled = _unexplained(_settled(passages, watched), rows)
    settled = settled.with_columns(pl.int_range(pl.len()).over("step").alias("number"))
    found = pl.DataFrame(list(episodes(settled, spans)), schema=EPISODES, orient="row")
    # Where several next steps are missing, the nearest stands for all.
    stops = (
        settled.filter(pl.col("went_ns").is_null())
        .join(found, on="step")
        .filter((pl.col("number") >= pl.col("first")) & (pl.col("number") < pl.col("end")))
        .sort("deadline_at_ns", "step")
        .unique("send", keep="first", maintain_order=True)
    )
    past = (
        settled.filter(pl.col("went_ns").is_not_null()).group_by("step").agg(pl.col("sent_ns").max().alias("past_ns"))
    )
    blind = stops.select(*_ONE, pl.col("sent_ns").alias("lo_ns"), pl.col("deadline_at_ns").alias("hi_ns"))
    live = came_live(spans[stops["send"]])
    stops = (
        stops.join(past, on="step", how="left")
        .join(shadows(blind.join(live, on="send"), watched.outages), on=_ONE, how="left")
        .with_columns(_silent(stops, spans, journeys), _heard(stops, spans, watched))
        .with_columns(_proof().alias("proof"))
        .with_columns(_evidence().alias("evidence"), pl.col("proof").replace_strict(CLAUSES).alias("verdict"))
    )
    return stops.select(
        "send",
        "tenant",
        "environment",
        "journey_id",
        "journey_type",
        "subscription",
        "service",
        pl.concat_list("to_service").alias("services"),
        "sent_ns",
        "deadline_at_ns",
        "proof",
        "verdict",
        "evidence",
        pl.lit("step").alias("kind"),
        pl.lit("expected").alias("relation"),
        pl.lit("learned").alias("expected_by"),
        pl.lit(value=False).alias("failed"),
    )


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
            ~pl.col("verdict").is_in(_FINE)
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


def _silent(stops: pl.DataFrame, spans: pl.DataFrame, journeys: pl.DataFrame) -> pl.Series:
    """`silent` (Boolean): who always hands over to the next step was heard in this journey after the step began.

    Its send or call would have been heard as well, however deaf the next step's telemetry.
    """
    rows = journeys.filter(pl.col("journey_id").is_in(stops["journey_id"].unique().implode()))
    seen = rows.join(spans[rows["row"]].select("row", "tenant", "environment", "service", "end_ns"), on="row")
    heard = (
        stops.filter(pl.col("via").is_not_null())
        .select(*_ONE, *_JOURNEY, "sent_ns", pl.col("via").alias("service"))
        .explode("service")
        .join(seen, on=[*_JOURNEY, "service"])
        .filter(pl.col("end_ns") >= pl.col("sent_ns"))
        .select(_ONE)
        .unique()
    )
    marked = stops.select(_ONE).join(heard.with_columns(silent=True), on=_ONE, how="left", maintain_order="left")
    return marked["silent"].fill_null(value=False)


def _heard(stops: pl.DataFrame, spans: pl.DataFrame, watched: Watched) -> pl.Series:
    """`heard` (Boolean): the next step's service sent spans then, and no instance of it fell silent or paused."""
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
    heard = alive.join(quiet, on=_ONE, how="anti").select(_ONE).with_columns(heard=True)
    return stops.select(_ONE).join(heard, on=_ONE, how="left", maintain_order="left")["heard"].fill_null(value=False)


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
