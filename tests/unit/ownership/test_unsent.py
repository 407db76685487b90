from __future__ import annotations

from typing import Any

from baton.ownership.unsent import unsent
from recording import Recording, Span, ns, paired


def told(recording: Recording, since: float | None = None) -> list[dict[str, Any]]:
    """The rows of a recording."""
    found = paired(recording)
    window = None if since is None else ns(since)
    return unsent(found.spans, found.pairs, window, None).to_dicts()


def test_a_receive_that_nothing_sent_is_counted() -> None:
    """By service and place; whether it names a span that is not here tells what to look for."""
    recording = Recording()
    recording.flow([0, 1])
    for at in range(3):
        recording.receive("ledger", at, "afar", under=Span("f" * 32, "f" * 16) if at else None)
    row, *others = told(recording)
    assert not others
    assert (row["name"], row["count"], row["owner"]) == ("ledger from afar", 3, None)
    assert row["detail"].startswith("2 of 3 name a span that is not here")
    assert told(recording, since=2)[0]["count"] == 1


def test_what_lies_around_a_paired_receive_is_the_same_receipt() -> None:
    """A driver's poll above the framework's process, which bears the context; and a poll that took nothing."""
    recording = Recording()
    send = recording.send(at=0)
    poll = recording.receive(at=0.1, step="receive")
    recording.receive(at=0.2, under=poll, links=[send])
    recording.receive(at=0.3, step="receive", more={"messaging.batch.message_count": 0})
    assert told(recording) == []
