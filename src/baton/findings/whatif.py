"""What would have saved it: the same sends and the same serving capacity, through other queues.

Capacity is what the receivers showed: room for one more message whenever a receipt ended; where they stood idle at an
empty queue, and after the last receipt, room as often as their usual receipt takes. That receivers with more to do
would have worked on at their usual pace is the one assumption.

The queue as it was must first lose what was lost, or nothing is recommended. With RabbitMQ's rules: under drop-head the
highest priority is evicted first, so priorities make it worse there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import polars as pl

from baton.findings.pools import DROP_HEAD, REJECT_PUBLISH
from baton.findings.replay import Queue, Run, ranks, rooms, run
from baton.limits import RETRIES_MAX, RETRY_FIRST_NS, WHATIF_AGREEMENT_MIN, WHATIF_LIMIT_RATIO_MAX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from baton.findings.replay import Found

    _Outcome: TypeAlias = dict[str, str | float | None]
    """A row of OUTCOMES."""

AS_IT_WAS = "as it was"
SEPARATE = "a queue of its own for the critical flow, served first"
HALVES = "a queue of its own for the critical flow, half of the receivers each"
LARGER = "a larger limit"
UNLIMITED = "no limit"
LONGER = "a longer TTL"
WITHOUT_TTL = "no TTL"
RETRY = "reject-publish, confirms, and senders that retry"
REFUSE = "reject-publish, confirms, no retry"
DEAD_LETTER = "a dead-letter exchange"
FIRST_EVICTED = "priorities, drop-head"
FIRST_SERVED = "priorities, reject-publish"

OUTCOMES = pl.Schema(
    {
        "alternative": pl.String(),
        "setting": pl.String(),
        "limit": pl.Int64(),
        "lost": pl.Int64(),
        "lost_critical": pl.Int64(),
        "held": pl.Int64(),
        "late": pl.Int64(),
        "peak": pl.Int64(),
        "wait_max_ms": pl.Float64(),
    }
)
"""One row an alternative: its `setting` in words, `limit` in messages (null without one), `lost` messages of all and of
the critical flow (null where none is known), `held` by a dead-letter place instead of gone, `late` (received after its
deadline; null where clocks differ), `peak` (the most that waited), `wait_max_ms` (the longest wait of one received)."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What the alternatives would have done.

    Attributes:
        outcomes: OUTCOMES, the queue as it was first.
        messages: sent to the queue.
        critical: of them of the critical flow.
        lost: of them lost in truth, as far as it is proven.
        agreement: messages lost in truth and in the queue as it was, of those lost in either.
        best: the alternative that is recommended; None where none is.
        why: in a sentence.
    """

    outcomes: pl.DataFrame
    messages: int
    critical: int
    lost: int
    agreement: float
    best: str | None
    why: str


@dataclass(frozen=True, slots=True)
class _Case:
    """What stays as it was.

    Attributes:
        found: the replay.
        critical: which messages are of the critical flow.
        room: when receivers have room for one more message, ns, ascending.
        idle_max: how many of them can stand idle.
    """

    found: Found
    critical: NDArray[np.bool_]
    room: NDArray[np.int64]
    idle_max: int

    def run(self, queue: Queue, rank: NDArray[np.int64] | None = None) -> Run:
        """Its sends and its capacity through another queue."""
        return run(self.found.pool.arrive, self.room, replace(queue, idle_max=self.idle_max), rank)

    def waits(self, done: Run) -> NDArray[np.int64]:
        """How long each message that was received waited, from its sending, ns."""
        taken = done.slot >= 0
        waited: NDArray[np.int64] = np.maximum(done.left[taken] - self.found.pool.arrive[taken], 0)
        return waited

    def told(self, name: str, queue: Queue, done: Run, setting: str = "", *, held: bool = False) -> _Outcome:
        """The run as a row of OUTCOMES."""
        pool, lost = self.found.pool, done.lost
        late = None
        if pool.shift_ns == 0:
            deadline = pool.rows["deadline_at_ns"].fill_null(np.iinfo(np.int64).max).to_numpy()
            late = int((done.left[done.slot >= 0] > deadline[done.slot >= 0]).sum())
        return {
            "alternative": name,
            "setting": setting or _setting(queue),
            "limit": max(queue.limit, *queue.limits) or None,
            "lost": 0 if held else int(lost.sum()),
            "lost_critical": (0 if held else int((lost & self.critical).sum())) if self.critical.any() else None,
            "held": int(lost.sum()) if held else 0,
            "late": late,
            "peak": done.peak,
            "wait_max_ms": float(self.waits(done).max(initial=0)) / 1e6,
        }


def tried(found: Found, critical: NDArray[np.bool_]) -> Tried:
    """Replays a queue's sends through the alternatives.

    Args:
        found: a replay that convicts.
        critical: which messages of its pool are of the flow to be protected.
    """
    pool = found.pool
    case = _case(found, critical)
    base = found.best.hypothesis.queue
    was = case.run(base, ranks(pool, found.best.hypothesis))
    known = pool.lost | pool.received
    either = int(((was.lost | pool.lost) & known).sum())
    agreement = int((was.lost & pool.lost).sum()) / max(either, 1)
    rows = [case.told(AS_IT_WAS, base, was), *_isolated(case), *(_timeless(case) if base.ttl_ns else _limits(case))]
    # A queue that refuses what comes dead-letters it only as reject-publish-dlx (RabbitMQ, "Queue Length Limit").
    setting = f"{base.limit:,}, {REJECT_PUBLISH}-dlx" if base.refuses else ""
    rows += [case.told(DEAD_LETTER, base, was, setting, held=True), *_prioritised(case)]
    outcomes = pl.DataFrame(rows, schema=OUTCOMES)
    best, why = _recommended(outcomes, agreement)
    return Tried(outcomes, len(pool.arrive), int(critical.sum()), int(pool.lost.sum()), agreement, best, why)


def _flat(case: _Case) -> Queue:
    """The queue as it was, without priorities."""
    return replace(case.found.best.hypothesis.queue, limits=(0,))


def _isolated(case: _Case) -> Iterator[_Outcome]:
    """The critical flow by itself: served first, and with every other room for each queue and no more."""
    if case.critical.all() or not case.critical.any():
        return
    flat, pool = _flat(case), case.found.pool
    own = replace(flat, limit=0, limits=(flat.limit, flat.limit))
    yield case.told(SEPARATE, own, case.run(own, case.critical.astype(np.int64)), _setting(flat))
    fate = np.zeros(len(pool.arrive), np.int8)
    entered, left, slot = np.zeros((3, len(pool.arrive)), np.int64)
    each = replace(flat, idle_max=max(case.idle_max // 2, 1))
    peak = 0
    for mask, room in ((case.critical, case.room[::2]), (~case.critical, case.room[1::2])):
        done = run(pool.arrive[mask], np.ascontiguousarray(room), each)
        fate[mask], entered[mask], left[mask], slot[mask] = done.fate, done.entered, done.left, done.slot
        peak = max(peak, done.peak)
    yield case.told(HALVES, flat, Run(fate, entered, left, slot, peak))


def _limits(case: _Case) -> Iterator[_Outcome]:
    """Other limits, and a queue that refuses."""
    flat = _flat(case)
    free = case.run(replace(flat, limit=0))
    least = _least(case, lambda bound: replace(flat, limit=bound), flat.limit, max(free.peak, flat.limit))
    larger = replace(flat, limit=least)
    yield case.told(LARGER, larger, case.run(larger), f"{least:,}")
    yield case.told(UNLIMITED, replace(flat, limit=0), free, "-")
    refusing = replace(flat, refuses=True)
    if not flat.refuses:
        yield case.told(REFUSE, refusing, case.run(refusing), f"{flat.limit:,}")
    retrying = replace(refusing, backoff_ns=tuple(RETRY_FIRST_NS * 2**attempt for attempt in range(RETRIES_MAX)))
    yield case.told(RETRY, retrying, case.run(retrying), f"{flat.limit:,}, {RETRIES_MAX} retries")


def _timeless(case: _Case) -> Iterator[_Outcome]:
    """Other TTLs."""
    flat = _flat(case)
    free = case.run(replace(flat, ttl_ns=0))
    longest_ns = int(case.waits(free).max(initial=flat.ttl_ns))
    longer = replace(flat, ttl_ns=_least(case, lambda bound: replace(flat, ttl_ns=bound), flat.ttl_ns, longest_ns))
    yield case.told(LONGER, longer, case.run(longer))
    yield case.told(WITHOUT_TTL, replace(flat, ttl_ns=0), free, "-")


def _prioritised(case: _Case) -> Iterator[_Outcome]:
    """The critical flow with the higher priority."""
    flat = _flat(case)
    if not flat.limit or case.critical.all() or not case.critical.any():
        return
    for name, refuses in ((FIRST_EVICTED, False), (FIRST_SERVED, True)):
        queue = replace(flat, limits=(0, 0), refuses=refuses)
        yield case.told(name, queue, case.run(queue, case.critical.astype(np.int64)), f"{flat.limit:,}")


def _setting(queue: Queue) -> str:
    """`50, drop-head`."""
    if queue.ttl_ns:
        return f"{queue.ttl_ns / 1e6:,.0f} ms"
    return f"{queue.limit:,}, {REJECT_PUBLISH if queue.refuses else DROP_HEAD}"


def _least(case: _Case, queue: Callable[[int], Queue], low: int, high: int) -> int:
    """The least bound in [low, high] under which nothing is lost; `high` loses nothing."""
    while low < high:
        middle = (low + high) // 2
        if case.run(queue(middle)).lost.any():
            low = middle + 1
        else:
            high = middle
    return high


def _case(found: Found, critical: NDArray[np.bool_]) -> _Case:
    pool = found.pool
    first, done = pool.first[pool.received], pool.done[pool.received]
    starts, ends = np.sort(first), np.sort(done)
    # Without messages in hand, as many are at work as receipts ever overlapped.
    overlap = max(int((np.arange(1, len(starts) + 1) - np.searchsorted(ends, starts, side="right")).max()), 1)
    hands = found.best.hypothesis.prefetch or overlap
    usual_ns = max(int(np.median(done - first)) // min(hands, overlap), 1)
    spare = [np.arange(begin + usual_ns, end, usual_ns) for begin, end in _idle(found, starts, ends)]
    after = ends[-1] + usual_ns * np.arange(1, len(pool.arrive) + 1)
    return _Case(found, critical, np.sort(np.concatenate([rooms(pool, hands), *spare, after])), hands)


def _idle(found: Found, starts: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[np.int64]:
    """(from, until) of each time at which every receiver stood idle at an empty queue, ns."""
    # The k-th end comes before the k+1-th start only where nobody was at work in between.
    begin, end = ends[:-1], starts[1:]
    gaps = np.stack([begin[end > begin], end[end > begin]], axis=1)
    was = found.run()
    middle = gaps[:, 0] + (gaps[:, 1] - gaps[:, 0]) // 2
    stood = was.left > was.entered
    came = np.searchsorted(np.sort(was.entered[stood]), middle, side="right")
    held = came - np.searchsorted(np.sort(was.left[stood]), middle, side="right")
    empty: NDArray[np.int64] = gaps[held == 0]
    return empty


def _recommended(outcomes: pl.DataFrame, agreement: float) -> tuple[str | None, str]:
    """The first of the alternatives, the least change first, that saves all of the critical flow, or else all."""
    was = outcomes.row(0, named=True)
    if agreement < WHATIF_AGREEMENT_MIN:
        return None, (
            f"the model of the queue as it was agrees with only {agreement:.0%} of the losses: the spans do not "
            f"suffice to recommend anything"
        )
    column = "lost_critical" if was["lost_critical"] else "lost"
    what = "critical messages" if column == "lost_critical" else "messages"
    rows = {row["alternative"]: row for row in outcomes.iter_rows(named=True)}
    for name in (SEPARATE, LARGER, RETRY, LONGER):
        row = rows.get(name)
        if row is None or row[column] or not was[column] or (row["late"] or 0) > (was["late"] or 0):
            continue
        if name == LARGER and row["limit"] > WHATIF_LIMIT_RATIO_MAX * was["limit"]:
            continue
        return name, f"by the replay it loses none of the {was[column]:,} {what} that the queue as it was loses"
    return None, (
        f"by the replay none of these saves all {was[column]:,} {what} that the queue as it was loses, in time and "
        f"within {WHATIF_LIMIT_RATIO_MAX} times its limit"
    )
