"""Conservation: what came into a queue was acknowledged, waits, or was lost.

    published = acknowledged + waiting + lost        (counters since the queue's start, or between two snapshots)

The counters are laid beside the messages that spans saw sent to the queue. They speak only where they cannot mislead:

- `published` must equal the sends seen: less is a statistic that lags, more are senders without spans.
- The time begins and ends with the queue *at rest*: nothing sent or received for as long as statistics may lag, or the
  same counters for that long. Where it ends in motion, acknowledgements still refute (they only ever lag behind), and a
  loss counts only of messages that a later one of the same queue overtook.
- Receipts seen that exceed the acknowledgements mean that this is not the receiver's queue.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from baton.limits import STATISTICS_LAG_NS

if TYPE_CHECKING:
    import numpy.typing as npt

    Ints = npt.NDArray[np.int64]
    Flags = npt.NDArray[np.bool_]

_LOOKS_TO_BE_GONE = 2

UNKNOWN = -1
"""A figure that the broker did not tell."""


@dataclass(frozen=True, slots=True)
class Messages:
    """One queue's messages as spans tell of them, in the order of sending.

    Attributes:
        sent_ns: when it was sent.
        done_ns: when its receipt ended; 0 without one.
        seen: it has a receipt.
        bad: it was received, and failed or went on to a dead-letter place.
        failed: the send failed, and nobody received it.
        hopped: nobody received it but a dead-letter place.
    """

    sent_ns: Ints
    done_ns: Ints
    seen: Flags
    bad: Flags
    failed: Flags
    hopped: Flags

    @property
    def missing(self) -> Flags:
        """Nobody says what became of it."""
        return ~(self.seen | self.failed | self.hopped)


@dataclass(frozen=True, slots=True)
class Series:
    """One queue's counters, one entry a snapshot, in the order of time; UNKNOWN where not told."""

    at_ns: Ints
    published: Ints
    acknowledged: Ints
    waiting: Ints
    consumers: Ints
    gone: Flags


@dataclass(frozen=True, slots=True)
class Balance:
    """What the counters say of the messages sent between two snapshots.

    Attributes:
        low, high: the messages, as a slice.
        first, last: snapshots; `first` is -1 for the queue's start.
        word: acknowledged, some, lost, waiting, or None where the counters settle nothing.
        published, acknowledged, waiting, lost: as the broker counted.
        seen, missing, failed, hopped, bad: as spans count.
        resting: the queue was at rest in the end.
        swept: it was emptied at a stroke other than by its receivers: a purge.
        swept_ns: when its counters had begun anew, or it was gone, with all that waited; 0 if not so.
        gone: it was gone by then.
        conflict: receipts exceed acknowledgements: it is not this receiver's queue.
    """

    low: int
    high: int
    first: int
    last: int
    word: str | None
    published: int
    acknowledged: int
    waiting: int
    lost: int
    seen: int
    missing: int
    failed: int
    hopped: int
    bad: int
    refuted: int
    resting: bool
    swept: bool = False
    swept_ns: int = 0
    gone: bool = False
    conflict: bool = False


def balances(messages: Messages, series: Series) -> list[Balance]:
    """The balances of every stretch of time in which something is missing, failed or went to a dead-letter place."""
    known = (series.published != UNKNOWN) & (series.waiting != UNKNOWN) & (series.acknowledged != UNKNOWN)
    known &= ~series.gone
    rest = _at_rest(messages, series) & known
    clean = np.flatnonzero(rest & (series.waiting == 0))
    high = np.searchsorted(messages.sent_ns, series.at_ns, side="right")
    odd = np.flatnonzero(messages.missing | messages.failed | messages.hopped | messages.bad)
    # The stretch of a message ends with the first snapshot that finds the queue empty and at rest.
    stretches = np.unique(np.searchsorted(high[clean], odd, side="right"))
    found: list[Balance] = []
    for stretch in stretches.tolist():
        first = int(clean[stretch - 1]) if stretch > 0 else -1
        told = [
            _balance(messages, series, (first, last), high, resting=bool(rest[last]))
            for last in _ends(clean, stretch, rest, known)
        ]
        counted = [balance for balance in (_swept_away(messages, series, first, high, rest), *told) if balance]
        found += ([one for one in counted if one.word is not None] or counted)[:1]
    return found


def _swept_away(messages: Messages, series: Series, first: int, high: Ints, rest: Flags) -> Balance | None:
    """The messages that waited for nobody, until the queue was gone or its counters began anew.

    With the counters went what its receivers acknowledged last: only where it had none did surely nobody take them.
    """
    there = np.flatnonzero(~series.gone)
    for old in there[rest[there] & (series.consumers[there] == 0)].tolist():
        later = there[there > old]
        # A node that starts may not list all its queues at once: one look without it is none.
        gone = len(later) == 0 and len(series.at_ns) - old > _LOOKS_TO_BE_GONE
        new = int(later[0]) if len(later) else min(old + 1, len(series.at_ns) - 1)
        begun_anew = len(later) > 0 and series.published[old] > series.published[new] != UNKNOWN
        if not gone and not begun_anew:
            continue
        waited = _balance(messages, series, (first, old), high, resting=True) if old > first else None
        if waited is None or waited.word != "waiting":
            continue
        # Durable messages outlive a restart: only an empty queue that its receivers did not empty has lost them.
        taken = int((messages.done_ns > series.at_ns[old]).sum())
        empty = begun_anew and rest[new] and series.waiting[new] == 0 and series.acknowledged[new] <= taken
        if gone or empty:
            return replace(waited, word="lost", lost=waited.waiting, swept_ns=int(series.at_ns[new]), gone=gone)
    return None


def _ends(clean: Ints, stretch: int, rest: Flags, known: Flags) -> list[int]:
    """Snapshots that may end a stretch, the best first: the clean one, else the last, else the last at rest."""
    if stretch < len(clean):
        return [int(clean[stretch])]
    begin = int(clean[-1]) + 1 if len(clean) else 0
    after = [begin + np.flatnonzero(flags[begin:]) for flags in (known, rest)]
    return list(dict.fromkeys(int(each[-1]) for each in after if len(each)))


def _at_rest(messages: Messages, series: Series) -> Flags:
    moved = np.sort(np.concatenate([messages.sent_ns, messages.done_ns[messages.done_ns > 0]]))
    before = np.searchsorted(moved, series.at_ns, side="right")
    lately = np.searchsorted(moved, series.at_ns - STATISTICS_LAG_NS, side="right")
    figures = np.stack([series.published, series.acknowledged, series.waiting])
    changed = np.concatenate([[True], (figures[:, 1:] != figures[:, :-1]).any(axis=0)])
    since = np.maximum.accumulate(np.where(changed, np.arange(len(changed)), 0))
    rest: Flags = (before == lately) | (series.at_ns - series.at_ns[since] >= STATISTICS_LAG_NS)
    return rest


def _balance(
    messages: Messages, series: Series, between: tuple[int, int], high: Ints, *, resting: bool
) -> Balance | None:
    first, last = between
    low, end = (0 if first < 0 else int(high[first])), int(high[last])
    part = slice(low, end)

    def counted(flags: Flags) -> int:
        return int(flags[part].sum())

    seen, bad, failed, hopped, missing = (
        counted(flags) for flags in (messages.seen, messages.bad, messages.failed, messages.hopped, messages.missing)
    )
    published, acknowledged = (
        int(counter[last]) - (0 if first < 0 else int(counter[first]))
        for counter in (series.published, series.acknowledged)
    )
    waiting, sent = int(series.waiting[last]), end - low
    if published == sent - failed:
        # Not every broker counts what it refused.
        published += failed
    if published < sent or acknowledged < 0:
        return None
    lost = published - acknowledged - waiting - failed - hopped - bad
    refuted = acknowledged - seen - (published - sent)
    conflict = resting and published == sent and acknowledged < seen - bad
    word = None if conflict else _word(missing, refuted, lost, waiting, exact=published == sent)
    return Balance(
        low=low, high=end, first=first, last=last, word=word, published=published, acknowledged=acknowledged,
        waiting=waiting, lost=lost, seen=seen, missing=missing, failed=failed, hopped=hopped, bad=bad, refuted=refuted,
        resting=resting, swept=_swept(series, first, last, lost), conflict=conflict,
    )  # fmt: skip


def _word(missing: int, refuted: int, lost: int, waiting: int, *, exact: bool) -> str | None:
    if missing == 0:
        return None
    if refuted >= missing:
        return "acknowledged"
    if refuted > 0:
        return "some"
    if exact and lost == 0 and waiting == missing:
        return "waiting"
    if exact and waiting == 0 and lost == missing:
        return "lost"
    return None


def _swept(series: Series, first: int, last: int, lost: int) -> bool:
    """Whether the queue lost at a stroke what its receivers did not take: at least as many as are lost in all."""
    waiting, acknowledged = series.waiting[first + 1 : last + 1], series.acknowledged[first + 1 : last + 1]
    gone = waiting[:-1] - waiting[1:] - (acknowledged[1:] - acknowledged[:-1])
    return lost > 0 and bool((gone >= lost).any())
