from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from baton.findings.whatif import (
    AS_IT_WAS,
    DEAD_LETTER,
    FIRST_EVICTED,
    FIRST_SERVED,
    HALVES,
    LARGER,
    LONGER,
    REFUSE,
    RETRY,
    SEPARATE,
    UNLIMITED,
    WITHOUT_TTL,
    Tried,
    tried,
)
from model_queue import Flow, Slow, flooded
from recording import Recording, analysed

if TYPE_CHECKING:
    from baton.findings.replay import Found

FLOOD = (Flow("trades", 10), Flow("ticks", 120, 5, 12))
SURGE = (Flow("trades", 10), Flow("ticks", 120, 5, 5.7))
"""Under a second of flood: a somewhat larger queue takes it."""


def replayed(queue: Slow, flows: tuple[Flow, ...] = FLOOD, **more: Any) -> Found:  # noqa: ANN401 - the parts of `flooded`
    """The replay that convicts."""
    recording = Recording()
    flooded(recording, flows, queue, **more)
    (found,) = analysed(recording).losses.replayed.queues.values()
    return found


def asked(found: Found, critical: str | None = "trades") -> tuple[Tried, dict[str, dict[str, Any]]]:
    """What was tried with one sender's messages as the critical flow, and its outcomes by name."""
    mask = (found.pool.rows["service"] == critical).to_numpy() if critical else np.zeros(len(found.pool.arrive), bool)
    answer = tried(found, mask)
    return answer, {row["alternative"]: row for row in answer.outcomes.iter_rows(named=True)}


@pytest.fixture(scope="module")
def flood() -> Found:
    """A queue of 40 that a flood filled for seconds."""
    return replayed(Slow(limit=40))


def test_the_queue_as_it_was_loses_what_was_lost(flood: Found) -> None:
    """The very messages: only then is anything recommended."""
    answer, rows = asked(flood)
    assert answer.agreement == 1
    assert rows[AS_IT_WAS]["lost"] == answer.lost == int(flood.pool.lost.sum())
    assert rows[AS_IT_WAS]["limit"] == 40


def simulated(queue: Slow) -> tuple[int, int]:
    """Messages, and trades among them, that this queue would have lost of the flood, trades being of its first rank."""
    recording = Recording()
    fates = flooded(recording, (replace(FLOOD[0], rank=len(queue.limits) - 1), FLOOD[1]), queue, took=lambda _: 0.02)
    lost = {span.id for fate in ("evicted", "refused") for span in fates.get(fate, [])}
    trades = {body["spanId"] for (_, _, service, _), body in recording.bodies if service == "trades"}
    return len(lost), len(lost & trades)


def test_each_alternative_loses_what_that_queue_itself_would_have_lost() -> None:
    """Against a slow queue in plain Python that is given the same sends, within one message in fifty."""
    _, rows = asked(replayed(Slow(limit=40), took=lambda _: 0.02))
    for name, queue in {
        SEPARATE: Slow(limits=(40, 40)),
        REFUSE: Slow(limit=40, refuses=True),
        FIRST_EVICTED: Slow(limit=40, limits=(0, 0)),
        FIRST_SERVED: Slow(limit=40, limits=(0, 0), refuses=True),
        UNLIMITED: Slow(),
        LARGER: Slow(limit=rows[LARGER]["limit"]),
    }.items():
        lost, trades = simulated(queue)
        assert rows[name]["lost"] == pytest.approx(lost, rel=0.02, abs=1), name
        assert rows[name]["lost_critical"] == pytest.approx(trades, rel=0.02, abs=1), name


def test_a_queue_of_its_own_is_the_change(flood: Found) -> None:
    """It saves the critical flow, even if neither gives way; a limit fifteen times as large is not offered."""
    answer, rows = asked(flood)
    assert rows[SEPARATE]["lost_critical"] == rows[HALVES]["lost_critical"] == 0
    assert answer.best == SEPARATE
    assert "none of the" in answer.why


def test_priorities_under_drop_head_make_it_worse(flood: Found) -> None:
    """The highest priority is evicted first."""
    _, rows = asked(flood)
    assert rows[FIRST_EVICTED]["lost_critical"] > rows[AS_IT_WAS]["lost_critical"]


def test_a_dead_letter_place_holds_what_is_lost(flood: Found) -> None:
    """Nothing is gone, and nothing arrives either."""
    answer, rows = asked(flood)
    assert (rows[DEAD_LETTER]["lost"], rows[DEAD_LETTER]["held"]) == (0, answer.lost)


def test_a_queue_that_refuses_dead_letters_in_a_mode_of_its_own() -> None:
    """With plain reject-publish nothing is dead-lettered, whatever exchange is set."""
    _, rows = asked(replayed(Slow(limit=40, refuses=True), took=lambda _: 0.02))
    assert rows[DEAD_LETTER]["setting"] == "40, reject-publish-dlx"


def test_no_limit_costs_depth_and_time(flood: Found) -> None:
    """All of the flood waits; the least limit that loses none is that peak."""
    _, rows = asked(flood)
    assert rows[UNLIMITED]["lost"] == rows[LARGER]["lost"] == 0
    assert rows[LARGER]["limit"] == rows[UNLIMITED]["peak"] > 400
    assert rows[UNLIMITED]["wait_max_ms"] > 5 * rows[AS_IT_WAS]["wait_max_ms"]


def test_a_surge_takes_a_larger_limit_and_not_one_message_less() -> None:
    """Where the least limit is near, it is the change, and one less loses a message."""
    found = replayed(Slow(limit=25), SURGE)
    answer, rows = asked(found, None)
    assert answer.best == LARGER
    least = rows[LARGER]["limit"]
    assert 25 < least <= 250
    recording = Recording()
    assert "evicted" not in flooded(recording, SURGE, Slow(limit=least))
    assert "evicted" in flooded(Recording(), SURGE, Slow(limit=least - 1))


def test_senders_that_retry_get_through_a_surge() -> None:
    """Refused and sent again, all arrive once it is over; without a retry what is refused is lost."""
    _, rows = asked(replayed(Slow(limit=25), SURGE), None)
    assert rows[RETRY]["lost"] == 0
    assert rows[REFUSE]["lost"] > 0


def test_a_ttl_has_alternatives_of_its_own() -> None:
    """A longer one, none, a queue of its own; limits are not what lost the messages."""
    answer, rows = asked(replayed(Slow(ttl=0.5)))
    assert {LONGER, WITHOUT_TTL, SEPARATE, DEAD_LETTER} < set(rows)
    assert LARGER not in rows
    assert rows[LONGER]["lost"] == rows[WITHOUT_TTL]["lost"] == 0
    assert rows[SEPARATE]["lost_critical"] == 0
    assert answer.best == SEPARATE


def test_a_model_that_is_off_recommends_nothing(flood: Found) -> None:
    """If the queue as it was loses others than were lost, it says how far off it is, and no more."""
    other = replace(flood.best, hypothesis=replace(flood.best.hypothesis, bound=80))
    answer, _ = asked(replace(flood, best=other))
    assert answer.best is None
    assert "the spans do not suffice" in answer.why


def test_without_a_critical_flow_none_is_made_up(flood: Found) -> None:
    """No flow is declared critical: no queue of its own, no priorities, and no count of them."""
    answer, rows = asked(flood, None)
    assert not {SEPARATE, HALVES, FIRST_EVICTED} & set(rows)
    assert rows[AS_IT_WAS]["lost_critical"] is None
    assert answer.best is None
    assert "none of these" in answer.why


def test_late_is_not_told_where_clocks_differ() -> None:
    """Deadlines are told on the sender's clock, receipts on another."""
    assert asked(replayed(Slow(limit=40)))[1][AS_IT_WAS]["late"] is not None
    assert asked(replayed(Slow(limit=40), ahead=90.0))[1][AS_IT_WAS]["late"] is None
