from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from baton.ownership.catalog import Catalog
from model_queue import Flow, Slow, flooded
from recording import Recording, analysed

if TYPE_CHECKING:
    import random

    from baton.findings.replay import Found

TWO = (Flow("trades", 10), Flow("ticks", 120, 5, 12))
"""Trades all the time, and a flood of ticks among them; `notify` takes 50 messages a second."""


def pareto(chance: random.Random) -> float:
    """Seconds that a receipt takes, with a heavy tail: 3 s at most."""
    return min(0.006 * chance.paretovariate(1.3), 3.0)


def told(queue: Slow, flows: tuple[Flow, ...] = TWO, **more: Any) -> tuple[dict[str, int], Found | None, pl.DataFrame]:  # noqa: ANN401 - the parts of `flooded`
    """Messages by fate, the replay that convicts, HANDOFFS."""
    recording = Recording()
    fates = flooded(recording, flows, queue, **more)
    answer = analysed(recording)
    found = list(answer.losses.replayed.queues.values())
    assert len(found) <= 1
    return {fate: len(sends) for fate, sends in fates.items()}, found[0] if found else None, answer.handoffs


@pytest.mark.parametrize(
    ("queue", "more", "policy", "bound", "prefetches"),
    [
        (Slow(limit=40), {}, "drop-head", 40, {0, 1}),
        (Slow(limit=40), {"workers": 3, "took": lambda chance: chance.uniform(0.05, 0.07)}, "drop-head", 40, {0, 1}),
        (Slow(limit=40), {"prefetch": 10}, "drop-head", 40, {10}),
        (Slow(limit=100), {"took": pareto}, "drop-head", 100, {0, 1}),
        (Slow(limit=40, refuses=True), {}, "reject-publish", 40, {0, 1}),
        (Slow(limit=40, refuses=True), {"knows": False}, "reject-publish", 40, {0, 1}),
        (Slow(limit=40), {"ahead": 120.0}, "drop-head", 40, {0, 1}),
        (Slow(limit=40), {"ahead": -30.0}, "drop-head", 40, {0, 1}),
    ],
    ids=["plain", "workers", "prefetch", "pareto", "refused", "refused in silence", "clock ahead", "clock behind"],
)
def test_a_full_queue_is_told_exactly(
    queue: Slow, more: dict[str, Any], policy: str, bound: int, prefetches: set[int]
) -> None:
    """Policy, limit and what consumers have in hand, whoever knew of the loss and however the clocks differ."""
    _, found, rows = told(queue, **more)
    assert found is not None
    hypothesis = found.best.hypothesis
    assert (hypothesis.policy, hypothesis.bound) == (policy, bound)
    assert hypothesis.prefetch in prefetches
    assert found.best.fit > 0.99
    assert set(rows.filter(pl.col("verdict") == "dropped")["cause"]) == {"overflow"}


def test_priorities_are_told() -> None:
    """Drop-head evicts the highest priority first: it shows which kind of message that is."""
    flows = (Flow("trades", 10, rank=1), TWO[1])
    _, found, _ = told(Slow(limit=40, limits=(0, 0)), flows)
    assert found is not None
    assert (found.best.hypothesis.bound, found.best.hypothesis.first) == (40, ("service", "trades"))


def test_messages_without_a_routing_key_are_of_another_kind() -> None:
    """Where some messages bear routing keys and others none, priorities are tried all the same."""
    recording = Recording()
    flooded(recording, (Flow("trades", 10, rank=1), TWO[1], Flow("audit", 2)), Slow(limit=40, limits=(0, 0)))
    keys = {"trades": "trade.completed", "ticks": "market.tick"}
    for (_, _, service, _), body in recording.bodies:
        if service in keys:
            key = {"key": "messaging.rabbitmq.destination.routing_key", "value": {"stringValue": keys[service]}}
            body["attributes"].append(key)
    (found,) = analysed(recording).losses.replayed.queues.values()
    assert found.best.hypothesis.first == ("routing_key", "trade.completed")


def test_a_ttl_is_told_and_no_limit_is_mistaken_for_it() -> None:
    """Within a receipt's length; what expired is `expired`, but for what no expiry was near."""
    _, found, rows = told(Slow(ttl=0.5))
    assert found is not None
    assert found.best.hypothesis.policy == "ttl"
    assert 0.5 <= found.best.hypothesis.bound / 1e9 <= 0.525
    causes = rows.filter(pl.col("verdict") == "dropped")["cause"].value_counts()
    counts = dict(causes.iter_rows())
    assert counts["expired"] > 50 * counts.get("unknown", 0)


@pytest.mark.parametrize(
    ("queue", "flows", "more"),
    [
        (Slow(), TWO, {"lost": 0.2}),
        (Slow(), TWO, {"lost": 0.6}),
        (Slow(), (TWO[0], Flow("ticks", 45)), {"lost": 0.05}),
        (Slow(), TWO, {"lost": 0.1, "took": pareto}),
        (Slow(), TWO, {"took": pareto}),
    ],
    ids=["some", "most", "few at a backlog", "heavy tails", "nothing lost"],
)
def test_chance_convicts_no_queue(queue: Slow, flows: tuple[Flow, ...], more: dict[str, Any]) -> None:
    """Messages that vanish at random, or merely come late, fit no queue: the cause is unknown, or there is none."""
    fates, found, rows = told(queue, flows, **more)
    assert found is None
    assert set(rows["cause"].drop_nulls()) <= {"unknown"}
    assert ("vanished" in fates) == (rows.filter(pl.col("verdict") == "dropped").height > 0)


def test_a_sender_whose_sends_fail_at_random_did_not_meet_a_full_queue() -> None:
    """Errors that no limit explains stay the sender's own: `publish_failed`."""
    recording = Recording()
    for number in range(400):
        failed = number % 7 == 3 or number % 11 == 5
        send = recording.send("trades", number * 0.05, "events", error="NackError" if failed else None)
        if not failed:
            recording.receive(at=number * 0.05 + 0.02, channel="events", under=send)
    answer = analysed(recording)
    assert not answer.losses.replayed.queues
    assert set(answer.handoffs["cause"].drop_nulls()) == {"publish_failed"}


def test_a_broker_that_was_away_is_no_full_queue() -> None:
    """Everything fails for ten seconds and nothing before or after: no limit refuses like that."""
    recording = Recording()
    for number in range(600):
        failed = 200 <= number < 400
        send = recording.send("trades", number * 0.05, "events", error="closed" if failed else None)
        if not failed:
            recording.receive(at=number * 0.05 + 0.02, channel="events", under=send)
    assert not analysed(recording).losses.replayed.queues


def test_who_held_the_queue_is_counted_from_the_model() -> None:
    """At each eviction the queue holds its limit; shares are of those places, and the seconds tell depth and losses."""
    recording = Recording()
    flooded(recording, TWO, Slow(limit=40))
    answer = analysed(recording).losses.replayed
    held = answer.occupants.group_by("send").agg(pl.col("held").sum())
    assert set(held["held"]) == {40}
    assert answer.moments.height == held.height == answer.depths["lost"].sum()
    shares = dict(answer.crowding.select("sender", "share").iter_rows())
    assert sum(shares.values()) == pytest.approx(1)
    assert shares["ticks"] > 0.9
    assert answer.depths.group_by("at_ns").agg(pl.col("held").sum())["held"].max() <= 40


SLOWLY = (Flow("trades", 2, end=60), Flow("ticks", 18, 5, 40))
"""A flood at a receiver that takes ten a second."""


def tenth(chance: random.Random) -> float:
    """Seconds that a receipt takes."""
    return chance.uniform(0.095, 0.105)


def declared(**queue: Any) -> Catalog:  # noqa: ANN401 - the keys of a declared queue
    """The queue `events`, as its owner declares it."""
    return Catalog.model_validate({"version": "1", "queues": [{"name": "events", **queue}]})


def test_no_ttl_is_told_where_tail_sampling_draws_the_same_ceiling() -> None:
    """Within a tenth of a usual decision wait only the broker's word makes a ceiling a TTL; elsewhere spans do."""
    found = {}
    for ttl in (9.4, 13.0):
        recording = Recording()
        flooded(recording, SLOWLY, Slow(ttl=ttl), took=tenth)
        found[ttl] = list(analysed(recording).losses.replayed.queues.values())
        if ttl < 10:
            (told,) = analysed(recording, catalog=declared(ttl="9.4s")).losses.replayed.queues.values()
            assert told.best.hypothesis.policy == "ttl"
    assert found[9.4] == []
    assert [one.best.hypothesis.policy for one in found[13.0]] == ["ttl"]


def test_the_brokers_word_bounds_what_is_tried() -> None:
    """Its queue gives the pool, its policy rules out the other one; without it both are tried."""
    recording = Recording()
    flooded(recording, TWO, Slow(limit=40))
    (alone,) = analysed(recording).losses.replayed.queues.values()
    assert alone.rival is not None
    assert alone.rival.hypothesis.policy == "reject-publish"
    ((name, found),) = analysed(recording, catalog=declared(limit="40")).losses.replayed.queues.items()
    assert (name, found.pool.scope, found.pool.known.limit) == ("events", "queue", 40)
    assert found.rival is not None
    assert found.rival.hypothesis.policy == "ttl"
    assert found.best.hypothesis.bound == 40


def test_a_wrong_word_convicts_nobody() -> None:
    """A declared limit that the messages do not show is no proof of one."""
    recording = Recording()
    flooded(recording, TWO, Slow(limit=40))
    rows = analysed(recording, catalog=declared(limit="400")).handoffs
    assert set(rows.filter(pl.col("verdict") == "dropped")["cause"]) == {"unknown"}
