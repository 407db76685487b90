"""A model queue, replayed: sends in, a message out whenever the receivers had room for one.

The rules are RabbitMQ's. Only messages that wait count to a limit; those handed over and not yet acknowledged do not.
`drop-head` takes the new message in and then evicts the head of the *highest* priority (measured: with priorities the
critical messages are evicted first); delivery takes the highest first as well. `reject-publish` refuses the new message
while the queue stands at its limit. A message that has waited longer than the TTL expires.

Lists of messages are chains of indices: an array `following` says who stands behind whom.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from baton.jit import jit_lean

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Longs: TypeAlias = NDArray[np.int64]
    """Times in ns, or indices."""

WAITS, TAKEN, EVICTED, REFUSED, EXPIRED = 0, 1, 2, 3, 4
"""What became of a message."""

NEVER = 2**63 - 1
"""Later than every time."""

_FIRST, _NOTHING = -1, -2
"""Where the next message comes from: it is sent for the first time; there is none. Else the list of a retry."""


@jit_lean
def replay(
    arrive: Longs,
    credit: Longs,
    rank: Longs,
    limits: Longs,
    backoff: Longs,
    limit: int,
    refuses: int,
    ttl_ns: int,
    idle_max: int,
    chains: Longs,
    following: Longs,
    due: Longs,
    fate: NDArray[np.int8],
    entered: Longs,
    left: Longs,
    slot: Longs,
) -> Any:  # noqa: ANN401 - numba counts in its own integers
    """Replays; O(messages).

    Args:
        arrive: when each message was sent, ascending.
        credit: when a receiver had room for one more message, ascending.
        rank: of each message 0..len(limits)-1; the highest is delivered, and evicted, first.
        limits: of each rank, at most so many messages of it wait (queues of their own); 0 is without limit.
        backoff: a refused message is sent again after so long, then so long; empty if it is not.
        limit: at most so many messages wait, of all ranks; 0 is without limit.
        refuses: 1 is reject-publish, 0 drop-head.
        ttl_ns: the most that a message waits; 0 is without.
        idle_max: so many receivers at most stand idle at an empty queue; room beyond is of no use to later messages.
        chains: scratch, 3 * (len(limits) + len(backoff)): first, last and number of each list.
        following: scratch, a message each.
        due: scratch, a message each: when it is sent again.
        fate: out, a message each.
        entered: out: when it came into the queue, or was refused for good.
        left: out: when it was taken, evicted, refused or expired; NEVER while it waits.
        slot: out: how many had been taken before it; -1 if it was not.

    Returns:
        The most messages that ever waited.
    """
    ranks, retries, count, rooms = limits.size, backoff.size, arrive.size, credit.size
    lists = ranks + retries
    for one in range(lists):
        chains[one] = -1
        chains[lists + one] = -1
        chains[2 * lists + one] = 0
    waiting, idle, taken, peak, here, room = 0, 0, 0, 0, 0, 0
    while True:
        now, source = NEVER, _NOTHING
        if here < count:
            now, source = arrive[here], _FIRST
        for again in range(retries):
            first = chains[ranks + again]
            if first >= 0 and due[first] < now:
                now, source = due[first], again
        gives = room < rooms and (source == _NOTHING or credit[room] < now)
        if gives:
            now = credit[room]
        elif source == _NOTHING:
            break
        if ttl_ns > 0:
            for one in range(ranks):
                head = chains[one]
                while head >= 0 and entered[head] + ttl_ns < now:
                    fate[head], left[head] = EXPIRED, entered[head] + ttl_ns
                    head = following[head]
                    chains[one] = head
                    chains[2 * lists + one] -= 1
                    waiting -= 1
        if gives:
            room += 1
            if idle < idle_max:
                idle += 1
            if source == _NOTHING and waiting == 0:
                break
        else:
            attempt = 0
            if source == _FIRST:
                new = here
                here += 1
            else:
                new = chains[ranks + source]
                chains[ranks + source] = following[new]
                attempt = source + 1
            one = rank[new]
            full = (limit > 0 and waiting >= limit) or (limits[one] > 0 and chains[2 * lists + one] >= limits[one])
            slot[new], left[new], entered[new] = -1, NEVER, now
            fate[new] = WAITS
            if refuses == 1 and full:
                if attempt < retries:
                    due[new] = now + backoff[attempt]
                    one = ranks + attempt
                else:
                    fate[new], left[new] = REFUSED, now
                    one = -1
            if one >= 0:
                following[new] = -1
                if chains[one] < 0:
                    chains[one] = new
                else:
                    following[chains[lists + one]] = new
                chains[lists + one] = new
                if one < ranks:
                    chains[2 * lists + one] += 1
                    waiting += 1
        while idle > 0 and waiting > 0:
            one = ranks - 1
            while chains[one] < 0:
                one -= 1
            head = chains[one]
            chains[one] = following[head]
            chains[2 * lists + one] -= 1
            waiting -= 1
            idle -= 1
            fate[head], left[head], slot[head] = TAKEN, now, taken
            taken += 1
        for one in range(ranks - 1, -1, -1):
            while chains[one] >= 0 and (
                (limit > 0 and waiting > limit) or (limits[one] > 0 and chains[2 * lists + one] > limits[one])
            ):
                head = chains[one]
                chains[one] = following[head]
                chains[2 * lists + one] -= 1
                waiting -= 1
                fate[head], left[head] = EVICTED, now
        peak = max(peak, waiting)
    return peak
