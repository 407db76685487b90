from __future__ import annotations

import pytest

from baton.gameday.scenario import CALM, FLOOD, Phase, Scenario


def test_the_same_scenario_gives_the_same_times() -> None:
    """Two runs have the same ticks at the same times."""
    assert FLOOD.tick_times_s() == FLOOD.tick_times_s()


def test_trades_come_evenly_through_all_phases() -> None:
    """Their rate does not depend on the phase."""
    scenario = Scenario(4, 50, 45, (Phase("a", 0.5, 10), Phase("b", 0.5, 100)))
    assert scenario.trade_times_s() == [0, 0.25, 0.5, 0.75]


def test_each_phase_has_its_own_rate_of_ticks() -> None:
    """Of 100 s at 1 a second and 100 s at 20 a second, each has about as many ticks as it says, within its bounds."""
    scenario = Scenario(1, 50, 45, (Phase("a", 100, 1), Phase("b", 100, 20)))
    times_s = scenario.tick_times_s()
    early = [time_s for time_s in times_s if time_s < 100]
    assert times_s == sorted(times_s)
    assert times_s[-1] < 200
    assert len(early) == pytest.approx(100, rel=0.3)
    assert len(times_s) - len(early) == pytest.approx(2000, rel=0.1)


def test_the_flood_overflows_the_queue_and_leaves_time_to_drain() -> None:
    """In the flood more comes than is handled and held; before and after it, less comes than is handled."""
    calm, flood, again = FLOOD.phases
    assert flood.duration_s * (flood.ticks_per_s - FLOOD.handled_per_s) > FLOOD.queue_limit
    spare_per_s = FLOOD.handled_per_s - FLOOD.trades_per_s - again.ticks_per_s
    assert again.duration_s * spare_per_s > FLOOD.queue_limit
    assert calm.ticks_per_s + FLOOD.trades_per_s < FLOOD.handled_per_s


def test_the_calm_day_is_the_same_bank_without_a_flood() -> None:
    """Only its phases differ, and none of them brings more than is handled."""
    assert (CALM.trades_per_s, CALM.queue_limit, CALM.handled_per_s) == (
        FLOOD.trades_per_s,
        FLOOD.queue_limit,
        FLOOD.handled_per_s,
    )
    assert all(phase.ticks_per_s + CALM.trades_per_s < CALM.handled_per_s for phase in CALM.phases)
