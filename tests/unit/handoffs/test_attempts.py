from __future__ import annotations

import pytest

from baton.limits import SILENCE_TAIL_NS
from recording import SECOND, Recording, Span, judged, of

NACKED = "NackError: 1 message(s) NACKed"
TAIL = SILENCE_TAIL_NS // SECOND


def bank(*attempts: float, taken: float | None = None, last: str | None = NACKED) -> tuple[Recording, list[Span]]:
    """A sender that sends again 2 s after each refusal, and one message's attempts; others flow all the time."""
    recording = Recording()
    recording.flow([float(at) for at in range(120)])
    for at in range(5, 25):
        recording.send(at=at + 0.5, message=f"m{at}", error=NACKED)
        recording.receive(at=at + 2.6, under=recording.send(at=at + 2.5, message=f"m{at}"))
    sends = [
        recording.send(at=at, message="wanted", error=last if number == len(attempts) else NACKED)
        for number, at in enumerate(attempts, start=1)
    ]
    if taken is not None:
        recording.receive(at=taken, under=sends[-1])
    return recording, sends


def verdicts(recording: Recording, sends: list[Span], at: float) -> list[str]:
    """What is said of each attempt at that moment."""
    rows = judged(recording, at)
    return [row["verdict"] for send in sends for row in of(rows, send)]


@pytest.mark.parametrize(("after", "verdict"), [(2.9 + TAIL, "pending"), (3.1 + TAIL, "dropped")])
def test_a_retry_is_waited_for_as_long_as_retries_take(after: float, verdict: str) -> None:
    """Half as long again as this sender's retries, and an export round; then nobody retried it."""
    recording, sends = bank(40.0)
    assert verdicts(recording, sends, 40 + after) == [verdict]


def test_backoffs_double() -> None:
    """A message that was last tried again after 8 s may come again after 16."""
    recording, sends = bank(40.0, 48.0)
    assert verdicts(recording, sends, 48 + 23 + TAIL) == ["pending"] * 2
    assert verdicts(recording, sends, 48 + 25 + TAIL) == ["dropped"] * 2


def test_earlier_attempts_share_the_fate_of_the_latest() -> None:
    """While the last one may still be received none is lost; once it is, all were retried."""
    recording, sends = bank(40.0, 42.0, 44.0, taken=50, last=None)
    assert verdicts(recording, sends, 44.5) == ["pending"] * 3
    assert verdicts(recording, sends, 1000) == ["retried", "retried", "delivered"]


def test_who_never_sends_again_has_lost_at_once() -> None:
    """Of a sender that was never seen to retry a refusal is the last word."""
    recording = Recording()
    recording.flow([float(at) for at in range(60)])
    send = recording.send(at=40, message="wanted", error=NACKED)
    assert verdicts(recording, [send], 41) == ["dropped"]
