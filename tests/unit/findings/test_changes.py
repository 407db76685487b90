from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
import polars as pl
import pytest

from baton.analysis import analyze, expect, pair_up
from baton.findings.changes import shift
from baton.found import find
from baton.limits import CHANGE_WINDOW_NS, CHANGES_MAX
from baton.ownership.catalog import EMPTY
from baton.schema import FACTS
from recording import Recording, analysed, ns

WINDOW_S = CHANGE_WINDOW_NS / 1e9


def times(*phases: tuple[float, float, float], seed: int = 1) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Events of a Poisson process, in ns: of each phase its start, its end and its rate a second."""
    random = Random(seed)
    found = []
    for start, end, rate in phases:
        at = start + random.expovariate(rate)
        while at < end:
            found.append(ns(at))
            at += random.expovariate(rate)
    return np.array(found, dtype=np.int64)


def test_a_rate_that_rises_is_dated() -> None:
    """To within a few events, with both rates."""
    found = shift(times((0, 20, 10), (20, 30, 200)), ns(0), ns(22), ns(30))
    assert found is not None
    assert abs(found.at_ns - ns(20)) < 0.1e9
    assert found.before_s == pytest.approx(10, rel=0.3)
    assert found.after_s == pytest.approx(200, rel=0.1)


def test_a_rate_that_falls_is_dated() -> None:
    """To nothing as well."""
    for after in (5.0, 0.0001):
        found = shift(times((0, 20, 50), (20, 40, after)), ns(0), ns(25), ns(40))
        assert found is not None
        assert abs(found.at_ns - ns(20)) < 0.5e9
        assert found.before_s == pytest.approx(50, rel=0.2)
        assert found.after_s < 6


@pytest.mark.parametrize("seed", range(40))
def test_an_even_rate_has_no_change(seed: int) -> None:
    """Chance makes none, at high and at low rates, nor do bursts that recur every few seconds."""
    for rate in (0.2, 5.0, 100.0):
        assert shift(times((0, 60, rate), seed=seed), ns(0), ns(50), ns(60)) is None
    bursts = times(*((at, at + 0.5, 100.0) for at in range(0, 60, 5)), seed=seed)
    assert shift(bursts, ns(0), ns(50), ns(60)) is None


def test_what_changed_after_the_time_in_question_is_none() -> None:
    """Nor is anything told of a handful of events, or of what was not there before."""
    assert shift(times((0, 20, 10), (20, 30, 200)), ns(0), ns(15), ns(19)) is None
    assert shift(times((0, 1, 3)), ns(0), ns(1), ns(1)) is None
    assert shift(np.array([], dtype=np.int64), ns(0), ns(1), ns(2)) is None


def changed(recording: Recording, facts: pl.DataFrame | None = None) -> list[str]:
    """What changed before the onset of the only finding from `trading`."""
    analysis = analysed(recording, at=10_000.0)
    if facts is not None:
        analysis = replace(analysis, facts=facts)
    found = find(analysis.handoffs, analysis, EMPTY)
    ((sentences,),) = found.filter(pl.col("from_services").list.contains("trading")).select("changed").rows()
    return list(sentences)


def lossy() -> Recording:
    """A message a second for twenty minutes, every other one from 900 to 920 lost."""
    recording = Recording()
    recording.flow([float(at) for at in range(1200)], lost=[float(at) for at in range(900, 921, 2)])
    return recording


def test_nothing_near_is_nothing_told() -> None:
    """An even day has no changes."""
    assert changed(lossy()) == []


def test_a_senders_rate_is_told_with_its_figures() -> None:
    """Before against since, and how long before the first loss."""
    recording = lossy()
    for number in range(800):
        recording.receive(at=880.1 + number / 20, under=recording.send("trading", 880.05 + number / 20))
    assert changed(recording) == ["trading's rate rose from 1/s to 21/s 20.0 s before the first loss"]


def test_a_receiver_that_slows_down_is_told() -> None:
    """What it takes falls."""
    recording = Recording()
    for number in range(3000):
        at = number / 10
        send = recording.send(at=at)
        if at < 250 or number % 10 == 0:
            recording.receive(at=at + 0.01, under=send)
    told = changed(recording)
    assert len(told) == 1
    assert told[0].startswith("what notify takes fell from 10/s to 1")


def test_a_receiver_that_is_given_less_is_no_slower() -> None:
    """Where the sends fall, so does what is taken: the one is told by nothing, the other is no news."""
    recording = Recording()
    for number in range(3000):
        at = number / 10
        if at < 249.8 or number % 10 == 0:
            send = recording.send(at=at)
            if not 249 <= at < 249.6 and at != 280:
                recording.receive(at=at + 0.01, under=send)
    assert changed(recording) == []


def test_a_version_that_came_is_told() -> None:
    """With the one before it; a version that came long before, or after, is not."""
    at_s = (pl.col("start_ns") - ns(0)) / 1e9
    notify = pl.when(pl.col("service") == "notify")
    for since, told in ((860, True), (500, False), (1000, False)):
        version = notify.then(pl.when(at_s < since).then(pl.lit("1.3")).otherwise(pl.lit("1.4")))
        spans = lossy().frame().with_columns(version.alias("service_version"))
        known = pair_up(spans.lazy(), EMPTY, ns(10_000))
        analysis = analyze(known, expect(known), EMPTY, (), ns(10_000))
        (row,) = find(analysis.handoffs, analysis, EMPTY).to_dicts()
        sentence = "service.version 1.4 of notify (until then 1.3) came 39.9 s before the first loss"
        assert row["changed"] == ([sentence] if told else [])


def test_instances_that_go_are_counted() -> None:
    """Three, then two: one of them had its last span a minute before."""
    recording = lossy()
    for instance, until in (("2", 1200), ("3", 850)):
        for at in range(0, until, 5):
            recording.span("notify", at, instance=instance)
    assert changed(recording) == ["the instances of notify went from 3 to 2 55.0 s before the first loss"]


def facts(*told: dict[str, Any]) -> pl.DataFrame:
    """FACTS of the queue `orders`, one a dict."""
    usual = {"tenant": "default", "broker": "", "vhost": "/", "source": "management", "fact": "queue", "name": "orders"}
    return pl.DataFrame([{**usual, **one} for one in told], schema=FACTS.schema)


def test_a_setting_that_changed_is_told_with_when() -> None:
    """Between two looks at the broker: the last one that saw it as it was, the first one that did not."""
    history = facts(
        {"at_ns": ns(0), "messages_max": 50, "consumers": 3},
        {"at_ns": ns(850), "fact": "snapshot", "name": "queue"},
        {"at_ns": ns(860), "messages_max": 40, "consumers": 3},
        {"at_ns": ns(905), "messages_max": 40, "consumers": 1},
    )
    assert changed(lossy(), history) == [
        "the consumers of orders went from 3 to 1 between 40.0 s before the first loss and 5.0 s after it",
        "the limit of orders went from 50 to 40 at least 40.0 s before the first loss",
    ]


@pytest.mark.parametrize(
    "other",
    [
        {"at_ns": ns(900 - WINDOW_S - 1)},
        {"at_ns": ns(860), "name": "other"},
        {"at_ns": ns(860), "tenant": "acme"},
        {"at_ns": ns(860), "environment": "test"},
        {"at_ns": ns(860), "broker": "elsewhere"},
        {"at_ns": 0},
    ],
)
def test_settings_of_another_time_or_place_are_not_told(other: dict[str, Any]) -> None:
    """Nor is what is declared, which always holds."""
    assert changed(lossy(), facts({"at_ns": ns(0), "messages_max": 50}, {"messages_max": 40, **other})) == []


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        pytest.param({"consumers": 3}, {"consumers": None}, id="a queue that is down"),
        pytest.param(
            {"messages_max": None, "source": "neutral"}, {"messages_max": 40, "source": "neutral"}, id="a document"
        ),
    ],
)
def test_what_was_not_said_did_not_change(earlier: dict[str, Any], later: dict[str, Any]) -> None:
    """Null may be unknown, and what was unknown did not go from none to something."""
    assert changed(lossy(), facts({"at_ns": ns(0), **earlier}, {"at_ns": ns(860), **later})) == []


def test_of_two_queues_of_one_name_nothing_is_told() -> None:
    """The finding names neither the broker nor its vhost."""
    other = {"broker": "elsewhere:5672"}
    history = [{"at_ns": ns(0), "messages_max": 50}, {"at_ns": ns(860), "messages_max": 40}]
    assert changed(lossy(), facts({"at_ns": ns(0)}, *({**one, **other} for one in history))) == []


def test_a_look_at_something_else_dates_no_change() -> None:
    """The node's counters, or another vhost, say nothing of the queue."""
    history = facts(
        {"at_ns": ns(800), "messages_max": 50},
        {"at_ns": ns(850), "fact": "snapshot", "name": "counter", "vhost": ""},
        {"at_ns": ns(851), "fact": "snapshot", "name": "queue", "vhost": "other"},
        {"at_ns": ns(905), "messages_max": 40},
    )
    assert changed(lossy(), history) == [
        "the limit of orders went from 50 to 40 between 1 min 40 s before the first loss and 5.0 s after it"
    ]


def test_a_new_sender_is_told() -> None:
    """Where the channel was known before."""
    recording = lossy()
    for at in range(880, 1000):
        send = recording.send("newcomer", at)
        if at >= 940:
            recording.receive(at=at + 0.1, under=send)
    analysis = analysed(recording, at=10_000.0)
    found = find(analysis.handoffs, analysis, EMPTY)
    told = {row["from_services"][0]: row["changed"] for row in found.to_dicts()}
    assert told["newcomer"][0] == "newcomer first sent to orders 0 ms before the first loss"


def test_what_is_told_is_bounded() -> None:
    """A broker whose settings flap fills no report."""
    flapping = [{"at_ns": ns(800 + number), "messages_max": 50 + number % 2} for number in range(90)]
    assert len(changed(lossy(), facts(*flapping))) == CHANGES_MAX
