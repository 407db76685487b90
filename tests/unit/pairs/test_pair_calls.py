from __future__ import annotations

from typing import Any

from baton.pairs.calls import calls
from recording import CLIENT, SERVER, Recording, mended, ns

API = {"server.address": "api"}


def made(recording: Recording) -> list[dict[str, Any]]:
    """The calls, with names of spans in the place of rows."""
    spans = mended(recording)
    names = {None: None, **dict(spans.select("row", "name").iter_rows())}
    return [{**row, "send": names[row["send"]], "receive": names[row["receive"]]} for row in calls(spans).to_dicts()]


def test_no_spans_make_no_calls() -> None:
    """Nothing in, nothing out."""
    assert made(Recording()) == []


def test_a_call_is_a_client_with_its_server() -> None:
    """Caller, callee, times and outcome."""
    recording = Recording()
    client = recording.span("web", 1, "c", kind=CLIENT, took=3, attributes={**API, "http.status_code": 500}, error="x")
    recording.span("api", 2, "s", kind=SERVER, took=1, under=client)
    (row,) = made(recording)
    assert (row["send"], row["receive"], row["channel"]) == ("c", "s", "web -> api c")
    assert (row["service"], row["to_service"]) == ("web", "api")
    assert (row["failed"], row["failure"], row["http_status"]) == (True, "x", 500)
    assert [row[name] for name in ("sent_ns", "received_ns", "done_ns", "sent_end_ns")] == [
        ns(at) for at in range(1, 5)
    ]


def test_a_call_without_an_answer_stays() -> None:
    """The client span alone is a call, of an unknown callee."""
    recording = Recording()
    recording.span("web", kind=CLIENT, attributes=API)
    (row,) = made(recording)
    assert (row["receive"], row["to_service"], row["failed"]) == (None, None, False)


def test_a_server_under_no_client_is_no_call() -> None:
    """Nor is a server whose client has not arrived, nor one under a span of work."""
    recording = Recording()
    recording.span("api", kind=SERVER)
    work = recording.span("web")
    recording.span("api", kind=SERVER, under=work)
    assert made(recording) == []


def test_of_several_answers_the_first_counts() -> None:
    """A transport that retried on its own: one call, answered when the first server began."""
    recording = Recording()
    client = recording.span("web", 1, kind=CLIENT, attributes=API)
    recording.span("other", 3, "second", kind=SERVER, under=client)
    recording.span("api", 2, "first", kind=SERVER, took=5, under=client)
    (row,) = made(recording)
    assert (row["receive"], row["to_service"]) == ("first", "api")
    assert (row["received_ns"], row["done_ns"]) == (ns(2), ns(7))


def test_a_client_within_a_client_is_one_call() -> None:
    """An RPC client over an HTTP client: the inner stands for it, unless the outer was answered."""
    recording = Recording()
    outer = recording.span("web", 1, "rpc", kind=CLIENT, attributes={"rpc.service": "Pay"})
    recording.span("web", 1.1, "http", kind=CLIENT, under=outer, attributes=API)
    assert [row["send"] for row in made(recording)] == ["http"]


def test_an_answered_outer_client_keeps_its_answer() -> None:
    """A server that answered the outer span is paired with it; the inner is a call of its own."""
    recording = Recording()
    outer = recording.span("web", 1, "rpc", kind=CLIENT, attributes={"rpc.service": "Pay"})
    recording.span("web", 1.1, "http", kind=CLIENT, under=outer, attributes=API)
    recording.span("pay", 1.2, "s", kind=SERVER, under=outer)
    assert [(row["send"], row["receive"]) for row in made(recording)] == [("rpc", "s"), ("http", None)]


def test_a_client_under_another_services_client_is_its_own_call() -> None:
    """A sidecar's client under the service's is another service's call."""
    recording = Recording()
    outer = recording.span("web", 1, "web", kind=CLIENT, attributes=API)
    recording.span("sidecar", 1.1, "sidecar", kind=CLIENT, under=outer, attributes=API)
    assert [row["send"] for row in made(recording)] == ["web", "sidecar"]


def test_databases_and_brokers_are_not_called() -> None:
    """Their clients give no call."""
    recording = Recording()
    recording.span("web", kind=CLIENT, attributes={"db.system": "redis"})
    recording.span("web", kind=CLIENT, attributes={"messaging.system": "kafka"})
    assert made(recording) == []
