"""Bursts: stretches of a sequence of yes and no with more yes than its usual rate makes.

The scan of a likelihood ratio. Each yes scores log(p1/p0), each no log((1-p1)/(1-p0)); under the usual rate p0 the
exponential of a running sum is a martingale of mean 1, so (Ville's inequality) the chance that any stretch that begins
at a given place ever reaches a score s is at most exp(-s), and over n places at most n exp(-s). That holds for all
stretches of all lengths at once: no further correction for looking often is needed, but one for each p1 that is tried.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from baton.limits import (
    BURST_BLOCKS_MAX,
    BURST_RATE_MIN,
    BURST_RATIO_MILD,
    BURST_RATIO_SHARP,
    BURST_SHARE_MAX,
    BURST_USUAL_MIN,
    BURST_Z,
    BURSTS_MAX,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray


_RATIOS = (BURST_RATIO_MILD, BURST_RATIO_SHARP)


class Burst(NamedTuple):
    """A stretch [start, end) of a sequence."""

    start: int
    end: int


class Calm(NamedTuple):
    """What is usual of a sequence: `yes` of `of`, outside of its bursts."""

    yes: int
    of: int
    bursts: tuple[Burst, ...]


def usual(count: int, of: int) -> float:
    """The highest rate that `count` of `of` still call usual: twice it, or Wilson's upper bound, or a floor."""
    z2 = BURST_Z * BURST_Z
    centre, spread = count + z2 / 2, BURST_Z * math.sqrt(count * (1 - count / of) + z2 / 4)
    return min(max(BURST_USUAL_MIN, 2 * count / of, (centre + spread) / (of + z2)), BURST_SHARE_MAX)


def bursts(seen: NDArray[np.bool_], rate: float, chance: float) -> list[Burst]:
    """The stretches that the usual rate does not make, in order, none overlapping another.

    Args:
        seen: yes or no, in the order of time.
        rate: the highest usual rate of yes, above 0 and at most BURST_SHARE_MAX.
        chance: how likely any one of them may be found where there is none.
    """
    found: list[Burst] = []
    pending = [(0, len(seen))]
    needed = math.log(len(_RATIOS) * max(len(seen), 1) / chance)
    while pending and len(found) < BURSTS_MAX:
        start, end = pending.pop()
        burst = _strongest(seen[start:end], rate, needed)
        if burst is not None:
            one = Burst(start + burst.start, start + burst.end)
            found += _parted(seen, one, chance)
            pending += [(start, one.start), (one.end, end)]
    return sorted(found)


def _parted(seen: NDArray[np.bool_], burst: Burst, chance: float) -> list[Burst]:
    """Several sharp bursts near each other look like one mild one: they are told by its own rate."""
    rate = float(seen[burst.start : burst.end].mean())
    parts = bursts(seen[burst.start : burst.end], rate, chance) if rate < BURST_SHARE_MAX else []
    if len(parts) < 2:  # noqa: PLR2004 - one within it is its core
        return [burst]
    return [Burst(burst.start + part.start, burst.start + part.end) for part in parts]


def calm(seen: NDArray[np.bool_], least: int, chance: float) -> Calm | None:
    """What is usual of a sequence that may have bursts in it, even for most of its length.

    The calmest block of it says what to look with first, what is left then what to look with again.

    Args:
        seen: yes or no, in the order of time.
        least: how many there must be outside of the bursts; None if there are fewer.
        chance: as of `bursts`.
    """
    if len(seen) < least:
        return None
    blocks = np.array_split(seen, max(1, min(len(seen) // least, BURST_BLOCKS_MAX)))
    count, of = min(((int(block.sum()), len(block)) for block in blocks), key=lambda pair: pair[0] / pair[1])
    found: list[Burst] = []
    for _ in range(2):
        found = bursts(seen, usual(count, of), chance)
        outside = np.ones(len(seen), dtype=np.bool_)
        for one in found:
            outside[one.start : one.end] = False
        count, of = int(seen[outside].sum()), int(outside.sum())
        if of < least:
            return None
    return Calm(count, of, tuple(found))


def _strongest(seen: NDArray[np.bool_], rate: float, needed: float) -> Burst | None:
    """The likeliest of the stretches whose score is what is needed; its ends are those of its own rate."""
    found = []
    for ratio in _RATIOS:
        burst, score = _stretch(seen, rate, min((1 + rate) / 2, max(ratio * rate, BURST_RATE_MIN)))
        if score >= needed:
            own = float(seen[burst.start : burst.end].mean())
            found.append(_stretch(seen, rate, min(max(own, rate), 1 - BURST_USUAL_MIN)))
    return max(found, key=lambda pair: pair[1])[0] if found else None


def _stretch(seen: NDArray[np.bool_], rate: float, inside: float) -> tuple[Burst, float]:
    """The stretch of the highest score where `inside` is the rate within it."""
    if not len(seen):
        return Burst(0, 0), 0.0
    gains = np.where(seen, math.log(inside / rate), math.log((1 - inside) / (1 - rate)))
    sums = np.concatenate(([0.0], np.cumsum(gains)))
    rises = sums - np.minimum.accumulate(sums)
    end = int(rises.argmax())
    start = end - int(sums[: end + 1][::-1].argmin())
    return Burst(start, end), float(rises[end])
