from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from baton.handoffs.beside import PLACE
from baton.handoffs.idle import idled
from recording import ns

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Messages = Callable[..., pl.DataFrame]

Times = tuple[float, float | None]
"""When a message was sent and when it was received, for a tenth of a second; null for a missing one."""


def swallowed(
    messages: Messages, told: Sequence[Times], *, instance: Callable[[int], str] = lambda _: "1", failed: bool = False
) -> list[float]:
    """When the missing messages were sent that a pause of the receiver's may have swallowed (seconds)."""
    rows = [
        {
            "send": number,
            "sent_ns": ns(sent),
            "failed": failed and first is None,
            **(
                {}
                if first is None
                else {
                    "row": number,
                    "receiver": "notify",
                    "instance": instance(number),
                    "first_ns": ns(first),
                    "received_ns": ns(first),
                    "done_ns": ns(first + 0.1),
                }
            ),
        }
        for number, (sent, first) in enumerate(told)
    ]
    frame = messages(*rows, without=("lo_ns", "hi_ns"))
    instances = pl.DataFrame({"service_instance": frame["instance"].drop_nulls().unique()})
    missing = frame.filter(pl.col("row").is_null()).select(
        pl.col("send").alias(PLACE),
        "send",
        "tenant",
        "environment",
        "broker",
        "channel",
        "subscription",
        "sent_ns",
        "before_ns",
        "overtaken_ns",
        "reorder_ns",
        "processing_ns",
        "failed",
    )
    last = max(first for _, first in told if first is not None)
    candidates = missing.with_columns(
        pl.lit("notify").alias("service"), home=pl.lit(""), lo_ns="sent_ns", hi_ns=pl.lit(ns(last))
    )
    # Overtaken by the next receipt of what was sent later.
    taken = frame.filter(pl.col("row").is_not_null()).select(pl.col("sent_ns"), later_ns="first_ns").sort("sent_ns")
    candidates = candidates.sort("sent_ns").join_asof(taken, on="sent_ns", strategy="forward")
    candidates = candidates.with_columns(hi_ns=pl.coalesce("later_ns", "hi_ns"), overtaken_ns="later_ns").join(
        instances, how="cross"
    )
    found = idled(candidates, frame)[PLACE].unique().sort()
    return [told[number][0] for number in found]


def backlog(cut: tuple[int, int], kept: int = 0) -> list[Times]:
    """A hundred messages sent at once and taken one each tenth of a second, but those of a pause, which are missing.

    Of the pause's messages the last `kept` stand in the queue until it ends, and all after them come later.
    """
    begin, end = cut
    lost = [(number / 1000, None) for number in range(begin, end - kept)]
    late = kept / 10
    return [
        *((number / 1000, 0.1 + number / 10) for number in range(begin)),
        *lost,
        *((number / 1000, 0.1 + late + number / 10) for number in range(end - kept, 100)),
    ]


def test_an_instance_with_a_backlog_does_not_idle(messages: Messages) -> None:
    """For a second it took nothing though the next message waited, and ten are missing that would fill it: cut."""
    assert swallowed(messages, backlog((40, 50))) == [number / 1000 for number in range(40, 50)]


def test_a_stop_before_a_full_queue_is_not_filled(messages: Messages) -> None:
    """In a pause of two seconds five went missing, half a second's work: it stood still, and a limit evicted them."""
    assert swallowed(messages, backlog((40, 60), kept=15)) == []


def test_back_to_back_receipts_leave_no_pause(messages: Messages) -> None:
    """A full queue loses two of three messages while its receiver is at work all the time."""
    told = [(number / 30, None if number % 3 else 4 + number / 30) for number in range(300)]
    assert swallowed(messages, told) == []


def test_a_pause_of_failed_sends_is_explained(messages: Messages) -> None:
    """Where every send of it failed there was nothing to take."""
    assert swallowed(messages, backlog((40, 50)), failed=True) == []


def test_one_of_two_that_takes_none_of_its_share_was_cut(messages: Messages) -> None:
    """In calm each of two instances takes every other message; of one ten in a row are missing, and nothing else."""
    told = [(number, None if number % 2 and 40 <= number < 60 else number + 0.1) for number in range(100)]
    assert swallowed(messages, told, instance=lambda number: str(number % 2)) == [*range(41, 60, 2)]


def test_single_losses_in_calm_stay_losses(messages: Messages) -> None:
    """One in ten is missing, and no instance ever pauses for long."""
    told = [(number, None if number % 10 == 3 else number + 0.1) for number in range(100)]
    assert swallowed(messages, told, instance=lambda number: str(number % 2)) == []
