"""A window of a long day is answered from its own hours and their margins, as the whole day would answer it."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from baton import queries
from baton.queries import Question
from baton.store.writer import Writer
from recording import CLIENT, SERVER, Recording, ns

if TYPE_CHECKING:
    from pathlib import Path

HOUR = 3600.0
HOURS = 10


def day() -> Recording:
    """Hours of messages and calls, one a minute; one message in seven is lost, one send in five fails and is retried.

    Some of the lost are sent again by hand a minute later, under a new message id; some retries are lost as well.
    """
    recording = Recording()
    for number in range(int(HOURS * 60)):
        at, name = number * 60.0, f"m-{number}"
        call = recording.span("gateway", at, "POST", kind=CLIENT, took=2)
        order = recording.span("trading", at + 0.1, "POST /orders", kind=SERVER, took=1, under=call)
        if number % 5 == 0:
            recording.send(at=at + 0.2, message=name, under=order, error="no answer")
        send = recording.send(at=at + 0.4, message=name, under=order)
        recording.span("notify", at + 20, "tick")
        if number % 7:
            recording.receive(at=at + 0.6 + number % 11, message=name, under=send)
    return recording


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Question, pl.DataFrame]:
    """A store of that day that has learned, and what all of it answers."""
    store: Path = tmp_path_factory.mktemp("day") / "store"
    with Writer(store) as writer:
        writer.append(day().frame(), None)
        writer.save_expectations(pl.read_ipc(io.BytesIO(queries.learn(store, None))))
    asked = Question(store, as_of_ns=ns(20 * HOUR))
    return asked, queries.handoffs(asked)


@settings(max_examples=6, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(since=st.integers(0, HOURS * 60 - 1), minutes=st.integers(1, 120))
def test_a_window_equals_the_whole_filtered(whole: tuple[Question, pl.DataFrame], since: int, minutes: int) -> None:
    """Every row of the window is there, and each says what it says when all is read."""
    asked, every = whole
    since_ns, until_ns = ns(since * 60.0), ns((since + minutes) * 60.0)
    rows = queries.handoffs(replace(asked, since_ns=since_ns, until_ns=until_ns))
    sent_ns = pl.col("sent_at").dt.timestamp("ns")
    expected = every.filter((sent_ns >= since_ns) & (sent_ns < until_ns))
    # A finding is named by its onset, which may lie before the window.
    assert rows.drop("finding_id").equals(expected.drop("finding_id"))


def test_the_day_holds_what_windows_may_get_wrong(whole: tuple[Question, pl.DataFrame]) -> None:
    """Losses, retries and deliveries are there to be told."""
    assert {"dropped", "retried", "delivered"} <= set(whole[1]["verdict"])
