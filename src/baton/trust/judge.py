"""What hides or weakens an accusation on one way: each row of the tables in `blinds`, and when it holds."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from baton.trust.blinds import BY_PROOF, ONWARD
from baton.trust.listeners import listeners

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from baton.trust.ways import Seen

Way = dict[str, Any]
"""A row of `ways.ways`, with `sender` and `receiver` (its services) and `destination` (its channel as it was said)."""

_OWN_WORD = ("failed", "returned", "refused", "sidelined", "acknowledged", "counted", "held", "unbound")
"""Clauses that rest on the sender's, the receiver's or the broker's own word: no receipt has to be missed for them."""

_NOWHERE = ("unbound", "returned")
"""Clauses by which no queue takes it: there is no consumer that could be instrumented."""


class Judge:
    """What all ways are judged by, looked up by name."""

    def __init__(self, seen: Seen) -> None:
        self._tails = set(seen.tails.select("environment", "service").iter_rows())
        self._listeners = listeners(seen)
        self._hot: dict[tuple[str, str], set[str]] = defaultdict(set)
        for tenant, environment, key in seen.hot.select("tenant", "environment", "key").iter_rows():
            self._hot[tenant, environment].add(key)
        self._looks: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
        for look in seen.looks.iter_rows(named=True):
            self._looks[look["tenant"], look["name"]].append(look)

    def blind(self, way: Way) -> str | None:
        """What hides a loss on this way; None where nothing does."""
        found = BY_PROOF.get(way["proof"])
        if found is None and way["relation"] == "onward":
            return ONWARD
        if found is None and way["proof"] in _OWN_WORD:
            return None
        if found == "uninstrumented receiver" or (found is None and nobody(way)):
            return self._unreceived(way)
        if found is None and self.tails(way):
            return "tail sampling"
        if found == "sampling" or (found is None and way["tossed"]):
            return "sampling of links" if way["linked"] else "sampling"
        return found

    def _unreceived(self, way: Way) -> str:
        """Why nobody was ever seen to receive."""
        if way["kind"] == "call":
            return "uninstrumented server"
        if way["unnamed"] * 2 > way["handoffs"]:
            return "correlation ids only"
        return "unpaired receipts" if self.heard(way) else "uninstrumented receiver"

    def weak(self, way: Way, *, counters: bool) -> Iterator[tuple[str, int]]:
        """What weakens an accusation on a way that is not blind, and of how many handoffs.

        Args:
            way: the way.
            counters: whether the broker counts at its queue.
        """
        yield "paired by correlation id", way["correlation_ids"]
        yield "unnamed instances", way["nameless"]
        yield "clock skew", way["skewed"]
        yield "hot keys", way["hot"]
        if way["kind"] == "call":
            return
        yield "no destination", way["handoffs"] if way["channel"] is None else 0
        if nobody(way):
            yield "own word only", 0 if way["proof"] in _NOWHERE else way["handoffs"]
        elif learning(way):
            yield "too few messages", way["handoffs"] - way["timed"]
        elif not counters:
            kind = "partitions not named" if way["unpartitioned"] else "order not readable"
            yield kind, round(way["unread"] * way["handoffs"])

    def tails(self, way: Way) -> set[str]:
        """The services of this way that are sampled by tail."""
        return {name for name in (way["sender"], *receivers(way)) if (way["environment"], name) in self._tails}

    def heard(self, way: Way) -> dict[str, str]:
        """Who receives from the place without sharing anything with a send: service -> team."""
        found = (self._listeners.get((way["tenant"], way["environment"], place), {}) for place in _places(way))
        return {service: team for some in found for service, team in some.items()}

    def hot(self, way: Way) -> set[str]:
        """Journey keys that join nothing, for their values would join too many traces."""
        return self._hot[way["tenant"], way["environment"]]

    def looked(self, ways: Iterable[Way]) -> tuple[int | None, bool]:
        """When the broker was last asked of these ways' queues (ns), and whether it counts there."""
        found = [
            look
            for way in ways
            for place in _places(way)
            for look in self._looks[way["tenant"], place]
            if look["environment"] in {None, way["environment"]} and look["broker"] in {"", way["broker"]}
        ]
        times = [look["looked_ns"] for look in found if look["looked_ns"] is not None]
        return max(times, default=None), any(look["counters"] for look in found)


def nobody(way: Way) -> bool:
    """Whether nobody is known who would receive it."""
    return way["services"] is None and not way["received"]


def learning(way: Way) -> bool:
    """Whether too few messages came this way to have learned a deadline, and none is declared."""
    return way["deadline_ns"] is None and not way["declared"] and way["timed"] < way["handoffs"]


def learned(ways: Iterable[Way]) -> int:
    """The fewest receipts that what is usual was learned from."""
    return min((way["pairs"] or 0 for way in ways), default=0)


def receivers(way: Way) -> list[str]:
    """Who receives, or would."""
    return way["services"] or [name for name in (way["receiver"],) if name is not None]


def _places(way: Way) -> set[str]:
    """The queue or channel of a message, by all its names."""
    return {name for name in (way["queue"], way["place"], way["destination"]) if name is not None}
