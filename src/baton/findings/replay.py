"""Queue replay: which model queue would have lost just the messages that are missing?

The sends of a pool are replayed through model queues, a message leaves whenever a receiver had room for one more, and
each hypothesis (policy, limit or TTL, how many messages a consumer has in hand, which kind goes first) is scored:

- *agreement*: messages lost in both, of those lost in either (Jaccard);
- *order*: receipts at which the model hands over the very message that was received, or its neighbour; where several
  are at work at a time, one of those that they have in hand.

The fit is their geometric mean. A replay convicts from REPLAY_FIT_MIN, and only if each hypothesis of another policy
misses clearly more, or many times as much if it comes as far; else it abstains. (Where receipts take equally long each,
a TTL and a queue that refuses in silence lose the same messages: nobody can tell.)

What the broker says of the queue bounds the hypotheses (its policy, that it has no limit) and is where they begin (its
limit, its TTL). It is no proof: what does not fit the messages convicts nobody.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from baton.findings.pools import DROP_HEAD, REJECT_PUBLISH
from baton.limits import (
    DECISION_WAIT_SLACK,
    QUEUE_DEPTH_MIN,
    REPLAY_FIT_BEST,
    REPLAY_FIT_MIN,
    REPLAY_KINDS_MAX,
    REPLAY_RIVAL_RATIO_MIN,
    REPLAY_RIVAL_RATIO_NEAR,
    REPLAY_SURVIVORS_MIN,
    TTL_WAIT_RATIO_MIN,
)
from baton.sampling import near_decision_wait
from baton.schema import SUBSCRIPTION

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from baton.findings.pools import Pool

TTL = "ttl"
WAITS, TAKEN, EVICTED, REFUSED, EXPIRED = 0, 1, 2, 3, 4  # as `replay_kernel` has them, which is imported where it runs
UNBOUNDED = 2**62
PREFETCHES = (0, 1, 2, 4, 10, 20, 50, 100, 250)
"""Messages that the consumers have in hand together: none but the one at work (0: it is taken when its receipt starts;
1: as soon as the one before it is done), then as many as there are workers, or as clients fetch by default."""
_SIMPLE = PREFETCHES[:2]
PREFETCHES_EACH = (1, 2, 3, 4, 5, 8)
"""... or so many each: those that are seen at work at a time have multiples of their number in hand together, and a
limit is told to one message only from the right one."""


@dataclass(frozen=True, slots=True)
class Queue:
    """A model queue.

    Attributes:
        limit: at most so many messages wait; 0 is without limit.
        refuses: a full queue refuses what comes, instead of evicting its head.
        ttl_ns: the most that a message waits; 0 is without.
        limits: of each rank a limit of its own, as if it were a queue of its own; 0 is without.
        backoff_ns: a refused message is sent again after so long, then so long.
        idle_max: receivers that can stand idle; room beyond is lost.
    """

    limit: int = 0
    refuses: bool = False
    ttl_ns: int = 0
    limits: tuple[int, ...] = (0,)
    backoff_ns: tuple[int, ...] = ()
    idle_max: int = UNBOUNDED


@dataclass(frozen=True, slots=True)
class Run:
    """What became of each message in the model; arrays as of the kernel's outputs.

    Attributes:
        fate: WAITS, TAKEN, EVICTED, REFUSED or EXPIRED.
        entered: ns.
        left: ns.
        slot: how many had been taken before it; -1 if it was not.
        peak: the most that ever waited.
    """

    fate: NDArray[np.int8]
    entered: NDArray[np.int64]
    left: NDArray[np.int64]
    slot: NDArray[np.int64]
    peak: int

    @property
    def lost(self) -> NDArray[np.bool_]:
        """Evicted, refused or expired."""
        return self.fate >= EVICTED


def run(
    arrive: NDArray[np.int64], credit: NDArray[np.int64], queue: Queue, rank: NDArray[np.int64] | None = None
) -> Run:
    """Replays sends (ns, ascending) through a model queue, given when a receiver had room (ns, ascending)."""
    from baton.findings.replay_kernel import replay  # noqa: PLC0415 - numba is imported where something was lost

    count, lists = len(arrive), len(queue.limits) + len(queue.backoff_ns)
    fate = np.zeros(count, np.int8)
    following, due, entered, left, slot = np.zeros((5, count), np.int64)
    peak = replay(
        np.ascontiguousarray(arrive),
        credit,
        np.zeros(count, np.int64) if rank is None else rank,
        np.array(queue.limits, np.int64),
        np.array(queue.backoff_ns, np.int64),
        queue.limit,
        int(queue.refuses),
        queue.ttl_ns,
        queue.idle_max,
        np.zeros(3 * lists, np.int64),
        following,
        due,
        fate,
        entered,
        left,
        slot,
    )
    return Run(fate, entered, left, slot, int(peak))


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """How the queue of a pool may have been set up.

    Attributes:
        policy: drop-head, reject-publish or ttl.
        bound: the limit in messages, or the TTL in ns.
        prefetch: messages that the consumers have in hand together; 0: a message is taken when its receipt starts.
        first: (column, value): the kind of message that has the higher priority; None where none has.
    """

    policy: str
    bound: int
    prefetch: int
    first: tuple[str, str] | None = None

    @property
    def queue(self) -> Queue:
        """Its model."""
        limits = (0,) if self.first is None else (0, 0)
        if self.policy == TTL:
            return Queue(ttl_ns=self.bound, limits=limits)
        return Queue(limit=self.bound, refuses=self.policy == REJECT_PUBLISH, limits=limits)


@dataclass(frozen=True, slots=True)
class Replay:
    """A hypothesis and how well it fits.

    Attributes:
        pool: the messages that it was tried on.
        hypothesis: the hypothesis.
        agreement: see the module.
        order: likewise.
        depths: of each message that came through while others were lost, how many had been sent behind it when it was
            taken.
        told: how many messages are lost, how many the model loses, how many are lost in both.
    """

    pool: Pool
    hypothesis: Hypothesis
    agreement: float
    order: float
    depths: NDArray[np.int64]
    told: tuple[int, int, int]

    @property
    def fit(self) -> float:
        """0 to 1."""
        return float(np.sqrt(self.agreement * self.order))


@dataclass(frozen=True, slots=True)
class Found:
    """What a replay says of a subscription.

    Attributes:
        best: the hypothesis that fits best.
        rival: the best one of another policy.
        convicts: whether the best one is above the stated fit, and its rival clearly below.
        pool: all messages of the best one's reading.
    """

    best: Replay
    rival: Replay | None
    convicts: bool
    pool: Pool

    def run(self) -> Run:
        """What became of each message of the pool; those that never came to the queue were REFUSED."""
        return _whole(self.pool, self.best.hypothesis, rooms(self.pool, self.best.hypothesis.prefetch))


def rooms(pool: Pool, prefetch: int) -> NDArray[np.int64]:
    """When a receiver had room for one more message, ns, ascending."""
    if prefetch == 0:
        return np.sort(pool.first[pool.received])
    done = np.sort(pool.done[pool.received])
    start = np.full(min(prefetch, len(done)), np.iinfo(np.int64).min, np.int64)
    return np.concatenate([start, done[: len(done) - len(start)]])


def investigate(wanted: pl.DataFrame, pools: Sequence[Pool]) -> dict[tuple[str, ...], Found]:
    """The best hypothesis for each lossy subscription.

    Args:
        wanted: SUBSCRIPTION columns of the lossy subscriptions that may share a queue.
        pools: their readings.

    Returns:
        SUBSCRIPTION values -> what was found; without an entry nothing could be replayed.
    """
    tried = [(pool, replay) for pool in pools for replay in _hypotheses(pool.stretch())]
    named = {id(pool): set(pool.rows.select(SUBSCRIPTION).unique().iter_rows()) for pool in pools}
    found = {}
    for subscription in wanted.iter_rows():
        about = [(pool, replay) for pool, replay in tried if subscription in named[id(pool)]]
        if about:
            found[subscription] = _judged(about)
    return found


def _judged(about: Sequence[tuple[Pool, Replay]]) -> Found:
    # Of equals the first: by queue, whole, then alone.
    pool, best = max(about, key=lambda one: one[1].fit)
    tried = [replay for _, replay in about]
    others = [one for one in tried if one.hypothesis.policy != best.hypothesis.policy]
    rival = max(others, key=lambda one: one.fit, default=None)
    # Of two that both come far enough, one must be far the nearer.
    ratio = REPLAY_RIVAL_RATIO_MIN if rival is None or rival.fit < REPLAY_FIT_MIN else REPLAY_RIVAL_RATIO_NEAR
    clear = rival is None or 1 - rival.fit >= ratio * max(1 - best.fit, 1 - REPLAY_FIT_BEST)
    return Found(best, rival, best.fit >= REPLAY_FIT_MIN and clear and not _tail(best), pool)


@dataclass(frozen=True, slots=True)
class _Bench:
    """A pool made ready for many hypotheses.

    Attributes:
        pool: the messages.
        prefetch: messages that the consumers have in hand.
        room: when they had room for one more, ns, ascending.
        came: the messages received, in the order of their receipts.
        reach: by how many places a message may be received before or after its turn.
    """

    pool: Pool
    prefetch: int
    room: NDArray[np.int64]
    came: NDArray[np.int64]
    reach: int


def _bench(pool: Pool, prefetch: int, workers: int = 1) -> _Bench:
    came = np.flatnonzero(pool.received)
    reach = prefetch if workers > 1 and prefetch > 1 else 1
    return _Bench(pool, prefetch, rooms(pool, prefetch), came[np.argsort(pool.first[came], kind="stable")], reach)


def _workers(pool: Pool) -> int:
    """Receipts that are under way at a time while messages are lost, the median."""
    first, done = np.sort(pool.first[pool.received]), np.sort(pool.done[pool.received])
    losses = pool.arrive[pool.lost]
    amid = first[(first >= losses[0]) & (first <= losses[-1])]
    if not len(amid):
        return 1
    under_way = np.searchsorted(first, amid, side="right") - np.searchsorted(done, amid, side="right")
    return max(int(np.median(under_way)), 1)


def _hypotheses(pool: Pool) -> Iterator[Replay]:
    """The best of each kind of hypothesis; more kinds only where the simpler ones do not fit."""
    if not pool.lost.any() or not pool.received.any():
        return
    simple = [found for prefetch in _SIMPLE for found in _policies(pool, prefetch)]
    yield from simple
    best = max((one.fit for one in simple), default=0.0)
    if best >= REPLAY_FIT_MIN:
        return
    for first in _kinds(pool):
        yield from _prioritised(pool, first)
    workers = _workers(pool)
    each = {workers * count for count in PREFETCHES_EACH} if workers > 1 else set()
    for prefetch in sorted({*PREFETCHES, *each} - set(_SIMPLE)):
        yield from _policies(pool, prefetch, workers)


def _policies(pool: Pool, prefetch: int, workers: int = 1) -> Iterator[Replay]:
    bench = _bench(pool, prefetch, workers)
    amid = _amid(bench, np.ones(len(pool.arrive), bool))
    if len(amid.depths) < REPLAY_SURVIVORS_MIN:
        return
    depth, wait = int(np.median(amid.depths)), int(np.median(amid.waits))
    if depth >= QUEUE_DEPTH_MIN:
        for policy in _possible(pool):
            starts = _starts(Hypothesis(policy, depth + 1, prefetch), pool.known.limit)
            yield _climbed(bench, starts, max(depth // 16, 1), 1, amid.depths)
    ceiling = int(np.quantile(amid.waits, 0.9))
    if wait >= TTL_WAIT_RATIO_MIN * ceiling > 0:
        starts = _starts(Hypothesis(TTL, ceiling, prefetch), pool.known.ttl_ns)
        found = _climbed(bench, starts, ceiling // 25, max(ceiling // 400, 1), amid.depths)
        if wait >= TTL_WAIT_RATIO_MIN * found.hypothesis.bound:
            yield found


def _prioritised(pool: Pool, first: tuple[str, str]) -> Iterator[Replay]:
    others = pool.rows[first[0]].ne_missing(first[1]).to_numpy()
    bench = _bench(pool, _SIMPLE[1])
    amid = _amid(bench, others)
    if len(amid.depths) < REPLAY_SURVIVORS_MIN or np.median(amid.depths) < QUEUE_DEPTH_MIN:
        return
    limit = int(np.median(amid.depths)) + 1
    for policy in _possible(pool):
        starts = _starts(Hypothesis(policy, limit, _SIMPLE[1], first), pool.known.limit)
        yield _climbed(bench, starts, max(limit // 16, 1), 1, amid.depths)


def _possible(pool: Pool) -> tuple[str, ...]:
    """The policies of a limit that the broker's word leaves room for."""
    if pool.known.unlimited:
        return ()
    both = (DROP_HEAD, REJECT_PUBLISH)
    return (pool.known.policy,) if pool.known.policy in both else both


def _starts(told: Hypothesis, said: int) -> tuple[Hypothesis, ...]:
    """What depths or waits tell, and the bound that the broker says, if it does (not 0)."""
    return (told, replace(told, bound=said)) if said else (told,)


def _kinds(pool: Pool) -> Iterator[tuple[str, str]]:
    """Kinds of message that may have a priority of their own; two columns that part them alike count once."""
    seen: set[bytes] = set()
    for column in ("channel", "routing_key", "service"):
        values = pool.rows[column].drop_nulls().unique().sort()
        if 1 < len(values) <= REPLAY_KINDS_MAX:
            for value in values:
                mask = (pool.rows[column] == value).fill_null(value=False).to_numpy().tobytes()
                if mask not in seen:
                    seen.add(mask)
                    yield column, value


def _tail(found: Replay) -> bool:
    """Whether it is a TTL where tail sampling may have drawn the ceiling, and the broker does not say that TTL itself.

    It stands as a rival all the same: what a TTL explains as well, no limit is convicted of.
    """
    ttl_ns, said_ns = found.hypothesis.bound, found.pool.known.ttl_ns
    if found.hypothesis.policy != TTL or abs(ttl_ns - said_ns) <= DECISION_WAIT_SLACK * ttl_ns:
        return False
    return bool(pl.select(near_decision_wait(pl.lit(ttl_ns))).item())


@dataclass(frozen=True, slots=True)
class _Amid:
    """Of messages that came through while others were lost: how deep they stood and how long."""

    depths: NDArray[np.int64]
    waits: NDArray[np.int64]


def _amid(bench: _Bench, counted: NDArray[np.bool_]) -> _Amid:
    pool = bench.pool
    order = bench.came[counted[bench.came]]
    taken = pool.first[order]
    if bench.prefetch > 0 and counted.all():
        taken = np.minimum(np.maximum(bench.room, pool.arrive[order]), taken)
    losses = pool.arrive[pool.lost]
    amid = (pool.arrive[order] >= losses[0]) & (pool.arrive[order] <= losses[-1])
    order, taken = order[amid], taken[amid]
    queued = pool.arrive[counted & ~(pool.failed & ~pool.received)]
    behind = np.searchsorted(queued, taken) - np.searchsorted(queued, pool.arrive[order], side="right")
    return _Amid(np.maximum(behind, 0), np.maximum(taken - pool.arrive[order], 0))


def _climbed(bench: _Bench, starts: Sequence[Hypothesis], step: int, finest: int, depths: NDArray[np.int64]) -> Replay:
    """The best bound from the best of `starts` on: steps that halve while no neighbour is better."""
    known: dict[int, Replay] = {}

    def at(bound: int) -> Replay:
        if bound not in known:
            known[bound] = _scored(bench, replace(starts[0], bound=bound), depths)
        return known[bound]

    best = max((at(one.bound) for one in starts), key=lambda one: one.fit)
    while step >= finest:
        near = [at(bound) for bound in (best.hypothesis.bound - step, best.hypothesis.bound + step) if bound > 1]
        better = max(near, key=lambda one: one.fit)
        if better.fit > best.fit:
            best = better
        else:
            step //= 2
    return best


def _scored(bench: _Bench, hypothesis: Hypothesis, depths: NDArray[np.int64]) -> Replay:
    pool = bench.pool
    outcome = _whole(pool, hypothesis, bench.room)
    known = pool.lost | pool.received
    # What its sender knows to have failed never came to a queue that refuses nothing: that queue does not explain it.
    lost = outcome.lost & known & ~(pool.failed & (hypothesis.policy != REJECT_PUBLISH))
    either = int(((lost | pool.lost) & known).sum())
    both = int((lost & pool.lost).sum())
    # Receipts whose message the model hands over at the same turn, give or take some.
    slot = outcome.slot[bench.came]
    order = float(((slot >= 0) & (np.abs(slot - np.arange(len(slot))) <= bench.reach)).mean())
    told = (int(pool.lost.sum()), int(lost.sum()), both)
    return Replay(pool, hypothesis, both / either if either else 0.0, order, depths, told)


def _whole(pool: Pool, hypothesis: Hypothesis, room: NDArray[np.int64]) -> Run:
    """The model over those messages that came to the queue; the others were REFUSED."""
    comes = np.ones(len(pool.arrive), bool) if hypothesis.policy == REJECT_PUBLISH else ~pool.failed | pool.received
    rank = ranks(pool, hypothesis)
    outcome = run(pool.arrive[comes], room, hypothesis.queue, None if rank is None else rank[comes])
    if comes.all():
        return outcome
    fate = np.full(len(comes), REFUSED, np.int8)
    entered, left, slot = pool.arrive.copy(), pool.arrive.copy(), np.full(len(comes), -1)
    fate[comes], entered[comes], left[comes], slot[comes] = outcome.fate, outcome.entered, outcome.left, outcome.slot
    return Run(fate, entered, left, slot, outcome.peak)


def ranks(pool: Pool, hypothesis: Hypothesis) -> NDArray[np.int64] | None:
    """1 for messages of the kind with the higher priority, else 0; None where none has."""
    if hypothesis.first is None:
        return None
    column, value = hypothesis.first
    return (pool.rows[column] == value).fill_null(value=False).to_numpy().astype(np.int64)


if __name__ == "__main__":
    # The last step of an installation: the kernel is compiled now, never while somebody waits for an answer.
    run(np.zeros(1, np.int64), np.zeros(1, np.int64), Queue())
