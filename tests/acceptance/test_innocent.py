"""Telemetry that looks like a loss and is none: each of these was once called dropped, or could be.

Whole analyses over spans told one by one; the truth is in the telling.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from baton.ownership.catalog import Catalog, Service
from recording import CLIENT, LATER, SERVER, Recording, Span, analysed, judged, of

if TYPE_CHECKING:
    from collections.abc import Sequence

TIMES = [float(at) for at in range(60)]


def told(rows: pl.DataFrame, send: Span) -> tuple[str, str]:
    """Verdict and first sentence of the one handoff of a send."""
    (row,) = of(rows, send)
    return row["verdict"], (row["evidence"] or [""])[0]


def verdicts(rows: pl.DataFrame, sends: dict[float, Span], times: Sequence[float]) -> set[str]:
    """The verdicts of the messages sent at these times."""
    return {row["verdict"] for at in times for row in of(rows, sends[at])}


def accused(rows: pl.DataFrame) -> int:
    """How many rows are called dropped."""
    return rows.filter(pl.col("verdict") == "dropped").height


def test_a_plain_loss_is_still_found() -> None:
    """The yardstick of what follows: one message of many that is overtaken is dropped."""
    recording = Recording()
    sends = recording.flow(TIMES, lost=[30])
    assert verdicts(judged(recording), sends, [30]) == {"dropped"}


# --- polls


def polled(batch: int, links: int) -> tuple[pl.DataFrame, list[Span]]:
    """Four polls; the third takes `batch` messages, says so, and links the first `links` of them."""
    recording = Recording()
    unlinked: list[Span] = []
    for poll in range(4):
        sends = [recording.send(at=poll * 10 + number / 100) for number in range(batch if poll == 2 else 20)]
        linked = sends[:links] if poll == 2 else sends
        unlinked += sends[len(linked) :]
        recording.receive(
            at=poll * 10 + 9, step="receive", links=linked, more={"messaging.batch.message_count": len(sends)}
        )
    for at in range(60):
        recording.span("notify", at)
    return judged(recording), unlinked


def test_a_poll_of_more_messages_than_its_span_names() -> None:
    """What a poll took beyond the links that its span may carry is unobserved, not overtaken."""
    rows, unlinked = polled(batch=150, links=128)
    assert len(unlinked) == 22
    assert {told(rows, send) for send in unlinked} == {
        ("unobserved", "notify took 22 more messages at once than its span names: this may be one of them")
    }


# --- redeliveries and retries


def failing(at: float, *, redelivered: bool, asked: float) -> tuple[str, str]:
    """The last of many messages fails at `at`; an earlier one that failed came back 30 s later."""
    recording = Recording()
    recording.flow(TIMES, lost=[3])
    first = recording.send(at=3.5)
    recording.receive(at=4, under=first, error="deadlock")
    recording.receive(at=34, under=first)
    last = recording.send(at=at)
    recording.receive(at=at + 1, under=last, error="deadlock")
    if redelivered:
        recording.receive(at=at + 31, under=last)
    return told(judged(recording, asked), last)


def test_a_failed_receipt_waits_for_its_redelivery() -> None:
    """Until the usual redelivery delay has passed, a failed receipt is pending; then it is dropped by its own word."""
    assert failing(70, redelivered=False, asked=80)[0] == "pending"
    assert failing(70, redelivered=True, asked=200)[0] == "delivered"
    assert failing(70, redelivered=False, asked=200) == ("dropped", "the receipt failed: deadlock")


def test_where_nothing_ever_comes_back_a_failed_receipt_is_dropped_at_once() -> None:
    """Without any redelivery ever seen there is nothing to wait for."""
    recording = Recording()
    recording.flow(TIMES)
    last = recording.send(at=70)
    recording.receive(at=71, under=last, error="deadlock")
    assert told(judged(recording, 71.5), last)[0] == "dropped"


@pytest.mark.parametrize("channel", ["orders", "orders.retry"])
@pytest.mark.parametrize("by", ["parent", "message id"])
def test_a_receivers_own_republish_makes_up_for_it(channel: str, by: str) -> None:
    """A receiver that fails a message and sends it on again is made good by that, if it is received."""
    recording = Recording()
    recording.flow(TIMES)
    send = recording.send(at=70, message="m1")
    failed = recording.receive(at=71, under=send, error="try later", took=0.5, message="m1")
    handler = recording.span("notify", 71.1, under=failed)
    under = {"under": handler} if by == "parent" else {}
    again = recording.send("notify", 71.2, channel, message="m1" if by == "message id" else None, **under)
    early = judged(recording, 71.9)
    assert told(early, send)[0] == "pending"
    recording.receive(at=75, channel=channel, under=again)
    rows = judged(recording)
    assert told(rows, send) == ("delivered", "notify failed it, and its own new send of it was received")
    assert told(rows, again)[0] == "delivered"


def test_an_answer_is_no_republish() -> None:
    """What a receiver sends elsewhere after it failed a message makes up for nothing."""
    recording = Recording()
    recording.flow(TIMES)
    send = recording.send(at=70)
    failed = recording.receive(at=71, under=send, error="no")
    alarm = recording.send("notify", 71.005, "alarms", under=failed)
    recording.receive("ops", 72, "alarms", under=alarm)
    assert told(judged(recording), send)[0] == "dropped"


# --- confirms


@pytest.mark.parametrize("word", ["TimeoutError", "org.apache.kafka.common.errors.TimeoutException", "StreamLostError"])
def test_a_confirm_that_was_not_waited_for_is_no_refusal(word: str) -> None:
    """With a receipt it is delivered; without one it is judged like any message: waiting, then overtaken."""
    recording = Recording()
    sends = recording.flow(TIMES)
    got = recording.send(at=70, error="", exception=word)
    recording.receive(at=71, under=got)
    lost = recording.send(at=72, error="", exception=word)
    rows = judged(recording, 73)
    assert told(rows, got)[0] == "delivered"
    assert told(rows, lost)[0] == "pending"
    recording.flow([80.0, 81.0, 82.0])
    (row,) = of(judged(recording), lost)
    assert (row["verdict"], row["cause"]) != ("dropped", "publish_failed")
    assert row["verdict"] == "dropped"
    assert sends


def test_a_nack_is_a_refusal() -> None:
    """A negative acknowledgement is the broker's word."""
    recording = Recording()
    recording.flow(TIMES)
    lost = recording.send(at=70, error="", exception="NackError")
    assert told(judged(recording, 71), lost)[0] == "dropped"


# --- duplicates


def duplicates(recording: Recording, send: Span) -> int | None:
    """Of the one handoff of a send."""
    (row,) = of(judged(recording), send)
    return row["duplicates"]


def test_a_message_handled_well_twice_is_a_duplicate() -> None:
    """Two good deliveries are one too many; a first that failed, or broke off unprocessed, makes none."""
    recording = Recording()
    recording.flow(TIMES)
    once, twice, mended, broken, lost = (recording.send(at=70 + number) for number in range(5))
    recording.receive(at=80, under=once)
    recording.receive(at=81, under=twice)
    recording.receive(at=91, under=twice, instance="2")
    recording.receive(at=82, under=mended, error="boom")
    recording.receive(at=92, under=mended)
    recording.receive(at=83, under=broken, step="receive")
    recording.receive(at=93, under=broken, step="receive")
    recording.receive(at=93.1, under=broken)
    assert [duplicates(recording, send) for send in (once, twice, mended, broken, lost)] == [0, 1, 0, 0, None]


def test_a_send_that_got_through_and_was_sent_again_is_a_duplicate() -> None:
    """The sender saw a timeout, sent again, and both were received: the first row counts the second."""
    recording = Recording()
    recording.flow(TIMES)
    first = recording.send(at=70, message="m", error="timed out")
    recording.receive(at=71, under=first)
    again = recording.send(at=75, message="m")
    recording.receive(at=76, under=again)
    assert (duplicates(recording, first), duplicates(recording, again)) == (1, 0)


# --- busy instances


def test_an_instance_at_work_holds_what_it_prefetched() -> None:
    """While one instance works on and begins nothing later, what others overtook may lie in its hands."""
    recording = Recording()
    times = [at / 2 for at in range(40)]
    sends = {at: recording.send(at=at) for at in times}
    for at in times:
        recording.receive(at=at + 0.1, under=sends[at], instance=str(int(at * 2) % 2))
    busy, held = recording.send(at=20.0), recording.send(at=20.2)
    for at in (21.0, 22.0, 23.0, 24.0):
        recording.receive(at=at + 0.1, under=recording.send(at=at), instance="0")
    for at in range(20, 60):
        recording.span("notify", at, name="health", kind=SERVER, instance="1")
        recording.span("notify", at, name="health", kind=SERVER, instance="0")
    early = judged(recording, 60)
    assert told(early, held)[0] == "pending"
    recording.receive(at=20.3, took=45, under=busy, instance="1")
    recording.receive(at=65.4, under=held, instance="1")
    assert told(judged(recording), held)[0] == "delivered"


# --- hidden lanes


def test_a_message_that_is_to_wait_is_not_overtaken() -> None:
    """The sender asked for ten minutes of delay: pending until they have passed, and then it waits, as far as told."""
    recording = Recording()
    recording.flow(TIMES)
    held = recording.send(at=20, more={"messaging.header.x_delay": '["600000"]'})
    for at in range(60, 900, 10):
        recording.span("notify", at)
    assert told(judged(recording, 300), held)[0] == "pending"
    assert told(judged(recording), held)[0] == "stuck"


def test_a_message_group_is_a_lane_of_its_own() -> None:
    """A blocked group waits while others move on: only its own messages overtake."""
    recording = Recording()
    groups: dict[float, Span] = {}
    for at in TIMES:
        more = {"messaging.rocketmq.message.group": "B" if at in (30, 40) else "A"}
        groups[at] = recording.send(at=at, more=more)
        if at not in (30, 40):
            recording.receive(at=at + 0.1, under=groups[at])
    recording.span("notify", 900)
    assert verdicts(judged(recording), groups, [30, 40]) == {"stuck"}


# --- sampling


def traced(recording: Recording, at: float, randomness: int, threshold: str, *, kept: bool) -> Span:
    """A message in a trace of that randomness (of 256), received where the receiver's threshold keeps it."""
    send = recording.send(at=at, own=Span(f"{int(at * 10):018x}{randomness:02x}{0:012x}", f"{int(at * 10) + 1:016x}"))
    if kept:
        recording.receive(at=at + 0.1, under=send)
        recording.bodies[-1][1]["traceState"] = f"ot=th:{threshold}"
    return send


def test_a_receivers_threshold_tells_which_receipts_it_left_out() -> None:
    """Below the receiver's `th` a receipt is not expected; above it a missing one is a loss, and found."""
    rng = random.Random(5)
    recording = Recording()
    out, lost = [], []
    for at in range(1, 300):
        recording.span("notify", at, name="health", kind=SERVER)
        randomness = rng.randrange(256)
        keeps, loses = randomness >= 0xC0, at in (100, 200)
        if loses:
            randomness = 0xF0
        send = traced(recording, at, randomness, "c", kept=keeps and not loses)
        if loses:
            lost.append(send)
        elif not keeps:
            out.append(send)
    rows = judged(recording)
    assert {told(rows, send)[0] for send in out} == {"unobserved"}
    assert {told(rows, send)[0] for send in lost} == {"dropped"}


def test_a_send_that_says_not_sampled_is_not_expected_to_be_seen() -> None:
    """W3C's sampled flag, where flags are known: a receiver that obeys it records nothing."""
    recording = Recording()
    sends = recording.flow(TIMES, lost=[30, 40])
    for (_, body), at in zip(recording.bodies, TIMES, strict=False):
        body["flags"] = 0x100 if at == 30 else 0x101
    assert (verdicts(judged(recording), sends, [30]), verdicts(judged(recording), sends, [40])) == (
        {"unobserved"},
        {"dropped"},
    )


@pytest.mark.parametrize("service", ["trading", "not*"])
def test_tail_sampling_accuses_nobody_and_estimates(service: str) -> None:
    """Where a side is declared as sampled by tail, no row is dropped or stuck, and the share comes as an interval."""
    recording = Recording()
    sends = recording.flow(TIMES, lost=[20, 30])
    failed = recording.send(at=59.5, error="", exception="NackError")
    catalog = Catalog(services=(Service(name=service, sampling="tail"),))
    found = analysed(recording, catalog=catalog)
    assert verdicts(found.handoffs, sends, [20, 30]) == {"unobserved"}
    assert told(found.handoffs, failed)[0] == "unobserved"
    estimate: dict[str, Any] = found.estimates.row(0, named=True)
    assert (estimate["sends"], estimate["missing"]) == (61, 3)
    assert 0 < estimate["low"] < 3 / 61 < estimate["high"] < 0.2
    assert "3 lack their receipt" in told(found.handoffs, sends[20])[1]


# --- lost spans


def busy_receiver(lose: float, rng: random.Random) -> tuple[pl.DataFrame, list[Span]]:
    """Ten messages a second, each receipt with two spans below it; from 60 to 90 that share of its spans is lost."""
    recording = Recording()
    sends = []
    for tick in range(1500):
        at = tick / 10
        send = recording.send(at=at)
        before = len(recording.bodies)
        receipt = recording.receive(at=at + 0.05, under=send)
        step = recording.span("notify", at + 0.051, took=0.004, under=receipt)
        recording.span("notify", at + 0.052, took=0.002, under=step)
        if 60 <= at < 90:
            kept = [body for body in recording.bodies[before:] if rng.random() >= lose]
            if recording.bodies[before] not in kept and len(kept) == 0:
                sends.append(send)
            recording.bodies[before:] = kept
    return judged(recording), sends


def test_a_rise_in_missing_parents_means_that_spans_are_being_lost() -> None:
    """A receipt lost with all that stood below it is no lost message while other spans lack their parents."""
    rows, unseen = busy_receiver(0.2, random.Random(3))
    assert unseen
    assert accused(rows) == 0
    assert "its telemetry loses spans" in told(rows, unseen[0])[1]


def test_a_downstream_server_whose_caller_is_missing_is_a_sign_of_the_receipt() -> None:
    """The receipt and its client span were lost, what it called was not: somebody took the message."""
    recording = Recording()
    sends = recording.flow(TIMES, lost=[30])
    ghost = Span(sends[30].trace, f"{10**9:016x}")
    recording.span("ledger", 30.2, kind=SERVER, under=ghost)
    for at in TIMES:
        call = recording.span("notify", at + 0.5, kind=CLIENT)
        recording.span("ledger", at + 0.501, kind=SERVER, under=call, took=0.001)
    assert verdicts(judged(recording), sends, [30]) == {"pending"}
    assert verdicts(judged(recording, LATER * 10), sends, [30]) == {"unobserved"}


# --- lives of subscriptions


def renamed(old_until: int, new_from: int) -> tuple[pl.DataFrame, dict[int, Span]]:
    """A consumer group `v1` gives way to `v2` of the same service; for a while both take everything."""
    recording = Recording()
    sends = {at: recording.send(at=at, system="kafka") for at in range(200)}
    for at, send in sends.items():
        for instance in ("v1", "v2"):
            recording.span("notify", at + 0.5, name="health", kind=SERVER, instance=instance)
        for group, takes in (("v1", at < old_until), ("v2", at >= new_from)):
            if takes:
                more = {"messaging.consumer.group.name": group}
                recording.receive(at=at + 0.1, under=send, system="kafka", more=more, instance=group)
    return judged(recording), sends


def test_a_group_that_another_replaced_is_not_down() -> None:
    """After a group was renamed, the old one is neither stuck nor dropped, though both ran side by side."""
    rows, _ = renamed(old_until=120, new_from=90)
    assert set(rows["verdict"]) == {"delivered"}


def test_a_second_purpose_that_stops_is_down() -> None:
    """Two groups of one service from the start on: when one stops for good, its messages wait."""
    rows, sends = renamed(old_until=120, new_from=0)
    assert {row["verdict"] for row in of(rows, sends[150])} == {"delivered", "stuck"}


def test_a_kind_that_is_never_taken_is_not_expected() -> None:
    """A sender whose messages a receiver never took is not held against it: its key may be bound nowhere."""
    recording = Recording()
    recording.flow(TIMES)
    strange = [recording.send("batch", at + 0.5) for at in TIMES]
    rows = judged(recording)
    assert {told(rows, send)[0] for send in strange} == {"unobserved"}


def test_environments_may_differ_and_losses_are_found() -> None:
    """A receiver that calls its environment otherwise is watched where it lives: a loss is convicted all the same."""
    recording = Recording()
    sends = {at: recording.send(at=at, environment="prod") for at in TIMES}
    for at, send in sends.items():
        if at != 30:
            recording.receive(at=at + 0.1, under=send, environment="production")
    assert verdicts(judged(recording), sends, [30]) == {"dropped"}
