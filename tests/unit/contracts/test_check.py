from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from baton.schema import CONTRACTS, UNOWNED
from promises import call, checked, contract, ids, known, only, sent, traffic
from recording import ns

LOST = {"took": None, "accountable_team": "platform"}
UNSEEN = {"took": None, "verdict": "unobserved"}
FAILED = {"took": None, "failed": True, "cause": "publish_failed", "accountable_team": "trade"}


def told(row: dict[str, Any]) -> tuple[str, int, int]:
    """Verdict and counts."""
    return row["verdict"], row["judged"], row["breaches"]


@pytest.mark.parametrize(
    ("rows", "outcome"),
    [
        (sent(10), ("holds", 10, 0)),
        ([*sent(9), {"took": 2.5}], ("breached", 10, 1)),
        ([*sent(9), LOST], ("breached", 10, 1)),
        ([*sent(9), {**LOST, "verdict": "stuck"}], ("breached", 10, 1)),
        ([*sent(9), {"at": 999, "took": None, "verdict": "stuck"}], ("holds", 9, 0)),
        ([*sent(9), {"took": None, "verdict": "pending"}], ("holds", 9, 0)),
        ([*sent(5), *sent(5, **UNSEEN)], ("unproven", 5, 0)),
        ([*sent(9), {"took": 2.5, "skew_ns": 10**9}], ("unproven", 9, 0)),
        ([*sent(9), {"took": 3.5, "skew_ns": 10**9}], ("breached", 10, 1)),
        ([*sent(9, took=1.8), {"took": -0.5}], ("unproven", 1, 0)),
        (sent(5, **UNSEEN), ("unproven", 0, 0)),
    ],
)
def test_a_deadline(rows: list[dict[str, Any]], outcome: tuple[str, int, int]) -> None:
    """What came late or never breaks it; what is pending, unseen or within the clocks' doubt is not judged."""
    assert told(only(traffic(*rows), {"deadline": "2s"})) == outcome


def test_a_deadline_of_a_call_is_its_caller_s_wait() -> None:
    """A call is in time by its caller's clock alone, whatever the server's says."""
    rows = traffic(call(took=9.0, lasted=0.3), call(took=0.01, lasted=3.0))
    assert told(only(rows, {"deadline": "2s"}, callee="settlement")) == ("breached", 2, 1)


@pytest.mark.parametrize(
    ("allowed", "rows", "outcome"),
    [
        ("0", sent(10), ("holds", 10, 0)),
        ("0", [*sent(10), LOST], ("breached", 11, 1)),
        ("10%", [*sent(9), LOST], ("holds", 10, 0)),
        ("0.099", [*sent(9), LOST], ("breached", 10, 1)),
        ("9.5%", [*sent(9), LOST, {**LOST, "verdict": "pending"}], ("unproven", 10, 0)),
        ("10%", [*sent(9), *sent(9, took=None, verdict="unobserved")], ("unproven", 9, 0)),
        ("0", [{"took": None, "verdict": "stuck"}], ("unproven", 0, 0)),
        ("0", [*sent(40), UNSEEN], ("unproven", 40, 0)),
        ("2.5%", [*sent(40), UNSEEN], ("holds", 40, 0)),
        ("0", [*sent(40), {"took": None, "verdict": "pending"}], ("holds", 40, 0)),
        ("0", [*sent(9), {"took": None, "verdict": "retried"}], ("holds", 10, 0)),
    ],
)
def test_loss(allowed: str, rows: list[dict[str, Any]], outcome: tuple[str, int, int]) -> None:
    """It is breached though all unseen were delivered, and holds though all unseen were lost; else it is unproven."""
    assert told(only(traffic(*rows), {"loss": allowed})) == outcome


def test_a_breach_names_its_traces_and_who_answers() -> None:
    """Up to five trace ids, the earliest first, and the team that can prevent most of it."""
    rows = [*sent(20), *({**LOST, "at": 50 - number} for number in range(8)), {**LOST, "accountable_team": "trade"}]
    row = only(traffic(*rows), {"loss": "0.1%"}, owner="trade", escalation={"path": ["#a", "#b"]})
    assert row["exemplars"] == ids(pl.Series([28, 27, 26, 25, 24])).to_list()
    assert (row["accountable_team"], row["owner"], row["escalation"]) == ("platform", "trade", ["#a", "#b"])
    assert "8 of 9" in row["accountable_why"]
    assert row["measured"] == "31%"


@pytest.mark.parametrize(
    ("clauses", "rows", "team"),
    [
        ({"deadline": "2s"}, [{"took": 3.0}], "messages"),
        ({"idempotent": "true"}, [{"duplicates": 1}], "messages"),
        ({"retries": {"attempts": "2"}}, [FAILED], "trade"),
        ({"dead_letter": "required"}, [{}], "platform"),
        ({"deadline": "2s"}, [{"took": 3.0, "to_team": UNOWNED}], UNOWNED),
        ({"deadline": "2s"}, [{"took": 3.0, "to_team": "a | b"}], UNOWNED),
    ],
)
def test_who_answers(clauses: dict[str, Any], rows: list[dict[str, Any]], team: str) -> None:
    """The receiver for lateness and duplicates, the sender for retries, the queue's owner for its settings."""
    row = only(traffic(*rows), clauses, beside=known([{"name": "sms-q"}]))
    assert (row["verdict"], row["accountable_team"]) == ("breached", team)


@pytest.mark.parametrize(
    ("percentile", "rows", "outcome"),
    [
        ("p99", sent(298), ("unproven", 298, 0)),
        ("p99", sent(299), ("holds", 299, 0)),
        ("p99", [*sent(296), *sent(4, took=3.0)], ("breached", 300, 4)),
        ("p99", [*sent(297), *sent(3, took=3.0)], ("holds", 300, 3)),
        ("p99", sent(20, took=3.0), ("breached", 20, 20)),
        ("p99", [*sent(19), {"took": 3.0}], ("unproven", 20, 0)),
        ("p50", sent(5), ("holds", 5, 0)),
        ("p50", sent(4), ("unproven", 4, 0)),
        ("p50", [*sent(6, took=0.9), {"took": -0.3}], ("unproven", 7, 0)),
        ("p99", [LOST], ("unproven", 0, 0)),
    ],
)
def test_a_percentile(percentile: str, rows: list[dict[str, Any]], outcome: tuple[str, int, int]) -> None:
    """Told of enough samples only; of fewer a breach is what chance does not do."""
    assert told(only(traffic(*rows), {"latency": {percentile: "1s"}})) == outcome


def attempts(*times: float, good: bool = False, **more: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - any column
    """Sends of one message at these times; the last one is received if `good`."""
    rows = [{**FAILED, "at": at, "attempt": "m", **more} for at in times]
    if good:
        rows[-1] = {"at": times[-1], "attempt": "m", **more}
    return rows


@pytest.mark.parametrize(
    ("rows", "outcome"),
    [
        (sent(5), ("unproven", 0, 0)),
        (attempts(0, 1, 2), ("holds", 1, 0)),
        (attempts(0, 1), ("breached", 1, 1)),
        (attempts(0, 1, good=True), ("holds", 1, 0)),
        (attempts(0, 1, 11, good=True), ("breached", 1, 1)),
        (attempts(0, 1, verdict="pending"), ("unproven", 0, 0)),
        (attempts(995), ("holds", 1, 0)),
        (attempts(0, verdict="retried"), ("holds", 1, 0)),
        (attempts(0, sampled=True), ("unproven", 1, 0)),
        ([{**FAILED, "attempt": None}], ("unproven", 0, 0)),
        ([*attempts(0, 1, 2), *({**one, "to_service": "audit"} for one in attempts(0, 1, 2))], ("holds", 1, 0)),
    ],
)
def test_retries(rows: list[dict[str, Any]], outcome: tuple[str, int, int]) -> None:
    """Given up too early or tried too late breaks it; what may still be tried, or cannot be told apart, does not."""
    frame = traffic(*rows).with_columns(
        pl.when(pl.col("to_service") == "audit").then(pl.col("send") - 3).otherwise("send").alias("send")
    )
    assert told(only(frame, {"retries": {"attempts": "3", "within": "10s"}})) == outcome


def calls(failed: list[float], good: list[float] | None = None, **more: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - any column
    """Calls that began at these times and took 10 ms."""
    bad = [call(at=at, took=None, failed=True, **more) for at in failed]
    return [*bad, *(call(at=at, **more) for at in good or [])]


@pytest.mark.parametrize(
    ("rows", "verdict"),
    [
        (calls([0, 1], [2, 3, 4]), "unproven"),
        (calls([0, 1, 2], [40]), "holds"),
        (calls([0, 1, 2], [20, 40]), "holds"),
        (calls([0, 1, 2], [20, 21]), "breached"),
        (calls([0, 1, 2], [1.9, 2.0, 2.005, 40]), "holds"),
        (calls([0, 6, 12], [13, 14]), "unproven"),
        ([*calls([0, 1], instance="a"), *calls([2], [3, 4], instance="b")], "unproven"),
        (calls([0, 1, 2], [20, 21], instance=""), "unproven"),
        (calls([0, 1, 2], [40], sampled=True), "unproven"),
        (calls([0, 1, 2, 3, 4, 5]), "breached"),
        ([*calls([0, 1, 2]), *calls([], [3, 4], to_service="fees")], "holds"),
    ],
)
def test_circuit_breaking(rows: list[dict[str, Any]], verdict: str) -> None:
    """After three failures in ten seconds an instance starts no more than a probe for 30 s."""
    clause = {"circuit_breaking": {"failures": "3", "window": "10s", "pause": "30s"}}
    assert only(traffic(*rows), clause, call="POST*")["verdict"] == verdict


@pytest.mark.parametrize(
    ("rows", "outcome"),
    [
        (sent(3), ("holds", 3, 0)),
        ([*sent(3), {"duplicates": 2}], ("breached", 4, 1)),
        ([*sent(3), LOST], ("holds", 3, 0)),
        ([*sent(3), *sent(3, **UNSEEN)], ("unproven", 3, 0)),
        (sent(3, sampled=True), ("unproven", 3, 0)),
        ([LOST], ("unproven", 0, 0)),
    ],
)
def test_idempotent(rows: list[dict[str, Any]], outcome: tuple[str, int, int]) -> None:
    """What was handled well twice breaks it."""
    assert told(only(traffic(*rows), {"idempotent": "true"})) == outcome


@pytest.mark.parametrize(
    ("facts", "verdict"),
    [
        ([], "unproven"),
        ([{"name": "sms-q"}], "breached"),
        ([{"name": "sms-q", "dead_letter": "dlx"}], "holds"),
        ([{"name": "sms-q", "dead_letter": ""}], "holds"),
        ([{"name": "sms-q", "source": "declared"}], "unproven"),
        ([{"name": "sms-q", "source": "declared", "dead_letter": "dlx"}], "holds"),
        ([{"name": "sms-q", "source": "neutral"}], "unproven"),
        ([{"name": "sms-q", "source": "declared", "dead_letter": "dlx"}, {"name": "sms-q"}], "breached"),
        ([{"name": "sms-q", "kind": "topic"}], "unproven"),
        ([{"name": "sms-q", "tenant": "other"}], "unproven"),
        ([{"name": "sms-q", "environment": "prod"}], "unproven"),
    ],
)
def test_a_dead_letter_queue(facts: list[dict[str, Any]], verdict: str) -> None:
    """The broker's word on every queue decides, before what is declared of it."""
    assert only(traffic({}), {"dead_letter": "required"}, beside=known(facts))["verdict"] == verdict


OWN = {"queue": "sms-q", "service": "trading", "routing_key": "order.new"}


@pytest.mark.parametrize(
    ("flows", "verdict"),
    [
        ([], "unproven"),
        ([OWN], "holds"),
        ([OWN, {**OWN, "service": "promo"}], "breached"),
        ([OWN, {**OWN, "service": "promo", "bounded": False}], "holds"),
        ([OWN, {**OWN, "service": "cards", "criticality": "critical"}], "holds"),
        ([OWN, {**OWN, "service": "cards", "criticality": "normal"}], "breached"),
        ([OWN, {**OWN, "criticality": "low"}], "breached"),
        ([OWN, {**OWN, "routing_key": "promo"}], "breached"),
        ([{**OWN, "criticality": "low"}], "holds"),
        ([{**OWN, "criticality": "low"}, {**OWN, "service": "cards", "criticality": "critical"}], "breached"),
        ([OWN, {**OWN, "service": "promo", "environment": "dev"}], "holds"),
        ([OWN, {**OWN, "service": "promo", "broker": "other:5672"}], "holds"),
        ([{**OWN, "bounded": None}], "unproven"),
    ],
)
def test_isolation(flows: list[dict[str, Any]], verdict: str) -> None:
    """No critical flow and one that is not share a bounded queue; a low flow alone in its queue harms nobody."""
    row = only(traffic({}), {"isolation": "required"}, key="order.*", beside=known(flows=flows))
    assert row["verdict"] == verdict


def test_no_limit_named_is_no_limit_only_by_the_broker_s_own_word() -> None:
    """Of a queue that the neutral document tells of without a limit nobody knows whether it has one."""
    flows = [{**OWN, "bounded": False}]
    for source, verdict in (("neutral", "unproven"), ("management", "holds")):
        beside = known([{"name": "sms-q", "source": source}], flows=flows)
        assert only(traffic({}), {"isolation": "required"}, beside=beside)["verdict"] == verdict


def counters(published: int, confirmed: int | None, **more: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - any column
    """What a node counted, by protocol."""
    told = {"": published, "_confirm": confirmed}
    return [
        {
            "fact": "counter",
            "name": f'rabbitmq_global_messages_received{part}_total{{protocol="amqp091"}}',
            "value": value,
            "at_ns": ns(3600),
        }
        | more
        for part, value in told.items()
        if value is not None
    ]


@pytest.mark.parametrize(
    ("rows", "facts", "verdict"),
    [
        ([{**FAILED, "nacked": True}], [], "holds"),
        ([FAILED], [], "unproven"),
        (sent(5), counters(5, 5), "holds"),
        (sent(5), counters(5, None), "breached"),
        (sent(5), counters(9, 4), "unproven"),
        (sent(5), counters(4, None), "unproven"),
        (sent(5), counters(5, None, at_ns=0), "unproven"),
        (sent(5), counters(5, None, broker="other:5672"), "unproven"),
        (sent(5), counters(5, None, environment="dev"), "unproven"),
        ([*sent(5), {"broker": "other:5672"}], counters(9, None), "unproven"),
        (sent(5), [*counters(5, None), *counters(5, None, broker="mq:5672")], "unproven"),
    ],
)
def test_confirms(rows: list[dict[str, Any]], facts: list[dict[str, Any]], verdict: str) -> None:
    """A nack that was heard, or counters of the one broker that leave no doubt; a failure alone shows nothing."""
    assert only(traffic(*rows), {"confirms": "required"}, beside=known(facts))["verdict"] == verdict


def test_nothing_was_sent() -> None:
    """Without traffic every clause is unproven, and says so."""
    clauses = {
        "deadline": "1s",
        "loss": "0",
        "latency": {"p50": "1s"},
        "retries": {"attempts": "2"},
        "confirms": "true",
    }
    rows = checked(traffic({"service": "other"}), contract(clauses))
    assert [(row["clause"], row["verdict"]) for row in rows] == [
        (name, "unproven") for name in ("deadline", "loss", "latency p50", "retries", "confirms")
    ]
    assert all(row["reason"].startswith("no traffic") and row["tenant"] is None for row in rows)


def test_a_receiver_that_was_never_seen() -> None:
    """A clause of receivers does not hold by what only one of two received."""
    row = only(traffic(*sent(5)), {"loss": "0"}, receivers=["notify", "audit"])
    assert (row["verdict"], row["reason"]) == ("unproven", "audit was never seen to receive it")


def test_tenants_and_environments_apart() -> None:
    """What one tenant breaks, or one environment, is not held against another."""
    rows = [{}, {"tenant": "b"}, {"environment": "dev", **LOST}]
    found = checked(traffic(*rows), contract({"loss": "0"}))
    assert [(row["tenant"], row["environment"], row["verdict"]) for row in found] == [
        ("default", "dev", "breached"),
        ("b", "", "holds"),
        ("default", "", "holds"),
    ]


@pytest.mark.parametrize(("said", "verdict", "unseen"), [((True, True), "holds", 0), ((True, False), "unproven", 1)])
def test_correlation_ids(said: tuple[bool, ...], verdict: str, unseen: int) -> None:
    """Each send says one; where some span says none, its message may bear one all the same."""
    row = only(traffic(*({"correlated": one} for one in said)), {"correlation_id": "required"})
    assert (row["verdict"], row["breaches"], row["unseen"]) == (verdict, 0, unseen)


@pytest.mark.parametrize("clause", ["dead_letter", "isolation", "confirms", "idempotent", "correlation_id"])
def test_what_nothing_tells_of_calls(clause: str) -> None:
    """A clause on queues or messages of a call is unproven, and says why."""
    row = only(traffic(call()), {clause: "true"}, callee="settlement")
    assert (row["verdict"], row["reason"]) == ("unproven", "of a call no span tells this")


def test_the_frame_is_what_the_schema_says() -> None:
    """CONTRACTS, with rows and without."""
    from baton.contracts.check import check  # noqa: PLC0415 - this test alone asks for the frame

    for contracts in ([], [contract({"loss": "0"})]):
        assert check(traffic({}), contracts, known(), ids).schema == CONTRACTS.schema
