from __future__ import annotations

import random
from itertools import count
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from baton.analysis import analyze, expect, pair_up
from baton.ownership.catalog import EMPTY, Catalog
from baton.schema import EXPECTATIONS, HANDOFFS, JOURNEY_KEYS, OUTAGES, SPANS
from model_queue import Flow, Slow, flooded
from recording import CLIENT, LATER, PRODUCER, SERVER, Recording, Span, analysed, judged, ns, of, paired

if TYPE_CHECKING:
    from collections.abc import Callable

ABSENT = "f" * 16


def verdicts(rows: pl.DataFrame, *sends: Span) -> list[str]:
    """The verdict of each send's only row."""
    found = []
    for send in sends:
        (row,) = of(rows, send)
        found.append(row["verdict"])
    return found


# --- the verdicts, from spans to rows


def test_no_spans_and_one_span() -> None:
    """Nothing to hand over, nothing handed over: no rows, no expectations."""
    recording = Recording()
    for _ in range(2):
        analysis = analysed(recording)
        assert analysis.handoffs.equals(HANDOFFS.empty())
        assert analysis.version is None
        recording.span("a")


def test_delivered_and_overtaken() -> None:
    """A message passed by later ones is dropped; those are delivered; the version names what was expected."""
    recording = Recording()
    sends = recording.flow(range(10), lost=[4])
    analysis = analysed(recording)
    assert verdicts(analysis.handoffs, sends[3], sends[4], sends[5]) == ["delivered", "dropped", "delivered"]
    assert analysis.version == expect(paired(recording))["version"][0]


def test_before_its_deadline_a_message_is_pending() -> None:
    """Even overtaken; and after it no longer."""
    recording = Recording()
    sends = recording.flow(range(10), lost=[4])
    recording.span("notify", 60)
    assert verdicts(judged(recording, 33), sends[4]) == ["pending"]
    assert verdicts(judged(recording, 100), sends[4]) == ["dropped"]


def test_the_last_one_before_the_silence_is_unobserved() -> None:
    """Nothing overtook it, and the receiver was not heard of again."""
    recording = Recording()
    sends = recording.flow(range(10), lost=[9])
    assert verdicts(judged(recording), sends[9]) == ["unobserved"]


def test_a_receiver_that_works_elsewhere_leaves_it_stuck() -> None:
    """It took nothing more from the channel, and its other spans go on."""
    recording = Recording()
    sends = recording.flow(range(10), lost=[8, 9])
    for at in range(10, 100):
        recording.span("notify", at)
    rows = judged(recording)
    assert verdicts(rows, sends[8], sends[9]) == ["stuck", "stuck"]
    assert [of(rows, sends[at])[0]["cause"] for at in (8, 9)] == ["receiver_down"] * 2


def test_a_receiver_that_found_the_queue_empty_proves_a_loss() -> None:
    """It polled again and again after the deadline, and there was nothing."""
    recording = Recording()
    sends = recording.flow(range(10), lost=[9])
    for at in (50, 51, 52):
        recording.receive(at=at, step="receive", more={"messaging.batch.message_count": 0})
    (row,) = of(judged(recording), sends[9])
    assert (row["verdict"], row["cause"]) == ("dropped", "unknown")


def test_an_open_receipt_is_pending() -> None:
    """A span under it has arrived, the receipt's own has not."""
    recording = Recording()
    sends = recording.flow(range(10), lost=[4])
    recording.span("notify", 4.5, under=Span(sends[4].trace, ABSENT))
    assert verdicts(judged(recording), sends[4]) == ["pending"]
    assert verdicts(judged(recording, 5000), sends[4]) == ["unobserved"]


def test_a_telemetry_gap_is_a_blind_spot() -> None:
    """For 20 s no span of the receiver, then fresh receipts: its exporter was cut."""
    recording = Recording()
    sends = recording.flow(range(60), lost=range(20, 40))
    assert set(verdicts(judged(recording), *(sends[at] for at in range(20, 40)))) == {"unobserved"}


def outage(from_: float, until: float, kind: str = "down") -> pl.DataFrame:
    """Baton itself could take no spans then."""
    row = {"start_ns": ns(from_), "end_ns": ns(until), "kind": kind, "reason": "", "requests": 0}
    return pl.DataFrame([row], schema=OUTAGES.schema)


@pytest.mark.parametrize(
    ("from_", "until", "expected"),
    [
        (-50, -1, "dropped"),
        (-50, 4, "dropped"),
        (-50, 5.2, "unobserved"),
        (5.05, 5.06, "unobserved"),
        (20, 21, "unobserved"),
        (60, 70, "dropped"),
    ],
)
def test_an_outage_of_batons_own_is_a_blind_spot(from_: float, until: float, expected: str) -> None:
    """A receipt whose span Baton itself may have missed, for as long as exporters take, is missed by nobody else."""
    recording = Recording()
    lost = recording.flow([float(at) for at in range(10)], lost=[5.0])[5.0]
    (row,) = of(judged(recording, outages=outage(from_, until)), lost)
    assert row["verdict"] == expected
    assert ("Baton itself was down" in " ".join(row["evidence"])) == (expected == "unobserved")


def test_an_outage_hides_no_receipt_that_is_there() -> None:
    """What was received was received, whatever Baton missed meanwhile."""
    recording = Recording()
    sends = recording.flow([float(at) for at in range(10)])
    rows = judged(recording, outages=outage(0, 9, "refusing"))
    assert set(verdicts(rows, *sends.values())) == {"delivered"}


def test_a_call_in_an_outage_is_a_blind_spot() -> None:
    """The same call is lost without an outage and unobserved with one."""
    recording = Recording()
    for at in range(10):
        call = recording.span("web", at, "GET", kind=CLIENT, took=0.5, attributes={"server.address": "api"})
        recording.span("api", at + 0.1, "GET", kind=SERVER, took=0.2, under=call)
    for at in range(100):
        recording.span("api", at, "beat")
    lost = recording.span(
        "web", 20, "GET", kind=CLIENT, took=0.5, attributes={"server.address": "api"}, error="connection reset"
    )
    seen = {kind: judged(recording, outages=known) for kind, known in (("none", None), ("down", outage(20.2, 20.3)))}
    assert {kind: of(rows, lost)[0]["verdict"] for kind, rows in seen.items()} == {
        "none": "dropped",
        "down": "unobserved",
    }


def test_a_backlog_after_a_stop_is_no_gap() -> None:
    """For 100 s nothing, then the oldest that survived: the receiver stood still, and what it skipped was lost."""
    recording = Recording()
    recording.flow(range(10))
    lost = [recording.send(at=at) for at in range(10, 40)]
    for at in range(40, 46):
        recording.receive(at=70 + at, under=recording.send(at=at))
    assert set(verdicts(judged(recording), *lost)) == {"dropped"}


def test_a_sampling_receiver_accuses_nobody() -> None:
    """Receipts like coin tosses."""
    rng = random.Random(7)
    recording = Recording()
    lost = [at for at in range(100) if rng.random() < 0.5]
    sends = recording.flow(range(100), lost=lost)
    assert set(verdicts(judged(recording), *(sends[at] for at in lost))) == {"unobserved"}


def test_a_failed_send_is_dropped_unless_it_was_retried() -> None:
    """The sender's own word; the retry's delivery makes it good."""
    recording = Recording()
    recording.flow(range(5))
    failed = recording.send(at=10, message="1", error="nack")
    retried = recording.send(at=11, message="2", error="nack")
    again = recording.send(at=12, message="2")
    recording.receive(at=13, under=again)
    rows = judged(recording)
    assert verdicts(rows, failed, retried, again) == ["dropped", "retried", "delivered"]
    (row,) = of(rows, failed)
    assert (row["cause"], row["confidence"], row["disposition"]) == ("publish_failed", "confirmed", "gone")


def test_an_unroutable_message_is_its_senders_word() -> None:
    """The broker returned it."""
    recording = Recording()
    send = recording.send(error="NO_ROUTE", exception="pika.exceptions.UnroutableError")
    (row,) = of(judged(recording), send)
    assert (row["verdict"], row["cause"], row["to_service"]) == ("dropped", "unroutable", None)


def test_a_failed_receipt_is_rejected_and_a_redelivery_makes_it_good() -> None:
    """The last delivery decides."""
    recording = Recording()
    sends = recording.flow(range(5), lost=[3, 4])
    for at in (3, 4):
        recording.receive(at=at + 0.1, under=sends[at], error="boom")
    recording.receive(at=9, under=sends[4])
    rows = judged(recording)
    assert verdicts(rows, sends[3], sends[4]) == ["dropped", "delivered"]
    assert of(rows, sends[3])[0]["cause"] == "rejected"


def test_a_dead_lettered_message_is_dropped_and_held() -> None:
    """Two rows: the expected receiver's, with the place where it is held, and the hop."""
    recording = Recording()
    sends = recording.flow(range(10), lost=[4])
    recording.receive("reader", 5, "orders.dlq", under=sends[4])
    usual, hop = sorted(of(judged(recording), sends[4]), key=lambda row: row["to_service"])
    assert (usual["verdict"], usual["held_at"], usual["disposition"]) == ("dropped", "orders.dlq", "dead_lettered")
    assert (hop["verdict"], hop["held_at"], hop["expected_by"]) == ("delivered", None, None)


def test_of_a_conversation_nobody_is_named() -> None:
    """Three sends and two receives share a correlation id and nothing finer."""
    recording = Recording()
    recording.flow(range(5))
    talk = [recording.send(at=at, correlation="c") for at in (10, 11, 12)]
    for at in (10.5, 11.5):
        recording.receive(at=at, correlation="c")
    recording.flow(range(13, 40))
    assert verdicts(judged(recording), *talk) == ["unobserved"] * 3


def test_a_full_queue_is_told_with_its_crowd() -> None:
    """Drop-head at 40: each message that was evicted, by name, the limit, the fit, and who held the queue."""
    recording = Recording()
    flows = [Flow("trades", 10), Flow("ticks", 120, 5, 12)]
    fates = flooded(recording, flows, Slow(limit=40))
    rows = judged(recording)
    lost = rows.filter(pl.col("cause") == "overflow").to_dicts()
    assert {row["span_id"] for row in lost} == {span.id for span in fates["evicted"]}
    assert {row["verdict"] for row in lost} == {"dropped"}
    assert any(
        sentence.startswith(
            "replayed through a queue that holds 40 and evicts its oldest (drop-head), the same sends lose 468 of the "
            "468 that are missing and 0 that are not (fit 1.00; runner-up: a queue that holds "
        )
        for sentence in lost[0]["evidence"]
    )
    assert "when it was lost, the queue held 36 messages of ticks, 4 of trades" in lost[0]["evidence"]


def test_a_call_nobody_answered_is_lost() -> None:
    """The server answers others and was heard before and after."""
    recording = Recording()
    for at in range(100):
        client = recording.span("web", at, "GET", kind=CLIENT, attributes={"server.address": "api"})
        recording.span("api", at, kind=SERVER, under=client)
    lost = recording.span("web", 50.5, "GET", kind=CLIENT, attributes={"server.address": "api"}, error="timeout")
    (row,) = of(judged(recording), lost)
    assert (row["kind"], row["verdict"], row["cause"], row["to_service"]) == ("call", "dropped", "call_lost", "api")


# --- journeys and declarations


def catalog(**more: object) -> Catalog:
    """Team `trade` owns trading; what else is said is declared."""
    teams = [{"name": "trade", "owns": {"services": ["trading"]}}]
    return Catalog.model_validate({"version": "1", "teams": teams, **more})


def test_rows_know_their_journey_and_its_type() -> None:
    """The type whose entry the journey has, on all of its handoffs, in another trace too; others have none."""
    kind = {"name": "purchase", "entry": {"service": "web", "span": "buy"}, "owner": "trade"}
    recording = Recording()
    entry = recording.span("web", 0, "buy")
    first = recording.send(at=1, under=entry)
    second = recording.send("notify", 3, "sms", under=recording.receive(at=2, links=[first]))
    other = recording.send(at=4)
    rows = judged(recording, catalog=catalog(journey_types=[kind]))
    told = [of(rows, send)[0] for send in (first, second, other)]
    assert [row["journey_type"] for row in told] == ["purchase", "purchase", None]
    assert [row["journey_id"] for row in told] == [entry.trace, entry.trace, other.trace]


def test_a_journey_types_deadline_runs_from_its_entry() -> None:
    """A channel's own declaration comes before it; both before what was learned."""
    kind = {"name": "purchase", "entry": {"service": "web"}, "owner": "trade", "deadline": "20s"}
    recording = Recording()
    entry = recording.span("web", 5, "buy")
    sends = [recording.send(at=6, channel=name, under=entry) for name in ("orders", "urgent")]
    for send, name in zip(sends, ("orders", "urgent"), strict=True):
        recording.receive(at=7, channel=name, under=send)
    known = catalog(journey_types=[kind], channels=[{"name": "urgent", "deadline": "2s"}])
    rows = judged(recording, catalog=known).with_columns(pl.col("deadline_at").dt.timestamp("ns"))
    assert [of(rows, send)[0]["deadline_at"] for send in sends] == [ns(25), ns(8)]


def test_the_journey_keys_are_the_callers() -> None:
    """Without keys an order in two traces is two journeys."""
    recording = Recording()
    for at in (1, 2):
        recording.span("a", at, attributes={"order.id": "7"})
    for keys, journeys in ((JOURNEY_KEYS, 1), ((), 2)):
        assert analysed(recording, keys=keys).journeys["journey_id"].n_unique() == journeys


# --- stale and empty expectations


def test_without_expectations_absence_accuses_nobody() -> None:
    """What was received is delivered; of the rest nobody was ever seen to receive."""
    recording = Recording()
    sends = recording.flow(range(10), lost=[4])
    analysis = analysed(recording, expectations=EXPECTATIONS.empty())
    assert verdicts(analysis.handoffs, sends[3], sends[4]) == ["delivered", "unobserved"]
    assert analysis.version is None


def test_what_was_learned_of_the_newest_spans_holds_for_older_ones() -> None:
    """A long store is learned from in part: its subscriptions are as old as the first message that they took."""
    recording, newest = Recording(), Recording(ids=count(1_000_000))
    lost = [100.0, 110.0, 120.0]
    sends = recording.flow([float(at) for at in range(1000)], lost=lost)
    newest.flow([float(at) for at in range(900, 1000)])
    rows = judged(recording, 10_000.0, expectations=expect(paired(newest)))
    assert {of(rows, sends[at])[0]["verdict"] for at in lost} == {"dropped"}


def test_expectations_of_elsewhere_expect_nothing_here() -> None:
    """Channels unknown, services renamed: the rows stand, and nobody is accused for the old ones."""
    taught = Recording()
    taught.flow(range(30), channel="old", sender="a", taker="b")
    recording = Recording()
    sends = recording.flow(range(10), lost=[4])
    rows = judged(recording, expectations=expect(paired(taught)))
    assert rows.height == 10
    assert verdicts(rows, sends[3], sends[4]) == ["delivered", "unobserved"]


def test_a_receiver_gone_since_it_was_learned_is_unobserved() -> None:
    """The service that took from the channel is gone with all its telemetry; another name takes in its place."""
    taught = Recording()
    taught.flow(range(30), taker="old-name")
    recording = Recording()
    (send,) = recording.flow([100], taker="new-name").values()
    rows = of(judged(recording, expectations=expect(paired(taught))), send)
    assert {(row["to_service"], row["verdict"]) for row in rows} == {
        ("new-name", "delivered"),
        ("old-name", "unobserved"),
    }


# --- hostile and broken spans


def _forged_times(recording: Recording) -> None:
    send = recording.send(at=5, took=-3)
    recording.receive(at=4, took=-9, under=send)
    client = recording.span("web", 5, kind=CLIENT, took=-1)
    recording.span("api", 3, kind=SERVER, took=-2, under=client)


def _no_times(recording: Recording) -> None:
    recording.receive(under=recording.send())
    recording.send(channel="lonely")
    for _, body in recording.bodies:
        body["startTimeUnixNano"] = body["endTimeUnixNano"] = "0"


def _no_names(recording: Recording) -> None:
    send = recording.send(None, 0, None, system=None, instance=None, name="")
    recording.receive(None, 1, None, system=None, instance=None, name="", under=send)
    recording.span(None, 0, "", kind=CLIENT, instance=None)


def _hostile_text(recording: Recording) -> None:
    text = "\x00\n\x1b[31m\x1f{}%s" + "x" * 70_000
    recording.receive(text, 1, text, message=text, correlation=text, name=text, instance=text)
    recording.send(text, 0, text, message=text, correlation=text, name=text, environment="", error=text)


def _links_everywhere(recording: Recording) -> None:
    own = Span("a" * 32, "b" * 16)
    sends = [recording.send(at=at / 10) for at in range(5)]
    recording.receive(at=1, own=own, links=[own, *sends * 2_000])


def _cycles(recording: Recording) -> None:
    one, two = Span("a" * 32, "1" * 16), Span("a" * 32, "2" * 16)
    recording.receive(own=one, under=two)
    recording.receive(own=two, under=one)
    recording.span("a", kind=CLIENT, own=Span("b" * 32, "1" * 16), under=Span("b" * 32, "1" * 16))
    recording.send()


@pytest.mark.parametrize(
    "tell",
    [_forged_times, _no_times, _no_names, _hostile_text, _links_everywhere, _cycles],
    ids=lambda one: one.__name__,
)
def test_broken_spans_are_judged_like_any_other(tell: Callable[[Recording], None]) -> None:
    """No exception, one row a send at least, each row once, and nobody is accused for want of a receipt."""
    recording = Recording()
    tell(recording)
    rows = judged(recording)
    known = paired(recording)
    messages = rows.filter(kind="message")
    assert messages.select("trace_id", "span_id").n_unique() == known.sends.height
    assert rows["handoff_id"].n_unique() == rows.height
    proven = pl.any_horizontal(pl.col("evidence").list.eval(pl.element().str.contains("the send failed")).list.any())
    assert rows.filter((pl.col("verdict") == "dropped") & ~proven).is_empty()


@pytest.mark.parametrize("first", range(6))
def test_columns_of_nulls_break_nothing(first: int) -> None:
    """Any column that is not the identity of a span may be null throughout; the message is told all the same."""
    identity = {"tenant", "trace_id", "span_id", "trace_key", "span_key", "service", "kind", "start_ns", "end_ns"}
    recording = Recording()
    recording.receive(at=1, under=recording.send(message="m", correlation="c"), message="m", correlation="c")
    frame = recording.frame()
    holes = [name for name in SPANS.names if name not in identity][first::6]
    holed = frame.with_columns(pl.lit(None, dtype=frame.schema[name]).alias(name) for name in holes)
    known = pair_up(holed.lazy(), EMPTY, ns(LATER))
    rows = analyze(known, expect(known), EMPTY, JOURNEY_KEYS, ns(LATER)).handoffs
    assert rows.schema == HANDOFFS.schema
    assert rows.height == 1
    assert rows["verdict"][0] in ("delivered", "unobserved")


def test_tenants_share_no_verdict() -> None:
    """Trace and span ids forged to equal another tenant's pair, learn and accuse nothing there."""
    honest = Recording()
    sends = honest.flow(range(10), lost=[4])
    alone = judged(honest)
    forger = honest.send(tenant="evil", at=4, own=sends[4])
    honest.receive(tenant="evil", at=4.5, under=forger)
    honest.receive(tenant="evil", at=5, links=[sends[4]])
    both = judged(honest)
    assert both.filter(tenant="default").equals(alone)
    assert both.filter(tenant="evil")["verdict"].to_list() == ["delivered"]


def test_environments_share_no_expectation() -> None:
    """A channel of the same name in test expects nothing of production."""
    recording = Recording()
    recording.flow(range(10))
    for at in range(10):
        recording.receive(at=at, under=recording.send(at=at, environment="test"), environment="test", service="tester")
    lonely = recording.send(at=5, environment="test2")
    rows = judged(recording)
    assert set(rows.filter(environment="test")["to_service"]) == {"tester"}
    assert of(rows, lonely)[0]["verdict"] == "unobserved"


def test_the_order_of_arrival_changes_no_row() -> None:
    """Spans told backwards, and told twice, give the same rows."""
    recording = Recording()
    recording.flow(range(10), lost=[4])
    recording.send(at=10, message="1", error="nack")
    recording.span("web", kind=PRODUCER)
    rows = judged(recording)
    recording.bodies.reverse()
    assert judged(recording).equals(rows)
    recording.bodies += recording.bodies
    assert judged(recording).equals(rows)


def test_a_question_about_the_past_sees_the_past() -> None:
    """Spans that ended later are unseen, whatever became of them."""
    recording = Recording()
    sends = recording.flow(range(3))
    rows = judged(recording, 1.05)
    told: list[dict[str, Any]] = [row for send in sends.values() for row in of(rows, send)]
    assert [row["verdict"] for row in told] == ["delivered", "pending"]
