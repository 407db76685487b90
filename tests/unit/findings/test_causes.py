from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from baton.findings.causes import CAUSES, convict, documentation
from recording import ns

_SCHEMA = {
    **dict.fromkeys(("verdict", "proof", "held_at", "shares", "mixed", "policy", "replayed", "failure"), pl.String),
    **dict.fromkeys(("fact_cause", "fact_told", "limit_overflow", "limit_policy", "limit_by"), pl.String),
    **dict.fromkeys(("limit_max", "limit_age_ns", "limit"), pl.Int64),
    **dict.fromkeys(("failed", "returned", "unsure", "fact_sure", "unlimited", "no_letters"), pl.Boolean),
    **dict.fromkeys(("row", "survivors", "waiting"), pl.UInt32),
    **dict.fromkeys(("depth", "depth_iqr"), pl.Float64),
    **dict.fromkeys(("last_receipt_ns", "deadline_at_ns", "moment_ns"), pl.Int64),
    **dict.fromkeys(("services", "evidence"), pl.List(pl.String)),
}
Row = dict[str, Any]

FULL: Row = {"depth": 48.6, "depth_iqr": 0.5, "survivors": 30, "shares": "the queue then held: ticks 92 %"}
EVICTS: Row = {**FULL, "policy": "drop-head", "moment_ns": ns(3), "replayed": "replayed: it evicts"}
REFUSES: Row = {**EVICTS, "policy": "reject-publish", "replayed": "replayed: it refuses"}
EXPIRES: Row = {"policy": "ttl", "moment_ns": ns(3), "replayed": "replayed: it expires", "shares": "ticks"}
OVERTAKEN: Row = {"proof": "overtaken"}
FAILED: Row = {"proof": "failed", "failed": True}
UNSURE: Row = {"failed": True, "unsure": True, "failure": "connection reset"}
SIDELINED: Row = {"proof": "sidelined", "held_at": "dlq"}
STUCK: Row = {"proof": "waiting", "verdict": "stuck", "waiting": 3}


def by_facts(cause: str, *, sure: bool = True) -> Row:
    """What broker facts say of a row."""
    return {"fact_cause": cause, "fact_sure": sure, "fact_told": "the broker says so"}


def convicted(row: Row) -> Row:
    """A dropped row with one sentence of evidence, convicted."""
    told = {
        "verdict": "dropped",
        "failed": False,
        "returned": False,
        "services": ["notify"],
        "evidence": ["seen"],
        "deadline_at_ns": ns(30),
    }
    return convict(pl.DataFrame([{**told, **row}], schema=_SCHEMA)).row(0, named=True)


@pytest.mark.parametrize(
    ("row", "cause", "confidence"),
    [
        ({**FAILED, "returned": True}, "unroutable", "confirmed"),
        ({"proof": "refused", "row": 1}, "rejected", "confirmed"),
        ({**SIDELINED, "row": 1}, "rejected", "inferred"),
        ({**OVERTAKEN, **FULL}, "overflow", "inferred"),
        ({"proof": "drained", **FULL}, "overflow", "inferred"),
        ({**SIDELINED, **FULL}, "overflow", "inferred"),
        ({"proof": "unbound"}, "unroutable", "confirmed"),
        ({**SIDELINED, "row": 1, **by_facts("rejected")}, "rejected", "confirmed"),
        ({**OVERTAKEN, **by_facts("expired")}, "expired", "confirmed"),
        ({**OVERTAKEN, **by_facts("expired", sure=False)}, "expired", "inferred"),
        ({"proof": "counted", **by_facts("overflow")}, "overflow", "confirmed"),
        ({**FAILED, **by_facts("overflow")}, "overflow", "confirmed"),
        ({**OVERTAKEN, **by_facts("overflow", sure=False)}, "overflow", "inferred"),
        ({"proof": "counted", **by_facts("broker_lost")}, "broker_lost", "confirmed"),
        ({"proof": "held", "verdict": "stuck", **by_facts("receiver_down")}, "receiver_down", "confirmed"),
        ({"proof": "counted"}, "unknown", "inferred"),
        ({**OVERTAKEN, **FULL, "limit_max": 50}, "overflow", "inferred"),
        ({**OVERTAKEN, **FULL, "limit_max": 80}, "unknown", "inferred"),
        ({**OVERTAKEN, **FULL, "unlimited": True}, "unknown", "inferred"),
        ({**FAILED, **FULL, "limit_max": 50, "limit_overflow": "drop-head"}, "publish_failed", "confirmed"),
        ({**OVERTAKEN, **EVICTS}, "overflow", "inferred"),
        ({**OVERTAKEN, **REFUSES}, "overflow", "inferred"),
        ({**FAILED, **REFUSES}, "overflow", "inferred"),
        ({**FAILED, **EVICTS}, "publish_failed", "confirmed"),
        ({**FAILED, **FULL}, "publish_failed", "confirmed"),
        ({**OVERTAKEN, **EXPIRES}, "expired", "inferred"),
        ({**OVERTAKEN, **EXPIRES, "moment_ns": None}, "unknown", "inferred"),
        ({**OVERTAKEN, **EVICTS, "moment_ns": None}, "unknown", "inferred"),
        ({**STUCK, "last_receipt_ns": ns(30)}, "receiver_down", "inferred"),
        ({**STUCK, "last_receipt_ns": None}, "receiver_down", "inferred"),
        ({**STUCK, "waiting": 2}, "receiver_down", "suspected"),
        (FAILED, "publish_failed", "confirmed"),
        ({**OVERTAKEN, **UNSURE}, "publish_failed", "inferred"),
        ({**OVERTAKEN, **UNSURE, **FULL}, "overflow", "inferred"),
        ({**STUCK, **UNSURE}, "receiver_down", "inferred"),
        ({"proof": "lost"}, "call_lost", "inferred"),
        ({"proof": "stopped"}, "silent_stop", "inferred"),
        ({"proof": "stopped perhaps"}, "silent_stop", "suspected"),
        ({"proof": "halted", "verdict": "stuck"}, "silent_stop", "suspected"),
        (OVERTAKEN, "unknown", "inferred"),
        ({"proof": "drained"}, "unknown", "inferred"),
        (SIDELINED, "unknown", "inferred"),
    ],
)
def test_each_cause_has_its_evidence(row: Row, cause: str, confidence: str) -> None:
    """What convicts, and how sure that makes it."""
    found = convicted(row)
    assert (found["cause"], found["confidence"]) == (cause, confidence)


def test_the_table_stands_in_this_order() -> None:
    """The order is the precedence."""
    assert list(dict.fromkeys(cause.name for cause in CAUSES)) == [
        "unroutable",
        "rejected",
        "expired",
        "overflow",
        "broker_lost",
        "receiver_down",
        "publish_failed",
        "call_lost",
        "silent_stop",
        "unknown",
    ]


@pytest.mark.parametrize(
    ("row", "cause", "runner_up"),
    [
        ({**FAILED, "returned": True, **REFUSES}, "unroutable", "overflow"),
        ({**FAILED, "returned": True}, "unroutable", "publish_failed"),
        ({**FAILED, **REFUSES}, "overflow", "publish_failed"),
    ],
)
def test_the_runner_up_goes_into_the_evidence(row: Row, cause: str, runner_up: str) -> None:
    """The first row that holds is the cause, the next one is named after it."""
    found = convicted(row)
    assert found["cause"] == cause
    assert found["evidence"][-1] == f"runner-up: {runner_up}"


def test_a_cause_is_not_its_own_runner_up() -> None:
    """Some rows of the table bear one name, the surer first: the next says nothing new."""
    assert [cause.name for cause in CAUSES].count("receiver_down") == 3
    assert not any("runner-up" in sentence for sentence in convicted(STUCK)["evidence"])


def test_unknown_is_no_runner_up() -> None:
    """The honest last stands in no evidence but its own."""
    assert not any("runner-up" in sentence for sentence in convicted({**OVERTAKEN, **FULL})["evidence"])


def test_a_receipt_of_a_rejected_message_needs_no_full_queue() -> None:
    """A refusal and a hop after a receipt are the receiver's doing, however full its queue."""
    assert convicted({"proof": "refused", "row": 1, **FULL})["cause"] == "rejected"
    assert convicted({**SIDELINED, "row": 1, **FULL})["cause"] == "rejected"


def test_a_receiver_that_took_others_after_the_deadline_is_not_down() -> None:
    """Stuck, and nothing says why: suspected."""
    found = convicted({**STUCK, "last_receipt_ns": ns(31)})
    assert (found["cause"], found["confidence"], found["evidence"]) == (None, "suspected", ["seen"])


@pytest.mark.parametrize("verdict", ["delivered", "retried", "unobserved", "pending"])
def test_nobody_else_is_convicted(verdict: str) -> None:
    """Cause, confidence and disposition are null unless dropped or stuck, and the evidence stays."""
    found = convicted({**FAILED, **FULL, "returned": True, "verdict": verdict})
    assert [found[name] for name in ("cause", "confidence", "disposition")] == [None] * 3
    assert found["evidence"] == ["seen"]


@pytest.mark.parametrize(
    ("row", "disposition"),
    [
        (FAILED, "gone"),
        (OVERTAKEN, "unknown"),
        (STUCK, "unknown"),
        (SIDELINED, "dead_lettered"),
        ({**SIDELINED, "held_at": "orders.parked"}, "parked"),
        ({**SIDELINED, "held_at": "Alternate"}, "parked"),
        ({**FAILED, "held_at": "unroutable"}, "parked"),
    ],
)
def test_where_it_is_now(row: Row, disposition: str) -> None:
    """A failed send never entered; a place is named; the rest nobody knows."""
    assert convicted(row)["disposition"] == disposition


def test_overflow_says_its_figures() -> None:
    """The replay's sentence, else the depths of the survivors; then the shares of the queue, and who shares it."""
    figures = (
        "the queue stood at its limit: the 30 messages that came through while others were lost had 49 sent behind "
        "them (interquartile range 0.5), so it holds 50; it evicts its oldest (drop-head)"
    )
    shares = "the queue then held: ticks 92 %"
    assert convicted({**OVERTAKEN, **FULL})["evidence"] == ["seen", figures, shares]
    said = convicted({**OVERTAKEN, **EVICTS, "mixed": "critical and other messages"})["evidence"]
    assert said == ["seen", "replayed: it evicts", shares, "critical and other messages"]


def test_an_expiry_crowds_nobody() -> None:
    """Whoever stood in the queue, it was the time that ran out."""
    assert convicted({**OVERTAKEN, **EXPIRES})["evidence"] == ["seen", "replayed: it expires"]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({**FAILED, "returned": True}, "no binding takes its key"),
        (FAILED, "no later send of it was seen"),
        (OVERTAKEN, "nothing in the spans says why"),
        (STUCK, "notify sent other spans meanwhile, and took nothing from this channel; 3 messages wait"),
        (
            {**STUCK, "waiting": 1},
            "notify sent other spans meanwhile, and took nothing from this channel; 1 message waits",
        ),
    ],
)
def test_each_cause_adds_its_sentence(row: Row, said: str) -> None:
    """After what the verdict has said."""
    assert convicted(row)["evidence"][:2] == ["seen", said]


def test_a_clause_that_said_it_all_adds_nothing() -> None:
    """A refused receipt, a hop after one, a lost call: the verdict's sentence stands alone."""
    for row in ({"proof": "refused", "row": 1}, {**SIDELINED, "row": 1}, {"proof": "lost"}):
        assert convicted(row)["evidence"] == ["seen"]


def test_the_documentation_is_the_table() -> None:
    """One line a row, in order."""
    lines = documentation().splitlines()
    assert len(lines) == 2 + len(CAUSES)
    assert [line.split("`")[1] for line in lines[2:]] == [cause.name for cause in CAUSES]
    assert all(cause.convicts in line for line, cause in zip(lines[2:], CAUSES, strict=True))


def test_the_brokers_limit_stands_beside_the_survivors() -> None:
    """Both figures are said, with the policy, and how far the broker's word is from the message."""
    fact = {"limit_max": 50, "limit_policy": "tight", "limit_age_ns": 2 * 3600 * 1_000_000_000}
    (sentence,) = (one for one in convicted({**OVERTAKEN, **FULL, **fact})["evidence"] if "so it holds" in one)
    assert sentence.endswith("; the broker says 50, policy tight, 2.0 hours apart from this message")
    (sentence,) = (
        one
        for one in convicted({**OVERTAKEN, **FULL, **by_facts("overflow"), "limit_max": 50})["evidence"]
        if "broker" in one
    )
    assert sentence == "the broker says so; the survivors say 50"


@pytest.mark.parametrize(
    ("fact", "said"),
    [
        ({"limit_max": 80, "limit_by": "the broker", "limit_policy": "wide"}, "; the broker says 80, policy wide"),
        ({"limit_max": 80, "limit_by": "ownership.yaml"}, "; ownership.yaml says 80"),
        ({"unlimited": True}, "; the broker says that it has no limit"),
    ],
)
def test_a_limit_that_is_disputed_is_told(fact: Row, said: str) -> None:
    """Whoever has to find out which of the two is wrong learns both, and whose word it is."""
    assert convicted({**OVERTAKEN, **FULL, **fact})["evidence"][1:] == [
        f"the spans say that its queue holds 50{said}: they differ, so neither convicts"
    ]


@pytest.mark.parametrize(
    ("row", "disposition"),
    [
        ({"proof": "held", "verdict": "stuck", "held_at": "orders"}, "waiting"),
        ({"proof": "unbound", "held_at": "elsewhere"}, "parked"),
        ({"proof": "unbound"}, "gone"),
        ({"proof": "counted", "held_at": "orders.dlq"}, "dead_lettered"),
        ({"proof": "counted", **by_facts("expired"), "no_letters": True}, "gone"),
        ({"proof": "counted", **by_facts("expired"), "no_letters": False}, "unknown"),
    ],
)
def test_where_the_broker_says_it_is(row: Row, disposition: str) -> None:
    """Gone is said only where the broker knows of no place that it could have gone to."""
    assert convicted(row)["disposition"] == disposition
