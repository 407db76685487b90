from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

import polars as pl

from baton.findings.episodes import identify
from baton.limits import EPISODE_CLEAN_MIN, EPISODE_PAUSE_NS
from recording import Recording, judged, ns

if TYPE_CHECKING:
    from collections.abc import Sequence

_TEXT = ("tenant", "environment", "kind", "from_team", "from_service", "to_team", "to_service", "channel")
_ROW = {
    "tenant": "default",
    "environment": "",
    "kind": "message",
    "from_team": "trade",
    "from_service": "trading",
    "to_team": "messages",
    "to_service": "notify",
    "channel": "orders",
    "channel_team": "platform",
    "cause": None,
}
_SCHEMA = {
    **dict.fromkeys((*_TEXT, "channel_team", "verdict", "cause", "handoff_id"), pl.String),
    "sent_ns": pl.Int64,
}
PAUSE_S = EPISODE_PAUSE_NS / 1e9


def rows(lost: Sequence[float], came: Sequence[float] = (), **more: str | None) -> pl.DataFrame:
    """Handoffs lost and delivered at these seconds."""
    told = [
        {**_ROW, "verdict": verdict, "cause": "overflow" if verdict == "dropped" else None, **more}
        | {"handoff_id": f"{verdict}-{at}", "sent_ns": ns(at)}
        for verdict, times in (("dropped", lost), ("delivered", came))
        for at in times
    ]
    return pl.DataFrame(told, schema=_SCHEMA)


def found(frame: pl.DataFrame) -> dict[str, str | None]:
    """Handoff -> finding."""
    return dict(identify(frame).select("handoff_id", "finding_id").iter_rows())


def clean(count: int, start: float = 1.0, stop: float = PAUSE_S) -> list[float]:
    """Times of so many handoffs that came through."""
    return [start + number * (stop - start) / count for number in range(count)]


def test_a_long_clean_stretch_parts_two_episodes() -> None:
    """It takes the time and the handoffs: with either too little it is one episode."""
    long, short = [0.0, PAUSE_S + 1], [0.0, PAUSE_S]
    enough, few = clean(EPISODE_CLEAN_MIN), clean(EPISODE_CLEAN_MIN - 1)
    for lost, came, episodes in ((long, enough, 2), (long, few, 1), (short, enough, 1), (long, [], 1)):
        ids = found(rows(lost, came))
        assert len({ids[f"dropped-{at}"] for at in lost}) == episodes
        assert {ids[f"delivered-{at}"] for at in came} <= {None}


def test_an_episode_keeps_its_id_as_it_grows() -> None:
    """More losses, more that came through, later episodes, another order: the first loss names it."""
    came = clean(EPISODE_CLEAN_MIN)
    before = found(rows([3.0], came[:10]))["dropped-3.0"]
    grown = rows([3.0, 4.0, 200.0, PAUSE_S + 500], [*came, *(at + PAUSE_S for at in came)])
    assert found(grown)["dropped-3.0"] == found(grown)["dropped-200.0"] == before
    assert found(grown)[f"dropped-{PAUSE_S + 500}"] != before
    shuffled = grown.sample(fraction=1, shuffle=True, seed=4)
    assert found(shuffled) == found(grown)
    assert identify(shuffled)["handoff_id"].to_list() == shuffled["handoff_id"].to_list()


def test_an_earlier_loss_that_comes_to_light_renames_it() -> None:
    """The id is the onset's: as long as the onset is in a window, the id is the same."""
    assert found(rows([3.0, 4.0]))["dropped-4.0"] != found(rows([2.0, 3.0, 4.0]))["dropped-4.0"]


def test_each_boundary_verdict_and_cause_has_its_own() -> None:
    """At the same times, and where a name is null as well."""
    told = [
        rows([1.0, 2.0], **more)
        for more in (
            {},
            {"tenant": "acme"},
            {"environment": "test"},
            {"kind": "call", "channel": None, "channel_team": None},
            {"from_team": "unowned"},
            {"to_team": None, "to_service": None},
            {"channel": "other"},
            {"channel_team": "unowned"},
            {"cause": "unknown"},
            {"cause": None},
        )
    ]
    ids = [identify(frame)["finding_id"].unique().to_list() for frame in told]
    assert identify(pl.concat(told))["finding_id"].to_list() == [one for (one,) in ids for _ in range(2)]
    assert len({one for (one,) in ids}) == len(told)


def test_clean_handoffs_of_another_boundary_part_nothing() -> None:
    """Nor do those that are pending or unobserved."""
    came = clean(EPISODE_CLEAN_MIN)
    other = rows([], came, channel="other")
    blind = rows([], came).with_columns(pl.lit("unobserved").alias("verdict"))
    ids = found(pl.concat([rows([0.0, PAUSE_S + 1]), other, blind]))
    assert ids["dropped-0.0"] == ids[f"dropped-{PAUSE_S + 1}"]


def test_without_losses_there_is_nothing() -> None:
    """Every id is null, and the rows stay as they are."""
    frame = rows([], [1.0, 2.0])
    assert identify(frame)["finding_id"].to_list() == [None, None]
    assert identify(frame.clear()).is_empty()


def test_a_recordings_findings_keep_their_ids() -> None:
    """Judged later, with spans that came later, doubled and in another order: the same ids."""
    recording = Recording()
    recording.flow(range(40), lost=[3, 5, 7])
    ids = set(judged(recording)["finding_id"].drop_nulls())
    assert len(ids) == 1
    assert set(judged(recording, at=5_000.0)["finding_id"].drop_nulls()) == ids
    bodies = [*recording.bodies, *recording.bodies]
    Random(4).shuffle(bodies)
    grown = replace(recording, bodies=bodies)
    grown.flow(range(40, 60), lost=[45])
    rows_of = judged(grown)
    assert rows_of.filter(verdict="dropped").height == 4
    assert set(rows_of["finding_id"].drop_nulls()) == ids
