from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from baton.handoffs.evidence import evidenced, seconds
from baton.handoffs.verdict import law
from recording import ns

if TYPE_CHECKING:
    from collections.abc import Callable

    Messages = Callable[..., pl.DataFrame]

CASES: list[tuple[dict[str, Any], list[str]]] = [
    ({"proof": "received", "deliveries": 1}, []),
    ({"proof": "received", "deliveries": 3}, ["it was delivered 3 times"]),
    ({"proof": "received", "mended": True}, ["notify took it again from a retry queue, and well"]),
    (
        {"proof": "received", "failed": True, "failure": "nack"},
        ["the sender saw a failure (nack), yet it was received"],
    ),
    (
        {"proof": "received", "received_ns": ns(-0.25)},
        ["received 250.0 ms before it was sent: the clocks differ"],
    ),
    (
        {"proof": "received", "deliveries": 2, "duplicates": 1},
        ["it was delivered 2 times", "it was handled well 2 times: a duplicate"],
    ),
    ({"proof": "received", "again_well": True}, ["notify failed it, and its own new send of it was received"]),
    (
        {
            "proof": "tail sampled",
            "tail_services": ["a", "b"],
            "estimate_sends": 1000,
            "estimate_missing": 20,
            "estimate_low": 0.013,
            "estimate_high": 0.0307,
        },
        [
            (
                "traces of a, b are sampled by tail, so no single loss is named; of 1000 such messages seen, 20 lack "
                "their receipt: 1.3 to 3.1 % of all, at 95 %"
            )
        ],
    ),
    (
        {"proof": "tail sampled", "tail_services": ["a"]},
        ["traces of a are sampled by tail, so no single loss is named"],
    ),
    (
        {"proof": "returning", "lapse": "boom", "redelivery_ns": 30_000_000_000},
        ["the receipt failed: boom", "a failed message of this subscription came back up to 30.0 s later"],
    ),
    (
        {"proof": "returning", "lapse": "boom", "again_due_ns": ns(40), "received_ns": ns(1)},
        ["the receipt failed: boom", "notify sent it again, and that has not been received yet"],
    ),
    (
        {"proof": "retrying", "failure": "nack"},
        [
            "the send failed: nack",
            "its sender sends such messages again: the latest attempt decides, and has not been received yet",
        ],
    ),
    (
        {"proof": "sampled out", "unsampled": True},
        ["the send's trace flags say not sampled: a receiver that obeys them records nothing"],
    ),
    (
        {"proof": "sampled out", "threshold": 3 * 2**54},
        ["notify keeps 25.0 % of traces (ot=th in its tracestate), and this one's randomness is below that"],
    ),
    (
        {"proof": "unlisted", "unlisted": 72},
        ["notify took 72 more messages at once than its span names: this may be one of them"],
    ),
    (
        {"proof": "span loss", "span_loss": 0.25, "missing_share": 0.3},
        [
            (
                "25.0 % more of the spans of notify than usual lacked their parent around the expected receipt, and "
                "30.0 % of the messages their receipt: its telemetry loses spans"
            )
        ],
    ),
    (
        {"proof": "busy", "busy_instance": "7"},
        [
            "instance 7 of notify has begun no message that was sent later: it may be at work on this one, or hold it",
        ],
    ),
    (
        {"proof": "unknown receiver", "services": None, "elsewhere": True},
        ["the receivers of this channel were never seen to take such a message: its key, or its kind"],
    ),
    ({"proof": "resent"}, ["the sender's own retry of it was delivered"]),
    ({"proof": "refused", "lapse": "boom"}, ["the receipt failed: boom"]),
    (
        {"proof": "refused", "deliveries": 2},
        ["the receipt failed: an error status", "it was delivered 2 times; the last one decides"],
    ),
    (
        {"proof": "sidelined", "held_at": "dlq", "services": ["a", "b"]},
        ["it never reached a, b; it was received at dlq instead"],
    ),
    ({"proof": "sidelined", "held_at": "dlq", "row": 4}, ["after notify took it, it was received at dlq"]),
    ({"proof": "failed", "failure": "nack"}, ["the send failed: nack"]),
    (
        {"proof": "failed", "failure": "NO_ROUTE", "returned": True},
        ["the send failed: NO_ROUTE", "the broker returned it to the sender"],
    ),
    ({"proof": "unknown receiver", "services": None}, ["nobody was ever seen to receive from this channel"]),
    ({"proof": "no time"}, ["the send bears no time"]),
    (
        {"proof": "unnamed", "unnamed_sent": 3, "unnamed_received": 2},
        ["messages with this correlation id: 3 sent, 2 received; nothing tells which"],
    ),
    (
        {"proof": "sampled"},
        ["receipts by notify look like a coin toss: it samples its spans, or takes only a part"],
    ),
    (
        {"proof": "lost receipt"},
        ["spans under the missing receipt exist: notify took it, and the receipt's own span was lost"],
    ),
    ({"proof": "open"}, ["spans under an open receipt exist: notify is still at it"]),
    (
        {"proof": "silent", "silent_instance": "pod-7", "silent_ns": ns(1.5)},
        [
            (
                "instance pod-7 of notify fell silent for good 1.5 s after the send: what it did in its last 30 s "
                "may never have been exported"
            )
        ],
    ),
    (
        {"proof": "silent", "silent_instance": "", "silent_ns": ns(-9)},
        [
            (
                "instance (unnamed) of notify fell silent for good 0.0 ms after the send: what it did in its last 30 s "
                "may never have been exported"
            )
        ],
    ),
    (
        {"proof": "gap", "gap_from_ns": ns(2), "gap_until_ns": ns(14.5)},
        [
            (
                "no span of notify arrived for 12.5 s around the expected receipt, then fresh ones: its telemetry was "
                "cut, as far as anyone can tell"
            )
        ],
    ),
    (
        {"proof": "blind", "blind_from_ns": ns(0), "blind_until_ns": ns(90), "blind_kind": "down"},
        [
            (
                "Baton itself was down from 2026-09-21T14:13:20Z to 2026-09-21T14:14:50Z: the receipt's span may have "
                "been lost to that"
            )
        ],
    ),
    ({"proof": "unborn"}, ["no telemetry of notify from before the expected receipt"]),
    ({"proof": "early"}, ["its deadline has not passed"]),
    ({"proof": "awaited"}, ["the telemetry of notify has not moved past it"]),
    (
        {"proof": "overtaken", "overtaken_ns": ns(4)},
        [
            "notify received a message that was sent later, 4.0 s after this one was sent",
            "this subscription was never seen to reorder",
            "no receipt of this subscription was ever seen to take longer than 0.0 ms",
        ],
    ),
    (
        {"proof": "overtaken", "overtaken_ns": ns(4), "reorder_ns": 20_000_000, "processing_ns": 5_000_000_000},
        [
            "notify received a message that was sent later, 4.0 s after this one was sent",
            "no message of this subscription was ever received more than 20.0 ms after being overtaken",
            "no receipt of this subscription was ever seen to take longer than 5.0 s",
        ],
    ),
    (
        {"proof": "drained", "idle_ns": ns(37), "before_ns": ns(-2)},
        ["notify found the queue empty again and again, 39.0 s after the last receipt before it"],
    ),
    ({"proof": "deaf", "service_ns": ns(-1)}, ["no telemetry of notify since before the send"]),
    ({"proof": "deaf", "service_ns": ns(1)}, ["no telemetry of notify since shortly after the send"]),
    ({"proof": "deaf", "service_ns": None}, ["no telemetry of notify since shortly after the send"]),
    (
        {"proof": "waiting"},
        ["notify has not received it, nor any message sent later: it waits, as far as anyone can tell"],
    ),
]


@pytest.mark.parametrize(("row", "said"), CASES)
def test_each_clause_says_its_figures(messages: Messages, row: dict[str, Any], said: list[str]) -> None:
    """The sentences of the clause that matched, with the row's figures, and none of another clause."""
    assert evidenced(messages(row))["evidence"].to_list() == [said]


def test_sentences_stand_at_their_own_rows(messages: Messages) -> None:
    """Of many rows each has its own, in their order; a plain delivery has none."""
    rows = messages(*({"send": send, "proof": proof} for send, proof in enumerate(("early", "received", "resent"))))
    assert evidenced(rows)["evidence"].to_list() == [
        ["its deadline has not passed"],
        [],
        ["the sender's own retry of it was delivered"],
    ]
    assert evidenced(rows.head(0)).schema["evidence"] == pl.List(pl.String)


def test_every_clause_of_the_law_has_its_sentence() -> None:
    """The cases above name each clause."""
    assert {row["proof"] for row, _ in CASES} == {clause.name for clause in law(0)}


def test_durations_are_said_as_people_say_them() -> None:
    """Milliseconds below a second, seconds from there on."""
    said = pl.DataFrame({"ns": [0, 1_500_000, 999_940_000, 1_000_000_000, 61_234_000_000]}).select(
        seconds(pl.col("ns"))
    )
    assert said.to_series().to_list() == ["0.0 ms", "1.5 ms", "999.9 ms", "1.0 s", "61.23 s"]
