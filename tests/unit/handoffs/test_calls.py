from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from baton.analysis import expect
from baton.handoffs import calls as law
from baton.handoffs.outages import came_live
from baton.handoffs.telemetry import Watched, gaps, watch
from baton.limits import OPEN_RECEIPT_NS_MAX, SECOND_NS
from baton.ownership.catalog import Catalog, Service
from baton.schema import EXPECTATIONS, OUTAGES
from recording import CLIENT, SERVER, Recording, Span, analysed, ns, of, paired

AS_OF = 2000.0
ABSENT = "f" * 16
API = {"server.address": "api"}

NO_TAILS = pl.DataFrame(schema={"environment": pl.String, "service": pl.String})


def bank(*, beats: tuple[int, int] = (0, 100)) -> Recording:
    """Ten answered calls from web to api, which is heard from every second between `beats`."""
    recording = Recording()
    for at in range(10):
        call(recording, at, answered=True)
    for at in range(*beats):
        recording.span("api", at, "beat")
    return recording


def call(recording: Recording, at: float, *, answered: bool = False, **client: Any) -> Span:  # noqa: ANN401 - parts of a span
    """A call of half a second, by default to api."""
    span = recording.span("web", at, **{"name": "GET", "kind": CLIENT, "took": 0.5, "attributes": API, **client})
    if answered:
        recording.span("api", at + 0.1, "answer", kind=SERVER, took=0.2, under=span)
    return span


def rows(recording: Recording, at: float = AS_OF, *, learn: bool = True) -> dict[Span, dict[str, Any]]:
    """The judged calls by their client span."""
    known = paired(recording, at)
    expectations = expect(known) if learn else EXPECTATIONS.empty()
    watched = Watched(watch(known.spans), gaps(known.spans), OUTAGES.empty(), NO_TAILS)
    calls = known.calls.join(came_live(known.spans), on="send", how="left")
    judged = law.judge(calls, expectations, known.spans, watched, ns(at))
    ids = [Span(trace, span) for trace, span in known.spans.ids(known.spans["row"]).iter_rows()]
    return {ids[row["send"]]: row for row in judged.to_dicts()}


def judged(recording: Recording, span: Span, at: float = AS_OF, *, learn: bool = True) -> tuple[str, str]:
    """(clause, verdict) of one call."""
    row = rows(recording, at, learn=learn)[span]
    assert law.CLAUSES[row["proof"]] == row["verdict"]
    return row["proof"], row["verdict"]


def test_no_calls_make_no_rows() -> None:
    """Nothing in, nothing out."""
    assert rows(Recording()) == {}


def test_an_answered_call_is_delivered() -> None:
    """A server span is there; its words are those of the messages' law."""
    recording = bank()
    span = call(recording, 50, answered=True)
    row = rows(recording)[span]
    assert (row["proof"], row["verdict"], row["kind"], row["relation"]) == ("received", "delivered", "call", "expected")
    assert (row["channel"], row["subscription"], row["receiver"], row["step"]) == (None, "api", "api", "received")
    assert (row["expected_by"], row["deadline_at_ns"], row["evidence"]) == ("learned", ns(50.5), [])


def test_an_answered_error_is_delivered_all_the_same() -> None:
    """The server was reached: what it answered is no lost handoff."""
    recording = bank()
    assert judged(recording, call(recording, 50, answered=True, error="500")) == ("received", "delivered")


def test_a_failed_call_that_a_heard_server_never_saw_is_lost() -> None:
    """The server is instrumented, was heard before and after, and has no span of it."""
    recording = bank()
    span = call(recording, 50, error="timeout")
    assert judged(recording, span) == ("lost", "dropped")
    assert rows(recording)[span]["evidence"] == [
        "the call failed: timeout",
        "api answers such calls with server spans and was heard before and after, but not here",
    ]


def test_a_call_that_did_not_fail_accuses_nobody() -> None:
    """The caller was content; the server's span got lost."""
    recording = bank()
    assert judged(recording, call(recording, 50)) == ("answered", "unobserved")


@pytest.mark.parametrize(
    ("status", "clause"), [(500, "answered"), (404, "answered"), (502, "lost"), (503, "lost"), (504, "lost")]
)
def test_an_http_status_is_an_answer_unless_a_proxys(status: int, clause: str) -> None:
    """The server said 500; a gateway said 502 in its place."""
    recording = bank()
    span = call(recording, 50, error="x", attributes={**API, "http.response.status_code": status})
    assert judged(recording, span)[0] == clause


def test_a_target_that_never_answered_is_unknown() -> None:
    """Not instrumented: nothing is expected of it; nor before anything was learned."""
    recording = bank()
    other = call(recording, 50, error="x", attributes={"server.address": "other"})
    assert judged(recording, other) == ("unknown receiver", "unobserved")
    assert rows(recording)[other]["expected_by"] is None
    assert judged(recording, call(recording, 51, error="x"), learn=False) == ("unknown receiver", "unobserved")


def test_a_server_that_samples_is_not_accused() -> None:
    """Server spans are often missing where the caller saw no failure."""
    recording = bank()
    for at in range(20, 25):
        call(recording, at)
    assert judged(recording, call(recording, 50, error="x")) == ("sampled", "unobserved")


def test_a_retry_under_the_same_parent_makes_good() -> None:
    """Same parent, target and name, later, and not failed: the caller knew and tried again."""
    for other, clause in (
        ({}, "resent"),
        ({"name": "POST"}, "lost"),
        ({"attributes": {"server.address": "other"}}, "lost"),
        ({"error": "again"}, "lost"),
    ):
        recording = bank()
        work = recording.span("web", 49, took=10)
        span = call(recording, 50, error="x", under=work)
        call(recording, 51, **{"under": work, **other})
        assert judged(recording, span)[0] == clause


def test_an_earlier_success_and_roots_make_nothing_good() -> None:
    """What succeeded before is no retry; calls without a parent are not each other's."""
    recording = bank()
    work = recording.span("web", 49, took=10)
    call(recording, 49.5, under=work)
    span, root = call(recording, 50, error="x", under=work), call(recording, 60, error="x")
    call(recording, 61)
    assert judged(recording, span)[0] == judged(recording, root)[0] == "lost"


def test_a_server_that_fell_silent_near_the_call_is_not_accused() -> None:
    """Its last spans may never have been exported: silent within 30 s before; gone longer, nobody vouches."""
    for beats in ((0, 50), (0, 40), (0, 12)):
        recording = bank(beats=beats)
        assert judged(recording, call(recording, 50, error="x")) == ("silent", "unobserved")


def test_an_instance_long_gone_does_not_matter() -> None:
    """Another one vouches for the call: it was heard for as long after it as its longest answer took."""
    recording = bank(beats=(0, 49))
    recording.span("api", 49, took=2.5)
    recording.span("api", 5, instance="gone")
    assert judged(recording, call(recording, 50, error="x")) == ("lost", "dropped")


def test_a_server_that_began_later_is_not_accused() -> None:
    """No instance was heard from before the call."""
    recording = Recording()
    span = call(recording, 0, error="x")
    for at in range(20, 40):
        call(recording, at, answered=True)
    assert judged(recording, span) == ("silent", "unobserved")


def test_a_server_that_paused_over_the_call_is_not_accused() -> None:
    """Its telemetry has a gap there."""
    recording = bank(beats=(0, 40))
    for at in range(60, 100):
        recording.span("api", at, "beat")
    assert judged(recording, call(recording, 50, error="x")) == ("silent", "unobserved")


def test_a_server_that_may_still_report_is_awaited() -> None:
    """Its watermark has not passed the call's end, and a minute has not gone by since."""
    recording = bank(beats=(0, 50))
    span = call(recording, 50, error="x")
    assert judged(recording, span, 60) == ("awaited", "pending")
    assert judged(recording, span, 120) == ("silent", "unobserved")


def test_an_open_answer_is_pending() -> None:
    """A span under the server's arrived, its own has not; after an hour it will not come, and was lost."""
    recording = bank()
    span = call(recording, 50, error="timeout")
    recording.span("api", 50.2, "select", took=0.8, under=Span(span.trace, ABSENT))
    hour = OPEN_RECEIPT_NS_MAX / SECOND_NS
    assert judged(recording, span, 51 + hour) == ("open", "pending")
    assert rows(recording, 51 + hour)[span]["evidence"] == ["spans under an open answer exist: api is still at it"]
    assert judged(recording, span, 51.1 + hour) == ("lost receipt", "unobserved")
    assert rows(recording, 51.1 + hour)[span]["evidence"] == ["spans under the missing answer exist: api took the call"]


def test_what_opens_no_answer() -> None:
    """Another service's span in that trace, the server's own under a parent that is there, and another tenant's."""
    for service, parent, tenant in (("other", ABSENT, "default"), ("api", None, "default"), ("api", ABSENT, "evil")):
        recording = bank()
        span = call(recording, 50, error="timeout")
        recording.span(service, 50.2, under=Span(span.trace, parent or span.id), tenant=tenant)
        assert judged(recording, span) == ("lost", "dropped")


def test_other_tenants_servers_vouch_for_nothing() -> None:
    """The same service of another tenant or environment is another one."""
    for elsewhere in ({"tenant": "u"}, {"environment": "test"}):
        recording = bank(beats=(0, 12))
        for at in range(12, 100):
            recording.span("api", at, "beat", **elsewhere)
        assert judged(recording, call(recording, 50, error="x")) == ("silent", "unobserved")


@pytest.mark.parametrize(
    "said",
    [
        {"error": "UNAVAILABLE: upstream connect error or disconnect/reset before headers"},
        {"error": "UNAVAILABLE", "attributes": {**API, "rpc.service": "api", "http.response.status_code": 503}},
        {"error": "UNAVAILABLE", "attributes": {**API, "http.response.header.x-envoy-overloaded": "true"}},
    ],
)
def test_a_sidecars_answer_is_an_answer(said: dict[str, Any]) -> None:
    """A proxy said so, not the caller who found nobody: what the server made of it is not known."""
    recording = Recording()
    for at in range(100, 300, 10):
        call(recording, at, answered=True, attributes=said.get("attributes", API))
    failed = call(recording, 205, **said)
    assert judged(recording, failed) == ("answered", "unobserved")


def test_a_service_sampled_by_tail_is_accused_of_no_call() -> None:
    """A call to it that failed without an answer is unobserved, by its declaration."""
    recording = Recording()
    for at in range(100, 300, 10):
        call(recording, at, answered=True)
    failed = call(recording, 205, error="boom")
    assert judged(recording, failed) == ("lost", "dropped")
    catalog = Catalog(services=(Service(name="api", sampling="tail"),))
    (row,) = of(analysed(recording, AS_OF, catalog=catalog).handoffs, failed)
    assert (row["verdict"], row["evidence"]) == (
        "unobserved",
        ["traces of api are sampled by tail, so no single loss is named"],
    )
