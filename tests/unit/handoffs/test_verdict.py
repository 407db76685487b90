from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

import pytest

from baton.handoffs.verdict import judge, law
from baton.limits import OPEN_RECEIPT_NS_MAX
from recording import ns

if TYPE_CHECKING:
    from collections.abc import Callable

    import polars as pl

    Messages = Callable[..., pl.DataFrame]

AS_OF = ns(10_000)
ADDED = ("held_at", "mended", "proof")
Row = dict[str, Any]

ONWARD = {"relation": "onward", "subscription": "reader at dlq", "destination": "dlq", "row": 8, "lapsed": False}
RESENT = {"send": 2, "row": 7, "lapsed": False, "sent_ns": ns(5), "first_ns": ns(6), "received_ns": ns(6)}

LAW: dict[str, tuple[str, Row]] = {
    "received": ("delivered", {"row": 9, "lapsed": False, "first_ns": ns(1), "received_ns": ns(1)}),
    "resent": ("retried", {"failed": True, "failure": "nack", "message_id": "m"}),
    "tail sampled": ("unobserved", {"tail": True, "tail_services": ["notify"]}),
    "returning": ("pending", {"row": 9, "lapsed": True, "received_ns": AS_OF, "redelivery_ns": 10, "first_ns": ns(1)}),
    "refused": ("dropped", {"row": 9, "lapsed": True, "lapse": "boom", "first_ns": ns(1), "received_ns": ns(1)}),
    "sidelined": ("dropped", {"onward": True}),
    "retrying": ("pending", {"failed": True, "failure": "nack", "refused_again": True}),
    "failed": ("dropped", {"failed": True, "failure": "nack"}),
    "unknown receiver": ("unobserved", {"subscription": None, "services": None}),
    "no time": ("unobserved", {"sent_ns": 0}),
    "unnamed": ("unobserved", {"unnamed_sent": 3, "unnamed_received": 2}),
    "sampled out": ("unobserved", {"unsampled": True}),
    "sampled": ("unobserved", {"tossed": True}),
    "lost receipt": ("unobserved", {"open_ns": AS_OF - OPEN_RECEIPT_NS_MAX - 1}),
    "open": ("pending", {"open_ns": AS_OF - OPEN_RECEIPT_NS_MAX}),
    "silent": ("unobserved", {"silent_instance": "1", "silent_ns": ns(1)}),
    "unlisted": ("unobserved", {"unlisted": 72}),
    "gap": ("unobserved", {"gap_from_ns": ns(1), "gap_until_ns": ns(2)}),
    "blind": ("unobserved", {"blind_from_ns": ns(1), "blind_until_ns": ns(2), "blind_kind": "down"}),
    "span loss": ("unobserved", {"span_loss": 0.1, "missing_share": 0.1}),
    "unborn": ("unobserved", {"born": False}),
    "early": ("pending", {"deadline_at_ns": AS_OF + 1}),
    "awaited": ("pending", {"awaited": True}),
    "busy": ("pending", {"busy_instance": "1", "overtaken_ns": ns(2)}),
    "overtaken": ("dropped", {"overtaken_ns": ns(2)}),
    "drained": ("dropped", {"idle_ns": AS_OF + 2, "before_ns": ns(-1), "before_sent_ns": ns(-1)}),
    "deaf": ("unobserved", {"service_ns": ns(29)}),
    "waiting": ("stuck", {}),
}
"""Clause -> its verdict and the message that it alone meets. `onward` adds a hop, a message id `m` a later send,
`refused_again` an attempt just now, that was refused as well."""

EXCLUSIVE = {
    frozenset({"received", "resent"}),  # what was received needs no retry
    frozenset({"received", "refused"}),
    frozenset({"received", "sidelined"}),  # tested below: the hop takes the receipt's place
    frozenset({"received", "unknown receiver"}),
    frozenset({"received", "returning"}),
    frozenset({"resent", "returning"}),
    frozenset({"returning", "sidelined"}),
    frozenset({"returning", "unknown receiver"}),
    frozenset({"resent", "refused"}),
    frozenset({"resent", "no time"}),  # what bears no time is near no later send
    frozenset({"refused", "unknown receiver"}),
    frozenset({"sidelined", "unknown receiver"}),  # a hop instead of nobody's receipt is no hop instead
    frozenset({"lost receipt", "open"}),
}
"""Clauses of which no message can meet both."""


def told(messages: Messages, *stories: Row) -> list[tuple[str, str]]:
    """(proof, verdict) of each message, every one on a channel of its own."""
    rows: list[Row] = []
    for number, story in enumerate(stories):
        row = {**story, "channel": f"ch {number}", "send": 10 * number + 1}
        again = row.pop("refused_again", False)
        rows.append(row)
        if again:
            row["message_id"] = row.get("message_id", "again")
            rows.append({**row, "send": row["send"] + 2, "sent_ns": AS_OF - 1})
        if row.pop("onward", False):
            rows.append({**ONWARD, "channel": row["channel"], "send": row["send"], "first_ns": ns(20)})
        if row.get("message_id") == "m":
            rows.append({**RESENT, "channel": row["channel"], "send": row["send"] + 1, "message_id": "m"})
    judged = judge(messages(*rows, without=ADDED), AS_OF)
    wanted = {row["send"] for row in rows if row["send"] % 10 == 1}
    mine = judged.filter(judged["send"].is_in(list(wanted)) & (judged["relation"] == "expected")).sort("send")
    return mine.select("proof", "verdict").rows()


def test_the_law_has_these_clauses_in_this_order() -> None:
    """Names, verdicts and order of the clauses are the law's."""
    assert [(clause.name, clause.verdict) for clause in law(AS_OF)] == [
        (name, verdict) for name, (verdict, _) in LAW.items()
    ]


@pytest.mark.parametrize("name", LAW)
def test_each_clause_has_its_message(messages: Messages, name: str) -> None:
    """A message that meets one clause alone gets its verdict."""
    verdict, story = LAW[name]
    assert told(messages, story) == [(name, verdict)]


def test_of_two_clauses_the_first_wins(messages: Messages) -> None:
    """Every two clauses that one message can meet: the one that stands first decides."""
    pairs = [pair for pair in combinations(LAW, 2) if frozenset(pair) not in EXCLUSIVE]
    found = told(messages, *({**LAW[later][1], **LAW[first][1]} for first, later in pairs))
    wrong = {pair: proof for pair, (proof, _) in zip(pairs, found, strict=True) if proof != pair[0]}
    assert wrong == {}
    assert len(found) == len(pairs)


def test_no_message_is_left_without_a_verdict(messages: Messages) -> None:
    """A row of nulls gets one too."""
    nothing = dict.fromkeys(("moved", "born", "awaited", "tossed", "failed", "service_ns", "deadline_at_ns"))
    unknown = {**nothing, "services": None, "subscription": None}
    assert told(messages, unknown) == [("unknown receiver", "unobserved")]
    assert told(messages, nothing) == [("deaf", "unobserved")]


def test_no_messages_make_no_verdicts(messages: Messages) -> None:
    """Nothing in, nothing out."""
    judged = judge(messages(without=ADDED), AS_OF)
    assert judged.is_empty()
    assert {"kind", "verdict", "proof", "evidence"} <= set(judged.columns)


# --- the edges of the clauses


def test_a_hop_after_the_receipt_takes_its_place(messages: Messages) -> None:
    """Received, then found at a dead-letter place: dropped; received again after that: delivered."""
    received = {**LAW["received"][1], "done_ns": ns(20)}
    assert told(messages, {**received, "onward": True}) == [("sidelined", "dropped")]
    assert told(messages, {**received, "onward": True, "received_ns": ns(21)}) == [("received", "delivered")]


def test_a_failed_send_that_was_received_is_delivered(messages: Messages) -> None:
    """The publisher saw an error, the receiver the message."""
    assert told(messages, {**LAW["received"][1], **LAW["failed"][1]}) == [("received", "delivered")]


def test_a_resend_makes_up_for_known_failures_only(messages: Messages) -> None:
    """A sender that did not know of the loss did not retry it: a silent loss stays what it is."""
    silent = {"message_id": "m", "overtaken_ns": ns(2)}
    assert told(messages, silent) == [("overtaken", "dropped")]
    assert told(messages, {"message_id": "m"}) == [("waiting", "stuck")]


def test_being_overtaken_needs_telemetry_that_moved_past(messages: Messages) -> None:
    """Overtaken, but the receiver was not heard since: no proof."""
    assert told(messages, {"overtaken_ns": ns(2), "moved": False}) == [("waiting", "stuck")]


def test_the_deadline_is_an_edge(messages: Messages) -> None:
    """At its deadline a message is not early; a receiver last heard right before it is deaf."""
    due = {"deadline_at_ns": AS_OF}
    assert told(messages, {**due, "service_ns": AS_OF}) == [("waiting", "stuck")]
    assert told(messages, {**due, "service_ns": AS_OF - 1}) == [("deaf", "unobserved")]


@pytest.mark.parametrize("ahead", [-600, 0, 600])
def test_an_empty_queue_is_told_by_the_receivers_clock(messages: Messages, ahead: float) -> None:
    """Empty after the deadline, told from the last receipt before it, however far the receiver's clock runs."""
    before = {"before_sent_ns": ns(-5), "before_ns": ns(-5 + ahead)}
    assert told(messages, {**before, "idle_ns": ns(30 + ahead)}) == [("waiting", "stuck")]
    assert told(messages, {**before, "idle_ns": ns(30 + ahead) + 1}) == [("drained", "dropped")]


def test_without_a_receipt_before_it_an_empty_queue_proves_nothing(messages: Messages) -> None:
    """Nothing ties the two clocks."""
    assert told(messages, {"idle_ns": ns(900)}) == [("waiting", "stuck")]


def test_a_receipt_from_a_retry_place_is_a_delivery(messages: Messages) -> None:
    """Failed, or never seen, at its usual place, then taken well from the retry queue by the same receiver."""
    retry = {**ONWARD, "send": 1, "place": "orders.retry", "receiver": "notify", "first_ns": ns(20)}
    for story in ({}, LAW["refused"][1]):
        judged = judge(messages({**story, "send": 1}, retry, without=ADDED), AS_OF)
        assert judged["verdict"].to_list() == ["delivered"] * 2


def test_a_receiver_never_heard_of_is_deaf(messages: Messages) -> None:
    """No telemetry of the service at all."""
    assert told(messages, {"service_ns": None}) == [("deaf", "unobserved")]


def test_an_onward_row_is_judged_by_its_receipt(messages: Messages) -> None:
    """The hop itself was delivered, or refused there."""
    rows = messages({**ONWARD, "send": 1}, {**ONWARD, "send": 2, "lapsed": True}, without=ADDED)
    assert judge(rows, AS_OF)["verdict"].to_list() == ["delivered", "dropped"]
