"""The compiled replay against a slow queue in plain Python: the same fate for every message."""

from __future__ import annotations

import heapq
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from baton.findings.replay import Queue, run
from model_queue import EVICTED, EXPIRED, REFUSED, TAKEN, WAITS, Slow

FATES = (WAITS, TAKEN, EVICTED, REFUSED, EXPIRED)
TIMES = st.lists(st.integers(0, 300), unique=True, max_size=40).map(sorted)


def slowly(
    arrive: list[int], credit: list[int], ranks: list[int], slow: Slow, backoff: tuple[int, ...], idle_max: int
) -> list[str]:
    """The fate of each message, event by event; of events at one moment sends come first."""
    events = [(at, 0, number, 0) for number, at in enumerate(arrive)] + [(at, 2, -1, 0) for at in credit]
    heapq.heapify(events)
    sending, idle = len(arrive), 0
    while events:
        now, kind, number, attempt = heapq.heappop(events)
        if kind == 2 and not sending and not slow.waiting:
            break
        slow.expire(now)
        if kind == 2:
            idle = min(idle + 1, idle_max)
        elif slow.put(number, ranks[number], now) or attempt == len(backoff):
            sending -= 1
        else:
            heapq.heappush(events, (now + backoff[attempt], 1, number, attempt + 1))
        while idle and slow.waiting:
            slow.take()
            idle -= 1
        slow.shrink()
    return [slow.fates[number] for number in range(len(arrive))]


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_the_compiled_replay_does_what_the_slow_queue_does(data: st.DataObject) -> None:
    """Limits, policies, TTL, ranks and their limits, retries, idle receivers: whatever they are, each fate is alike."""
    # Sends at even moments, room at odd ones, retries after whole hundreds and a bit: no two events at one moment.
    arrive = [at * 1000 for at in data.draw(TIMES)]
    credit = [at * 1000 + 501 for at in data.draw(TIMES)]
    ranks = data.draw(st.lists(st.integers(0, 1), min_size=len(arrive), max_size=len(arrive)))
    limit, ttl = data.draw(st.integers(0, 5)), data.draw(st.sampled_from([0, 5_003, 50_003]))
    limits = (data.draw(st.integers(0, 3)), data.draw(st.integers(0, 3)))
    refuses, idle_max = data.draw(st.booleans()), data.draw(st.integers(1, 3))
    backoff = data.draw(st.sampled_from([(), (10_007,), (10_007, 20_011)]))
    queue = Queue(limit, refuses, ttl, limits, backoff, idle_max)
    done = run(np.array(arrive, np.int64), np.array(credit, np.int64), queue, np.array(ranks, np.int64))
    expected = slowly(arrive, credit, ranks, Slow(limit, refuses, ttl, limits), backoff, idle_max)
    assert [FATES[fate] for fate in done.fate] == expected
    taken = np.sort(done.slot[done.slot >= 0])
    assert taken.tolist() == list(range(expected.count(TAKEN)))
    assert (done.left >= done.entered).all()


def test_times_that_no_message_has_change_nothing() -> None:
    """Room before the first send counts, as far as receivers can stand idle."""
    arrive = np.arange(10, 20, dtype=np.int64)
    for idle_max, taken in ((1, 1), (3, 3)):
        done = run(arrive, np.arange(5, dtype=np.int64), Queue(idle_max=idle_max))
        assert (done.fate == 1).sum() == taken
    assert all(before < after for before, after in pairwise(done.entered))
