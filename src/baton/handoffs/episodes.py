"""Episodes: stretches in which more journeys stopped after a step than usual, and what explains them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from baton.bursts import bursts, usual
from baton.limits import (
    EPISODE_BASELINE_SHARE_MAX,
    EPISODE_CHANCE,
    EPISODE_CHANGE_NS,
    NAMES_MAX,
    SECOND_NS,
    STEP_STOPS_MIN,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from baton.bursts import Burst
    from baton.looks import Spans


class Episode(NamedTuple):
    """One episode.

    Attributes:
        step: as in PASSAGES.
        first: number of its first passage in the order of the step's.
        end: number behind its last one.
        onset_ns: when its first passage was.
        sure: nearly all that stopped in it are beyond what is usual, and no change of version that stayed explains it.
        story: what is told of it, in sentences.
    """

    step: int
    first: int
    end: int
    onset_ns: int
    sure: bool
    story: list[str]


EPISODES = {
    "step": pl.UInt32(),
    "first": pl.Int64(),
    "end": pl.Int64(),
    "onset_ns": pl.Int64(),
    "sure": pl.Boolean(),
    "story": pl.List(pl.String()),
}


def episodes(passages: pl.DataFrame, spans: Spans) -> Iterator[Episode]:
    """The episodes of every step.

    Args:
        passages: PASSAGES in the order of time.
        spans: SPANS: of the next step's service, for its versions.
    """
    stopping = passages.filter(pl.col("went_ns").is_null().sum().over("step") >= STEP_STOPS_MIN)
    of_step = stopping.partition_by("step", maintain_order=True)
    for part in of_step:
        first = part.row(0, named=True)
        rate = usual(first["sends"] - first["pairs"], first["sends"])
        for burst in bursts(part["went_ns"].is_null().to_numpy(), rate, EPISODE_CHANCE / len(of_step)):
            if part[burst.start : burst.end]["went_ns"].null_count() >= STEP_STOPS_MIN:
                yield _told(part, burst, spans)


def _told(part: pl.DataFrame, burst: Burst, spans: Spans) -> Episode:
    first, within = part.row(0, named=True), part[burst.start : burst.end]
    stopped = within.filter(pl.col("went_ns").is_null())
    onset_ns, until_ns = stopped["sent_ns"][0], stopped["sent_ns"][-1]
    stops, sends = first["sends"] - first["pairs"], first["sends"]
    anyway = stops / sends * within.height
    lasts = part[burst.end :]["went_ns"].null_count() == part.height - burst.end
    figures = (
        f"{stopped.height:,} of the {within.height:,} journeys that took {first['said']} from {_clock(onset_ns)} to "
        f"{_clock(until_ns)} ended there, and well; usually {stops:,} of {sends:,} do, and "
        f"{first['subscription']} comes next"
    )
    story = [figures]
    changed = _versions(part, stopped, spans)
    if changed is not None:
        story.append(changed)
        if lasts:
            story.append("it has stayed so: a release that leaves the step out on purpose looks the same")
    usual_ones = anyway > EPISODE_BASELINE_SHARE_MAX * stopped.height
    if usual_ones:
        story.append(f"about {anyway:,.0f} of these would have ended there anyway, and nothing tells which")
    sure = not usual_ones and not (changed is not None and lasts)
    return Episode(first["step"], burst.start, burst.end, onset_ns, sure, story)


def _versions(part: pl.DataFrame, stopped: pl.DataFrame, spans: Spans) -> str | None:
    """A version that came with the episode: of the step's service, of one that hands over, or of the next one's."""
    first = part.row(0, named=True)
    went = part.filter(pl.col("went_ns").is_not_null())
    new, old = _named(stopped["service_version"]), _named(went["service_version"])
    if new and old and not set(new) & set(old):
        return f"those that ended there took {first['service']} {_list(new)}, those that went on {_list(old)}"
    onset_ns = stopped["sent_ns"][0]
    came = (
        spans.lazy()
        .filter(
            pl.col("service").is_in([first["service"], first["to_service"], *(first["via"] or ())])
            & (pl.col("tenant") == first["tenant"])
            & (pl.col("environment") == first["environment"])
        )
        .group_by("service", "service_version")
        .agg(pl.col("start_ns").min())
        .filter(
            pl.col("service_version").is_not_null()
            & (pl.len().over("service") > 1)
            & pl.col("start_ns").is_between(onset_ns - EPISODE_CHANGE_NS, onset_ns)
        )
        .sort("service", "service_version")
        .collect()
    )
    new = [f"{service} {version}" for service, version, _ in came.iter_rows()]
    return f"with the first of them came {_list(new)}" if new else None


def _named(versions: pl.Series) -> list[str]:
    return versions.drop_nulls().unique().sort().to_list()


def _list(names: list[str]) -> str:
    return ", ".join(names[:NAMES_MAX])


def _clock(time_ns: int) -> str:
    return datetime.fromtimestamp(time_ns // SECOND_NS, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
