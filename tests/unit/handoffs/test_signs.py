from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from baton.analysis import Paired, expect
from baton.handoffs.expected import expected
from baton.handoffs.order import overtaken
from baton.handoffs.signs import signs
from baton.limits import IDLE_POLLS_MIN
from recording import Recording, Span, ns, paired

if TYPE_CHECKING:
    import polars as pl

EMPTY_POLL = {"messaging.batch.message_count": 0}
ABSENT = "f" * 16


def with_signs(known: Paired) -> pl.DataFrame:
    """The messages of a recording, with their signs."""
    return signs(overtaken(expected(known.sends, known.receipts, expect(known))), known.spans, known.unnamed)


def signed(recording: Recording, send: Span) -> dict[str, Any]:
    """The only row of that send, with its signs."""
    known = paired(recording)
    rows = with_signs(known)
    ids = known.spans.span_ids(rows["send"])
    (found,) = rows.filter(ids == send.raw[1].hex()).to_dicts()
    return found


def lossy() -> tuple[Recording, Span, Span]:
    """Ten messages a second apart; of the one at 5, and of the first, the sends."""
    recording = Recording()
    sends = recording.flow(range(10), lost=[5])
    return recording, sends[5], sends[0]


def test_no_rows_have_no_signs() -> None:
    """Nothing in, nothing out, with the columns promised."""
    known = paired(Recording())
    rows = with_signs(known)
    assert rows.is_empty()
    assert {"open_ns", "idle_ns", "unnamed_sent", "unnamed_received"} <= set(rows.columns)


def test_without_signs_all_is_null() -> None:
    """A missing message with nothing around it."""
    recording, lost, _ = lossy()
    row = signed(recording, lost)
    assert [row[name] for name in ("open_ns", "idle_ns", "unnamed_sent", "unnamed_received")] == [None] * 4


# --- open receipts


def test_children_of_an_absent_parent_prove_an_open_receipt() -> None:
    """Spans of the receiver in the message's trace, after the send: the last end among them."""
    recording, lost, _ = lossy()
    for at, took in ((6, 3), (7, 1)):
        recording.span("notify", at, took=took, under=Span(lost.trace, ABSENT))
    assert signed(recording, lost)["open_ns"] == ns(9)


@pytest.mark.parametrize(
    "other",
    [{"service": "audit"}, {"at": 4.9}, {"tenant": "evil"}, {"trace": "e" * 32}],
)
def test_what_opens_no_receipt(other: dict[str, Any]) -> None:
    """Another service's span, one from before the send, or of another tenant or trace."""
    recording, lost, _ = lossy()
    told = {"service": "notify", "at": 6, "trace": lost.trace, **other}
    recording.span(told.pop("service"), told.pop("at"), under=Span(told.pop("trace"), ABSENT), **told)
    assert signed(recording, lost)["open_ns"] is None


def test_a_child_whose_parent_is_there_opens_nothing() -> None:
    """The receiver works in that trace, under a span that has arrived."""
    recording, lost, _ = lossy()
    recording.span("notify", 6, under=lost)
    assert signed(recording, lost)["open_ns"] is None


def test_a_received_message_is_not_open() -> None:
    """Its receipt is there; what else lacks a parent says nothing of it."""
    recording, _, first = lossy()
    recording.span("notify", 6, under=Span(first.trace, ABSENT))
    assert signed(recording, first)["open_ns"] is None


# --- empty polls


def poll(recording: Recording, *times: float, **other: Any) -> None:  # noqa: ANN401 - the parts of a receive
    """Empty polls of a minute each at these times."""
    for at in times:
        recording.receive(**{"at": at, "step": "receive", "took": 60, "more": EMPTY_POLL, **other})


def test_empty_polls_of_the_place_are_a_sign() -> None:
    """Empty since the start of the last three: a poll that waits says nothing of its end."""
    recording, lost, _ = lossy()
    poll(recording, 30, 20, 50, 40)
    assert IDLE_POLLS_MIN == 3
    assert signed(recording, lost)["idle_ns"] == ns(30)


def test_fewer_empty_polls_prove_nothing() -> None:
    """Short polls ask a part of the broker only."""
    recording, lost, _ = lossy()
    poll(recording, 20, 30)
    assert signed(recording, lost)["idle_ns"] is None


def test_every_instance_that_takes_has_to_find_it_empty() -> None:
    """Two instances take: until both polled in vain it may lie with the other; then the earlier of the two counts."""
    recording = Recording()
    sends = recording.flow(range(10), lost=[5])
    recording.flow(range(10, 20), instance="2")
    poll(recording, 30, 40, 50)
    poll(recording, 21, 22)
    poll(recording, 23, 24, instance="2")
    assert signed(recording, sends[5])["idle_ns"] is None
    poll(recording, 25, instance="2")
    assert signed(recording, sends[5])["idle_ns"] == ns(23)


@pytest.mark.parametrize(
    "other",
    [
        {"service": "audit"},
        {"instance": "2"},
        {"channel": "elsewhere"},
        {"step": "process"},
        {"more": {"messaging.batch.message_count": 1}},
        {"more": {}},
        {"more": {**EMPTY_POLL, "messaging.destination.partition.id": "0"}},
        {"environment": "test"},
        {"tenant": "evil"},
    ],
)
def test_what_is_no_empty_poll(other: dict[str, Any]) -> None:
    """Another service's, instance's or place's, of one partition only, one that took something or does not say."""
    recording, lost, _ = lossy()
    poll(recording, 20, 30, 40, **other)
    assert signed(recording, lost)["idle_ns"] is None


# --- correlation ids that name nobody


def test_an_unnamed_loss_bears_its_figures() -> None:
    """Three sent under one correlation id, two received: each of the three says so."""
    recording, _, _ = lossy()
    talk = [recording.send(at=at, correlation="c") for at in (20, 21, 22)]
    for at in (20.5, 21.5):
        recording.receive(at=at, correlation="c")
    rows = [signed(recording, send) for send in talk]
    assert [(row["unnamed_sent"], row["unnamed_received"]) for row in rows] == [(3, 2)] * 3
