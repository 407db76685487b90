from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from baton.analysis import expect
from baton.limits import DURATION_NS_MAX, ONSET_RATIO, PROCESSING_COUNT_MIN, PROCESSING_MARGIN, PROCESSING_MARGIN_MAX
from baton.pairs.calls import calls
from baton.pairs.learn import learn
from baton.schema import EXPECTATIONS
from recording import CLIENT, SECOND, SERVER, Recording, Span, mended, paired

if TYPE_CHECKING:
    from collections.abc import Sequence

_SENT = {
    **dict.fromkeys(("tenant", "environment", "broker", "channel"), pl.String),
    "send": pl.UInt32,
    "sent_ns": pl.Int64,
    "failed": pl.Boolean,
    "service": pl.String,
    "partition": pl.String,
    "routing_key": pl.String,
}
_RECEIPTS = {
    "send": pl.UInt32,
    "taker": pl.String,
    "service": pl.String,
    "service_instance": pl.String,
    "destination": pl.String,
    "failed": pl.Boolean,
    **dict.fromkeys(("first_ns", "received_ns", "done_ns"), pl.Int64),
}
Message = tuple[float, float | None]
"""When it was sent and how long it waited (seconds), null for the lost."""


def learned(
    messages: Sequence[Message],
    *,
    partitions: Sequence[str] | None = None,
    keys: Sequence[str | None] | None = None,
    instance: str = "1",
    took: float = 2,
) -> dict[str, Any]:
    """What one service teaches that takes 2 s for each message; `partitions` and routing `keys` are the messages'."""
    sent, receipts = [], []
    for send, (at, wait) in enumerate(messages):
        partition = partitions[send] if partitions else None
        key = keys[send] if keys else None
        sent.append(("t", "", "", "ch", send, round(at * SECOND), False, "sender", partition, key))
        if wait is not None:
            begin = round((at + wait) * SECOND)
            done = begin + round(took * SECOND)
            receipts.append((send, "s at ch", "s", instance, "ch", False, begin, begin, done))
    found = learn(
        pl.DataFrame(sent, schema=_SENT, orient="row").with_columns(
            span_name=pl.lit("send"), randomness=pl.lit(0, dtype=pl.Int64)
        ),
        pl.DataFrame(receipts, schema=_RECEIPTS, orient="row").with_columns(
            method=pl.lit("parent"),
            home=pl.lit(""),
            threshold=pl.lit(0, dtype=pl.Int64),
            trace_key=pl.lit(0, dtype=pl.Int64),
            redelivery_ns=pl.lit(None, dtype=pl.Int64),
        ),
        calls(mended(Recording())),
    )
    assert found.schema == EXPECTATIONS.schema
    return found.row(0, named=True)


def test_nothing_teaches_nothing() -> None:
    """Without pairs there are no expectations."""
    assert expect(paired(Recording())).equals(EXPECTATIONS.empty())
    lonely = Recording()
    lonely.send()
    assert expect(paired(lonely)).equals(EXPECTATIONS.empty())


def test_a_profile_of_one_subscription() -> None:
    """Who takes, how many, since when and until when, and how long a receipt lasts."""
    row = learned([(0, None), (1, 0.1), (2, None), (3, 0.1), (9, None)])
    assert (row["kind"], row["channel"], row["subscription"], row["relation"]) == (
        "message",
        "ch",
        "s at ch",
        "expected",
    )
    assert (row["takers"], row["services"], row["destination"]) == (["s at ch"], ["s"], "ch")
    assert (row["first_ns"], row["last_ns"]) == (SECOND, 3 * SECOND)
    assert (row["from_ns"], row["until_ns"]) == (0, 9 * SECOND)
    assert (row["sends"], row["pairs"]) == (4, 2)
    assert row["processing_ns"] == 2 * SECOND


# --- routing keys


def test_the_keys_that_it_takes_are_learned() -> None:
    """Keys that come again name kinds of messages: the sends of other keys are not expected."""
    row = learned([(at, 0.1 if at % 4 else None) for at in range(1, 13)], keys=["tick", "a", "b", "a"] * 3)
    assert (row["routing_keys"], row["sends"], row["pairs"]) == (["a", "b", "tick"], 12, 9)
    row = learned([(at, 0.1 if at % 4 else None) for at in range(1, 13)], keys=["a", "a", "b", "tick"] * 3)
    assert (row["routing_keys"], row["sends"], row["pairs"]) == (["a", "b"], 9, 9)


def test_a_message_without_a_key_is_expected_by_all() -> None:
    """Only a key that was never taken excludes; a send that bears none may be meant for anybody."""
    row = learned([(0, 0.1), (1, 0.1), (2, None), (3, None)], keys=["a", "a", None, "b"])
    assert (row["routing_keys"], row["sends"]) == (["a"], 3)


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        (["a", "a", "b", "b"], ["a", "b"]),
        (["a", "a", "b"], None),
        (["1", "2", "3", "4"], None),
        (["a", "a", "a", None], None),
        ([None, None], None),
        (["a"], ["a"]),
    ],
)
def test_keys_that_name_messages_tell_nothing(keys: list[str | None], told: list[str] | None) -> None:
    """More keys than half the messages are ids; a message without a key shows that keys do not route here."""
    row = learned([(at, 0.1) for at in range(len(keys))], keys=keys)
    assert (row["routing_keys"], row["sends"]) == (told, len(keys))


# --- deadlines


def test_the_deadline_is_five_times_the_99th_percentile() -> None:
    """Of 200 waits 198 are 1 s: the survival curve falls to 1 % there, and the deadline is 5 s."""
    assert learned([(0, 1)] * 198 + [(0, 10)] * 2)["deadline_ns"] == 5 * SECOND


def test_the_unreceived_are_censored() -> None:
    """Kaplan-Meier by hand: 210 sent; 198 received after 1 s, 10 lost after 5 s of looking, 2 received after 10 s.

    The curve: 12/210 = 5.7 % after 1 s; the lost leave at 5 s; 1/2 and then 0 of it at 10 s. So the 99th percentile is
    10 s and the deadline 50 s. Left out, the lost would make it 5 s; counted as received, 25 s.
    """
    assert learned([(0, 1)] * 198 + [(0, 10)] * 2 + [(5, None)] * 10)["deadline_ns"] == 50 * SECOND


def test_where_much_was_lost_the_longest_wait_stands() -> None:
    """The curve never falls to 1 %: 20 received within 1 to 20 s, 20 lost and looked for longer."""
    waits: list[Message] = [(0, wait) for wait in range(1, 21)]
    assert learned([*waits, *[(0, None)] * 20])["deadline_ns"] == 100 * SECOND


def test_a_deadline_is_never_under_a_second() -> None:
    """5 ms of waiting leave a floor of 1 s."""
    assert learned([(at, 0.001) for at in range(20)])["deadline_ns"] == SECOND


def test_few_pairs_teach_no_deadline() -> None:
    """19 pairs are too few, 20 are enough."""
    assert learned([(at, 1) for at in range(19)])["deadline_ns"] is None
    assert learned([(at, 1) for at in range(20)])["deadline_ns"] == 5 * SECOND


def test_a_receipt_before_its_send_waited_for_nothing() -> None:
    """Skewed clocks give no negative wait."""
    assert learned([(at, -3) for at in range(20)])["deadline_ns"] == SECOND


def test_figures_are_bounded() -> None:
    """Deadline, reordering and receipt of absurd clocks are held to DURATION_NS_MAX, and nothing overflows."""
    century = 100 * 365.0 * 24 * 3600
    row = learned([(0, century), *((at, century / 2) for at in range(1, 30))], took=century)
    assert (row["deadline_ns"], row["reorder_ns"], row["processing_ns"]) == (DURATION_NS_MAX,) * 3


# --- reordering


def test_reordering_is_the_time_after_being_overtaken() -> None:
    """Sent at 0, received at 10, while those sent at 1 and 2 were received at 3 and 4: overtaken 7 s before."""
    assert learned([(0, 10), (1, 2), (2, 2)])["reorder_ns"] == 7 * SECOND


def test_in_order_is_no_reordering() -> None:
    """Nobody was overtaken; and what was never received was not received late."""
    assert learned([(0, 3), (1, None), (2, 3)])["reorder_ns"] == 0


def test_partitions_do_not_overtake_each_other() -> None:
    """Order means something within one partition only."""
    assert learned([(0, 10), (1, 2), (2, 2)], partitions="aba")["reorder_ns"] == 6 * SECOND
    assert learned([(0, 10), (1, 2), (2, 2)], partitions="abb")["reorder_ns"] == 0


# --- coin tosses


def toss(share: float, count: int = 200, wait: float = 0.1) -> list[Message]:
    """Messages once a second, each received with that chance."""
    rng = random.Random(7)
    return [(at, wait if rng.random() < share else None) for at in range(count)]


def test_independent_receipts_are_a_coin_toss() -> None:
    """Half of them, or a tenth, at random: the receiver samples."""
    assert learned(toss(0.5))["tossed"]
    assert learned(toss(0.1))["tossed"]


def test_an_outage_is_no_coin_toss() -> None:
    """The same half, lost in a run."""
    run: list[Message] = [(at, None if 50 <= at < 150 else 0.1) for at in range(200)]
    assert not learned(run)["tossed"]


def test_rare_losses_are_no_sampling() -> None:
    """Samplers are hardly ever set above 80 %: nine tenths received is loss."""
    assert not learned(toss(0.9))["tossed"]


def thinned(losses: range, count: int = 200) -> list[Message]:
    """Messages once a second, all received but those at these times."""
    return [(at, None if at in losses else 0.1) for at in range(count)]


def test_how_long_a_receipt_may_take_is_told_by_the_tail() -> None:
    """Even ones twice the longest, exponential ones somewhat more, with a tail of index 1.1 many; few tell nothing."""
    draw = random.Random(3)
    margins = []
    for took in (lambda: 1.0, lambda: draw.expovariate(1), lambda: draw.paretovariate(1.1)):
        recording = Recording()
        for number in range(400):
            recording.receive(at=number + 0.1, took=took(), under=recording.send(at=number))
        margins.append(expect(paired(recording))["processing_margin"].item())
    even, exponential, heavy = margins
    assert even == PROCESSING_MARGIN < exponential < 5 < heavy <= PROCESSING_MARGIN_MAX
    assert learned([(at, 0.1) for at in range(PROCESSING_COUNT_MIN - 1)])["processing_margin"] is None


def test_ids_tell_of_a_sampler_that_nothing_else_tells_of() -> None:
    """Nineteen in twenty kept by trace id: receipts in traces of their own are left out."""
    draw, recording = random.Random(5), Recording()
    for number in range(300):
        sent, own = recording.send(at=number), f"{draw.getrandbits(128):032x}"
        if int(own[-14:], 16) >= 0.05 * 2**56:
            recording.receive(at=number + 0.1, links=[sent], own=Span(own, f"{number + 1:016x}"))
    assert expect(paired(recording))["tossed"].to_list() == [True]


@pytest.mark.parametrize(
    ("losses", "count", "tossed"),
    [
        (range(31, 200, 10), 200, True),
        (range(30, 200, 10), 200, False),
        (range(50, 171, 10), 200, True),
        (range(50, 171, 10), 201, False),
    ],
)
def test_an_instance_without_an_id_may_fall_silent_for_good(losses: range, count: int, tossed: bool) -> None:  # noqa: FBT001 - a table's column
    """A tenth is missing from some moment on, to the end: ONSET_RATIO distances clean before, no more after.

    Losses from the first message on, and those that cease, are losses; with ids all of them are.
    """
    assert ONSET_RATIO == 3.0
    assert learned(thinned(losses, count), instance="")["tossed"] is tossed
    assert learned(thinned(losses, count))["tossed"] is False


def test_an_outage_without_ids_is_no_coin_toss() -> None:
    """Lost in a run to the end: not an instance of several."""
    assert not learned([*thinned(range(150, 190)), *[(at, 0.1) for at in range(200, 205)]], instance="")["tossed"]


def test_too_regular_is_no_loss() -> None:
    """Every third, evenly: more runs than chance makes are a rate limit's or a filter's."""
    assert learned([(at, None if at % 3 else 0.1) for at in range(200)])["tossed"]


def test_the_tail_after_the_last_receipt_is_not_tested() -> None:
    """An outage that still lasts hides no sampler before it, and is none where all was received before."""
    silence: list[Message] = [(200 + at, None) for at in range(200)]
    assert learned([*toss(0.5), *silence])["tossed"]
    assert not learned([(at, 0.1 if at < 5 else None) for at in range(10)])["tossed"]


def test_two_losses_have_no_pattern() -> None:
    """Fewer than three of either kind tell nothing."""
    few: list[Message] = [(0, 0.1), (1, None), (2, 0.1), (3, None), (4, 0.1)]
    assert not learned(few)["tossed"]
    assert learned([*few, (5, None), (6, 0.1)])["tossed"]


def test_survivors_of_a_queue_were_not_tossed() -> None:
    """Random losses whose survivors all waited 10 s, ten deep: a full queue, not a sampler."""
    assert not learned(toss(0.5, wait=10))["tossed"]


@pytest.mark.parametrize(("first", "filters"), [(1, True), (30, True), (31, False)])
def test_one_of_several_subscriptions_may_filter(first: int, filters: bool) -> None:  # noqa: FBT001 - a table's column
    """Where another service gets everything, nine tenths is a filter's share; but not if the losses set in later."""
    recording = Recording()
    for at, send in recording.flow(range(100), taker="audit").items():
        if at not in range(first, 100, 10):
            recording.receive("fraud", at + 0.1, "fraud", under=send)
    messages = expect(paired(recording)).filter(kind="message")
    tossed = dict(messages.select("subscription", "tossed").iter_rows())
    assert tossed == {"audit at orders": False, "fraud at fraud": filters}


# --- calls


def answered(*outcomes: str) -> pl.DataFrame:
    """EXPECTATIONS of calls with these outcomes: answered, silent (no server span, no error) or failed."""
    recording = Recording()
    for at, outcome in enumerate(outcomes):
        error = "x" if outcome == "failed" else None
        client = recording.span("web", at, kind=CLIENT, attributes={"server.address": "api"}, error=error)
        if outcome == "answered":
            recording.span("api", at, kind=SERVER, under=client)
    return expect(paired(recording))


def test_who_answers_a_caller_is_learned() -> None:
    """The target's name and the services that answered it."""
    row = answered("answered", "answered").row(0, named=True)
    assert (row["kind"], row["channel"], row["subscription"]) == ("call", "web -> api work", "api")
    assert (row["services"], row["sends"], row["pairs"], row["tossed"]) == (["api"], 2, 2, False)
    assert row["routing_keys"] is None


def test_a_target_that_never_answered_is_not_expected_to() -> None:
    """No server span ever: not instrumented, and nothing to expect."""
    assert answered("silent", "failed").is_empty()


@pytest.mark.parametrize(("silent", "tossed"), [(1, True), (0, False)])
def test_server_spans_that_are_often_missing_are_sampled(silent: int, tossed: bool) -> None:  # noqa: FBT001 - a table's column
    """Four of five calls answered is the share of a sampler; failed calls do not count towards it."""
    row = answered(*["answered"] * 4, *["silent"] * silent, *["failed"] * 5).row(0, named=True)
    assert row["tossed"] is tossed


# --- version


def test_the_version_names_the_content() -> None:
    """The same spans in another order have the same version; one span more has another."""
    recording = Recording()
    recording.flow(range(5))
    first = expect(paired(recording))
    recording.bodies.reverse()
    assert expect(paired(recording)).equals(first)
    recording.flow([7])
    assert expect(paired(recording))["version"][0] != first["version"][0]


def test_a_few_receipts_side_by_side_are_still_a_coin_toss() -> None:
    """Of 160 messages a sampler kept 13, four of them right behind another: as many as chance makes now and then."""
    kept = {5, 6, 20, 33, 34, 35, 60, 75, 76, 98, 110, 131, 150}
    recording = Recording()
    recording.flow(range(160), lost=[at for at in range(160) if at not in kept])
    assert expect(paired(recording))["tossed"].to_list() == [True]
