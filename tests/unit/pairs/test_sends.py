from __future__ import annotations

from typing import Any

import pytest

from baton.pairs.sends import sends
from baton.schema import UNSAID
from recording import CLIENT, INTERNAL, Recording, Span, mended, ns

CREATE = {"messaging.operation.type": "create"}
SEND = {"messaging.operation.type": "send"}


def sent(recording: Recording) -> list[dict[str, Any]]:
    """The logical sends, with the names of spans in the place of rows."""
    spans = mended(recording)
    names = dict(spans.select("row", "name").iter_rows())
    rows = sends(spans).to_dicts()
    return [{**row, "send": names[row["send"]], "nest": [names[member] for member in row["nest"]]} for row in rows]


def test_no_spans_make_no_sends() -> None:
    """Nothing in, nothing out."""
    assert sent(Recording()) == []


def test_a_send_says_what_the_span_says() -> None:
    """Channel, ids, keys, times and service are the span's own; what it leaves out is empty or null."""
    recording = Recording()
    recording.send("a", 1, "ch", message="m", correlation="c", system="kafka", took=2, name="full")
    recording.send("b", 2, None, system=None, name="bare")
    full, bare = sent(recording)
    assert full["nest"] == ["full"]
    assert (full["channel"], full["message_id"], full["correlation_id"]) == ("ch", "m", "c")
    assert (full["service"], full["messaging_system"]) == ("a", "kafka")
    assert full["sent_ns"] == ns(1)
    assert (full["failed"], full["failure"], full["returned"]) == (False, None, False)
    assert (bare["messaging_system"], bare["message_id"]) == ("", None)


def test_an_unsaid_channel_is_the_senders_own() -> None:
    """Where no destination is said, sender and span name stand for it: two jobs of two services are not one channel."""
    recording = Recording()
    for service, name in (("a", "one"), ("a", "two"), ("b", "one")):
        recording.send(service, channel=None, name=name)
    assert [row["channel"] for row in sent(recording)] == [f"{UNSAID}a one", f"{UNSAID}a two", f"{UNSAID}b one"]


def test_nested_producers_are_one_send_and_the_worst_status_counts() -> None:
    """pika: the inner span is the message's context, the error sits on the outer."""
    recording = Recording()
    outer = recording.send(name="outer", error="nacked")
    recording.send(name="inner", under=outer)
    (row,) = sent(recording)
    assert (row["send"], row["nest"]) == ("inner", ["inner", "outer"])
    assert (row["failed"], row["failure"]) == (True, "nacked")


def test_a_nest_lends_what_the_inner_leaves_out() -> None:
    """Message id, correlation id and channel are the innermost span's own, else the nest's."""
    recording = Recording()
    outer = recording.send(name="outer", channel="ch", message="outer-id", correlation="c")
    recording.send(name="inner", channel=None, message="inner-id", under=outer)
    (row,) = sent(recording)
    assert (row["channel"], row["message_id"], row["correlation_id"]) == ("ch", "inner-id", "c")


def test_four_levels_are_one_send() -> None:
    """Framework, client, driver and plugin around one publish."""
    recording = Recording()
    above = recording.send(name="1", error="late word")
    for name in "2345":
        above = recording.send(name=name, under=above)
    (row,) = sent(recording)
    assert row["nest"] == ["5", "4", "3", "2", "1"]
    assert row["failed"]


@pytest.mark.parametrize("inner", [{"service": "other"}, {"channel": "elsewhere"}])
def test_another_service_or_channel_is_another_send(inner: dict[str, Any]) -> None:
    """A producer under a producer nests only within one service and channel."""
    recording = Recording()
    outer = recording.send(name="outer", error="boom")
    recording.send(name="inner", under=outer, **inner)
    assert {row["send"]: row["failed"] for row in sent(recording)} == {"outer": True, "inner": False}


def test_a_span_between_separates() -> None:
    """Producers nest directly; a span of work between them makes two sends."""
    recording = Recording()
    outer = recording.send(name="outer")
    between = recording.span("trading", kind=INTERNAL, under=outer)
    recording.send(name="inner", under=between)
    assert [row["send"] for row in sent(recording)] == ["outer", "inner"]


def test_a_batchs_error_condemns_no_single_message() -> None:
    """An outer span over several inner ones speaks of them together: each is a send, none has failed."""
    recording = Recording()
    outer = recording.send(name="batch", error="one of them")
    recording.send(name="first", under=outer)
    recording.send(name="second", under=outer, error="this one")
    failed = {row["send"]: row["failed"] for row in sent(recording)}
    assert failed == {"first": False, "second": True}


def test_a_send_that_links_its_creations_sends_them() -> None:
    """Batch: `create` spans are the messages, the `send` that links them carries them all."""
    recording = Recording()
    creations = [recording.send(name=f"create {number}", more=CREATE) for number in range(3)]
    recording.send(name="send", links=creations, kind=CLIENT, more=SEND)
    assert [row["nest"] for row in sent(recording)] == [[f"create {number}", "send"] for number in range(3)]


def test_a_client_that_links_producers_sends_them() -> None:
    """Azure: the messages' spans are plain producers, the CLIENT span that links them carries them."""
    recording = Recording()
    producers = [recording.send(name=f"message {number}") for number in range(2)]
    recording.send(name="send", links=producers, kind=CLIENT, more=SEND)
    recording.send(name="own", links=producers, more=SEND)
    nests = {row["send"]: row["nest"] for row in sent(recording)}
    assert nests == {
        "message 0": ["message 0", "send"],
        "message 1": ["message 1", "send"],
        "own": ["own"],
    }


def test_one_creation_takes_its_sends_error() -> None:
    """With one `create` behind it, the send's error is that message's."""
    recording = Recording()
    creation = recording.send(name="create", more=CREATE)
    recording.send(name="send", links=[creation], kind=CLIENT, more=SEND, error="refused")
    (row,) = sent(recording)
    assert (row["send"], row["failed"], row["failure"]) == ("create", True, "refused")


def test_create_and_send_of_one_message_id_are_one_send() -> None:
    """Siblings of one trace that name the same message; of two traces, or two ids, they are two sends."""
    recording = Recording()
    root = recording.span("trading")
    recording.send(name="create", under=root, message="m", more=CREATE)
    recording.send(name="send", under=root, message="m", more=SEND)
    recording.send(name="other id", under=root, message="n", more=SEND)
    recording.send(name="other trace", message="m", more=SEND)
    assert [row["nest"] for row in sent(recording)] == [["create", "send"], ["other id"], ["other trace"]]


def test_links_to_another_service_or_tenant_nest_nothing() -> None:
    """Only a service's own creations are what its send carries."""
    recording = Recording()
    theirs = recording.send("other", name="theirs", more=CREATE)
    evil = recording.send(name="evil", tenant="evil", more=CREATE)
    recording.send(name="send", links=[theirs, evil], more=SEND)
    assert {row["send"] for row in sent(recording)} == {"theirs", "evil", "send"}


@pytest.mark.parametrize(
    "words",
    [
        {"exception": "pika.exceptions.UnroutableError"},
        {"error": "NO_ROUTE"},
        {"error": "message was returned by the broker"},
        {"error": "Basic.Return 312"},
    ],
)
def test_a_returned_message_says_so(words: dict[str, str]) -> None:
    """The clients' own words for an unroutable message are recognised, in error type, exception or message."""
    recording = Recording()
    recording.send(**{"error": "", **words})
    (row,) = sent(recording)
    assert (row["failed"], row["returned"]) == (True, True)


def test_a_failure_is_named_by_its_exception_first() -> None:
    """Exception type, then `error.type`, then the status message, else that there was an error at all."""
    recording = Recording()
    said = {"error.type": "timeout"}
    recording.send(name="1", error="message", exception="Boom", more=said)
    recording.send(name="2", error="message", more=said)
    recording.send(name="3", error="message")
    recording.send(name="4", error="")
    assert [row["failure"] for row in sent(recording)] == ["Boom", "timeout", "message", "an error status"]


def test_words_without_an_error_accuse_nobody() -> None:
    """An exception that was handled, or a message id that says `unroutable`, is no failure."""
    recording = Recording()
    recording.send(exception="UnroutableError", message="unroutable")
    (row,) = sent(recording)
    assert (row["failed"], row["failure"], row["returned"]) == (False, None, False)


def test_a_creation_that_links_itself_is_a_send() -> None:
    """A forged link to itself loses no message."""
    recording = Recording()
    own = Span("a" * 32, "b" * 16)
    recording.send(name="self", own=own, links=[own], more=CREATE)
    assert [row["send"] for row in sent(recording)] == ["self"]


def test_forged_parents_lose_no_send() -> None:
    """A send that is its own parent, two that are each other's, and one under those each stand for themselves."""
    recording = Recording()
    alone, one, two = Span("a" * 32, "a" * 16), Span("b" * 32, "1" * 16), Span("b" * 32, "2" * 16)
    recording.send(name="alone", own=alone, under=alone)
    recording.send(name="one", own=one, under=two)
    recording.send(name="two", own=two, under=one)
    assert {row["send"]: row["nest"] for row in sent(recording)} == {
        "alone": ["alone"],
        "one": ["one"],
        "two": ["two"],
    }


def test_a_send_under_forged_parents_is_found() -> None:
    """The inner of two that are each other's outer is a send, with both in its nest."""
    recording = Recording()
    one, two = Span("b" * 32, "1" * 16), Span("b" * 32, "2" * 16)
    recording.send(name="one", own=one, under=two)
    recording.send(name="two", own=two, under=one)
    recording.send(name="inner", under=two)
    assert [(row["send"], row["nest"]) for row in sent(recording)] == [("inner", ["inner", "two", "one"])]


def test_a_creation_that_is_its_own_parent_is_still_its_sends() -> None:
    """A forged parent takes no nest apart: the send that links the creation carries it."""
    recording = Recording()
    own = Span("a" * 32, "a" * 16)
    recording.send(name="create", own=own, under=own, more=CREATE)
    recording.send(name="send", links=[own], kind=CLIENT, more=SEND, error="refused")
    assert [(row["nest"], row["failed"]) for row in sent(recording)] == [(["create", "send"], True)]
