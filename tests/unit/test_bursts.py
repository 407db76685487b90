from __future__ import annotations

import numpy as np
import pytest

from baton.bursts import Burst, Calm, bursts, calm, usual

CHANCE = 1e-4


def seen(*parts: tuple[int, float], seed: int = 1) -> np.ndarray:
    """Yes or no, at random: (how many, at what rate) one after another."""
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.random(count) < rate for count, rate in parts])


@pytest.mark.parametrize(
    ("count", "of", "highest"), [(0, 10_000, 0.02), (0, 50, 0.1525), (50, 1000, 0.1), (90, 100, 0.5)]
)
def test_the_highest_usual_rate(count: int, of: int, highest: float) -> None:
    """A floor, Wilson's bound for few, twice the rate for many, and never above half."""
    assert usual(count, of) == pytest.approx(highest, abs=1e-3)


def test_a_stretch_of_its_own_rate_is_found_where_it_is() -> None:
    """All of it and nothing else."""
    assert bursts(seen((300, 0.03), (60, 1), (300, 0.03)), 0.06, CHANCE) == [Burst(300, 360)]


def test_several_are_found_in_order() -> None:
    """Each by itself, the strongest first looked for."""
    found = bursts(seen((300, 0), (40, 1), (200, 0), (80, 1), (100, 0)), 0.05, CHANCE)
    assert found == [Burst(300, 340), Burst(540, 620)]


def test_sharp_ones_near_each_other_stay_apart() -> None:
    """However much likelier the one stretch over all of them is than each alone."""
    assert bursts(seen(*[(80, 0), (40, 1)] * 3), 0.05, CHANCE) == [Burst(80, 120), Burst(200, 240), Burst(320, 360)]


@pytest.mark.parametrize("sequence", [[], [True], [True] * 5, [False] * 100])
def test_a_handful_is_chance(sequence: list[bool]) -> None:
    """Too short, or without any."""
    assert bursts(np.array(sequence, dtype=np.bool_), 0.05, CHANCE) == []


def test_chance_makes_none() -> None:
    """Of 2,000 sequences at the highest usual rate none has a burst: at this chance 0.2 may."""
    rng = np.random.default_rng(2)
    assert not any(bursts(rng.random(500) < 0.05, 0.05, CHANCE) for _ in range(2000))


def test_what_is_usual_is_told_in_spite_of_a_burst_over_most_of_it() -> None:
    """A fifth of it is calm, and tells."""
    found = calm(seen((100, 0.02), (400, 1)), 50, CHANCE)
    assert found is not None
    assert found.bursts == (Burst(100, 500),)
    assert (found.yes <= 5, found.of) == (True, 100)


@pytest.mark.parametrize("parts", [[(49, 0.0)], [(20, 0.0), (400, 1.0)]])
def test_too_little_calm_tells_nothing(parts: list[tuple[int, float]]) -> None:
    """With fewer than there must be, outside of bursts, there is no usual rate."""
    assert calm(seen(*parts), 50, CHANCE) is None


def test_where_nothing_bursts_all_of_it_is_usual() -> None:
    """However high the rate."""
    sequence = seen((400, 0.4))
    assert calm(sequence, 50, CHANCE) == Calm(int(sequence.sum()), 400, ())
