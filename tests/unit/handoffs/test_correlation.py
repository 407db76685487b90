"""Correlation ids, from spans to verdicts: what shares nothing finer is counted, and nobody is named in its stead."""

from __future__ import annotations

from pathlib import Path

from baton import summaries
from baton.ownership.catalog import EMPTY
from recording import LATER, Recording, Span, analysed, judged, ns, of


def told(recording: Recording, *sends: Span, at: float = LATER) -> list[tuple[str, str | None]]:
    """Verdict and receiver of each send's rows."""
    rows = judged(recording, at)
    return [(row["verdict"], row["to_service"]) for send in sends for row in of(rows, send)]


def blind(recording: Recording, at: float = LATER) -> list[str]:
    """The blind spots of a report."""
    analysis = analysed(recording, at)
    scope = summaries.Scope(Path("store"), None, None, ns(at))
    return [
        one for one in summaries.report(analysis.handoffs, analysis, EMPTY, scope).blind if "correlation ids" in one
    ]


def talks(*received: int, each: int = 3) -> Recording:
    """Conversations of `each` sends, of which so many are received; and messages around them that are told apart."""
    recording = Recording()
    recording.flow(range(5))
    for talk, count in enumerate(received):
        for number in range(each):
            recording.send(at=10 + talk + number / 10, correlation=f"c{talk}")
        for number in range(count):
            recording.receive(at=10.05 + talk + number / 10, correlation=f"c{talk}")
    recording.flow(range(100, 120))
    return recording


def test_the_loss_is_counted_where_no_message_is_named() -> None:
    """Six of nine received: three are lost, and that is what the report says."""
    (said,) = blind(talks(2, 3, 1))
    assert said.startswith("3 of 6 from trading over orders have no receipt")


def test_what_was_received_in_full_or_may_still_be_is_no_loss() -> None:
    """As many receipts as sends; or a deadline that has not passed."""
    assert blind(talks(3, 3)) == []
    assert blind(talks(2), at=12) == []


def test_an_id_that_recurs_on_another_day_is_another_conversation() -> None:
    """Yesterday's loss is not made good by today's message, nor today's receipt taken for yesterday's."""
    recording = Recording()
    recording.flow(range(5))
    lost = recording.send(at=10, correlation="c")
    recording.flow(range(11, 40))
    today = recording.send(at=86_400, correlation="c")
    recording.receive(at=86_401, correlation="c")
    recording.flow(range(86_410, 86_420))
    assert told(recording, lost, today, at=90_000) == [("dropped", "notify"), ("delivered", "notify")]
    assert of(judged(recording, 90_000), lost)[0]["resubmitted_by"] is None


def test_one_id_for_a_whole_session_names_no_message() -> None:
    """The spans' own parents tell them apart: the lost one is named, and no other message of the session is a retry."""
    recording = Recording()
    sends = [recording.send(at=at, correlation="session") for at in range(30)]
    for at, send in enumerate(sends):
        if at != 11:
            recording.receive(at=at + 0.1, under=send, correlation="session")
    (row,) = of(judged(recording), sends[11])
    assert (row["verdict"], row["resubmitted_by"]) == ("dropped", None)


def test_channels_that_share_an_id_are_judged_apart() -> None:
    """The receipt on one hides no loss on the other."""
    recording = Recording()
    for channel in ("orders", "audits"):
        for at in range(30):
            recording.send(at=at, channel=channel, correlation=f"c{at}")
            if (channel, at) != ("orders", 11):
                recording.receive(at=at + 0.1, channel=channel, correlation=f"c{at}")
    rows = judged(recording).filter(verdict="dropped")
    assert rows.select("channel", "correlation_id").rows() == [("orders", "c11")]


def test_a_reply_with_the_requests_id_is_no_receipt_of_it() -> None:
    """Both ways over channels of their own; a request that was lost has no reply, and is named."""
    recording = Recording()
    for at in range(30):
        recording.send("a", at, "requests", correlation=f"c{at}")
        if at != 11:
            recording.receive("b", at + 0.1, "requests", correlation=f"c{at}")
            recording.send("b", at + 0.2, "replies", correlation=f"c{at}")
            recording.receive("a", at + 0.3, "replies", correlation=f"c{at}")
    rows = judged(recording)
    assert set(rows["verdict"]) == {"delivered", "dropped"}
    assert rows.filter(verdict="dropped").select("channel", "correlation_id").rows() == [("requests", "c11")]


def test_both_ways_over_one_channel_accuse_nobody() -> None:
    """Two sends and one receipt by each side: which took which is not told."""
    recording = Recording()
    for at in range(30):
        recording.send("a", at, "rpc", correlation=f"c{at}")
        recording.receive("b", at + 0.1, "rpc", correlation=f"c{at}")
        recording.send("b", at + 0.2, "rpc", correlation=f"c{at}")
        recording.receive("a", at + 0.3, "rpc", correlation=f"c{at}")
    assert not set(judged(recording)["verdict"]) & {"dropped", "stuck"}
    assert blind(recording) == []
