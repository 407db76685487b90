"""Subscriptions: which takers of a channel stand for each other, which each expect their own message.

- *Fan-out*: takers seen receiving the same messages each expect their own.
- *Competition*: takers whose receipts exclude each other share one subscription. Content routing looks the same from
  spans and is safe in the same way: a message that either took was taken.
- *Onward*: a dead-letter or parking place is a hop of its own and never an expectation.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from baton.limits import FAN_OUT_SHARE_MIN, FAN_OUT_WHOLE_SHARE, TAKERS_MAX
from baton.schema import CHANNEL, ONWARD_NAME

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ONWARD = re.compile(ONWARD_NAME)


class Taker(NamedTuple):
    """One taker of a channel: its label, what it calls the destination, how many messages it took."""

    label: str
    destination: str | None
    messages: int


@dataclass(frozen=True, slots=True)
class Shared:
    """Messages that two takers both took; of them those that the first failed, and those the second took later."""

    both: int = 0
    failed: int = 0
    after: int = 0


def subscriptions(takes: pl.DataFrame) -> pl.DataFrame:
    """Groups the takers of every channel.

    Args:
        takes: one row a (send, taker): CHANNEL columns, `send`, `taker`, `destination`, `failed`, `first_ns`.

    Returns:
        CHANNEL columns, `taker`, `subscription`, `relation` (expected or onward).
    """
    takers = (
        takes.group_by(*CHANNEL, "taker")
        .agg(pl.col("destination").drop_nulls().sort().first(), pl.len().alias("messages"))
        .sort(*CHANNEL, "messages", "taker", descending=[False] * len(CHANNEL) + [True, False])
    )
    shared = _shared(takes)
    rows = [
        (*channel, taker, subscription, relation)
        for channel, group in groupby(takers.iter_rows(), key=itemgetter(*range(len(CHANNEL))))
        for taker, subscription, relation in _grouped(
            channel[-1], [Taker(*row[len(CHANNEL) :]) for row in group], shared.get(channel, {})
        )
    ]
    names = [*CHANNEL, "taker", "subscription", "relation"]
    return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")


def _shared(takes: pl.DataFrame) -> dict[tuple[str, ...], dict[tuple[str, str], Shared]]:
    """Channel -> (taker, other) -> what both took; only channels with several takers are joined."""
    several = takes.lazy().filter(pl.col("taker").n_unique().over(CHANNEL) > 1)
    rows = (
        several.join(
            several.select("send", pl.col("taker").alias("other"), pl.col("first_ns").alias("other_ns")), on="send"
        )
        .filter(pl.col("taker") != pl.col("other"))
        .group_by(*CHANNEL, "taker", "other")
        .agg(
            pl.len().alias("both"),
            pl.col("failed").sum(),
            (pl.col("other_ns") > pl.col("first_ns")).sum().alias("after"),
        )
        .collect()
    )
    shared: dict[tuple[str, ...], dict[tuple[str, str], Shared]] = {}
    for *channel, taker, other, both, failed, after in rows.iter_rows():
        shared.setdefault(tuple(channel), {})[taker, other] = Shared(both, failed, after)
    return shared


def _grouped(
    channel: str, takers: list[Taker], shared: dict[tuple[str, str], Shared]
) -> Iterator[tuple[str, str, str]]:
    """(taker, subscription, relation) of one channel's takers, the busiest first."""
    onward = {taker.label for taker in takers if _is_onward(channel, taker, takers, shared)}
    groups: list[list[Taker]] = []
    for taker in takers:
        if taker.label in onward:
            yield taker.label, taker.label, "onward"
            continue
        home = next((group for group in groups if _exclusive(taker, group, shared)), None)
        if home is None and len(groups) >= TAKERS_MAX:
            home = groups[-1]
        if home is None:
            groups.append([taker])
        else:
            home.append(taker)
    for group in groups:
        name = " | ".join(sorted(taker.label for taker in group))
        yield from ((taker.label, name, "expected") for taker in group)


def _exclusive(taker: Taker, group: Iterable[Taker], shared: dict[tuple[str, str], Shared]) -> bool:
    return all(_share(taker, other, shared) < FAN_OUT_SHARE_MIN for other in group)


def _share(taker: Taker, other: Taker, shared: dict[tuple[str, str], Shared]) -> float:
    there, back = shared.get((taker.label, other.label), Shared()), shared.get((other.label, taker.label), Shared())
    # What one of them failed and the other took was redelivered: no sign of a fan-out.
    return (there.both - there.failed - back.failed) / min(taker.messages, other.messages)


def _is_onward(channel: str, taker: Taker, takers: list[Taker], shared: dict[tuple[str, str], Shared]) -> bool:
    """A place of another name that took only what another taker had failed, or that is called a dead-letter place.

    The name alone convicts nobody: such a place must have taken its messages after the others that took them, and must
    not simply take what another one takes (a plain fan-out to `audit` and `dlt-settlements`). Places that are called so
    may follow each other (a retry, then a dead-letter queue).
    """
    if taker.destination is None or taker.destination == channel:
        return False
    others = [
        (other, shared.get((other.label, taker.label), Shared()))
        for other in takers
        if other.destination != taker.destination
    ]
    if any(taker.messages <= both.failed for _, both in others):
        return True
    return _sounds_onward(channel, taker) and all(
        both.after == both.both and both.both - both.failed < FAN_OUT_WHOLE_SHARE * other.messages
        for other, both in others
        if not _sounds_onward(channel, other)
    )


def _sounds_onward(channel: str, taker: Taker) -> bool:
    if taker.destination is None or taker.destination == channel or ONWARD.search(channel):
        return False
    place = taker.label if taker.label.startswith("queue ") else taker.destination
    return ONWARD.search(place) is not None
