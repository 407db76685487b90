"""What is said of a journey that stopped; the whole incident, and what looks like it, is in acceptance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from baton.ownership.catalog import Catalog
from baton.schema import FACTS
from recording import CLIENT, SERVER, Recording, Span, judged, ns, of

if TYPE_CHECKING:
    from collections.abc import Callable

BEGIN, END, UNTIL = 60, 100, 170


def stopped(at: int) -> bool:
    """Whether the journey of that second stops after `check`."""
    return BEGIN <= at < END


def recorded(
    after: Callable[[Recording, int, Span], None] | None = None, until: int = UNTIL
) -> tuple[Recording, list[Span]]:
    """A journey a second: a gate calls a check, then sends to a desk. Says the checks' spans.

    `after` tells what the gate does in the place of that while they stop.
    """
    recording, checks = Recording(), []
    for at in range(until):
        gate = recording.span("gate", at, "POST /in", kind=SERVER, took=0.9)
        call = recording.span("gate", at + 0.1, "POST", kind=CLIENT, took=0.2, under=gate)
        checks.append(recording.span("check", at + 0.15, "POST /check", kind=SERVER, took=0.1, under=call))
        if not stopped(at):
            recording.receive("desk", at + 0.6, under=recording.send("gate", at + 0.5, under=gate))
        elif after is not None:
            after(recording, at, gate)
    return recording, checks


def rows(recording: Recording, checks: list[Span]) -> list[list[dict[str, Any]]]:
    """The rows of kind step of each check."""
    found = judged(recording).filter(kind="step")
    return [of(found, check) for check in checks]


def test_each_that_stopped_has_a_row_of_its_last_step() -> None:
    """It names both services, no receipt and no channel, and when the next step was due."""
    recording, checks = recorded()
    found = rows(recording, checks)
    assert [at for at in range(UNTIL) if found[at]] == list(range(BEGIN, END))
    (row,) = found[BEGIN]
    assert (row["verdict"], row["cause"], row["confidence"]) == ("dropped", "silent_stop", "inferred")
    assert (row["from_service"], row["to_service"], row["expected_by"]) == ("check", "desk", "learned")
    assert (row["channel"], row["queue"], row["received_at"], row["receipt"]) == (None, None, None, None)
    assert (row["deadline_at"] - row["sent_at"]).total_seconds() == pytest.approx(30)
    assert row["journey_id"] == row["trace_id"]


def test_a_lost_message_explains_the_stop() -> None:
    """It was sent, and what became of it is its own row's to say."""
    recording, checks = recorded(lambda recording, at, gate: recording.send("gate", at + 0.5, under=gate))
    assert not any(rows(recording, checks))


def test_a_message_that_the_broker_counted_as_taken_explains_the_stop() -> None:
    """It is delivered, and what came of it lost its spans: nobody left out a step."""
    recording, _ = recorded(lambda recording, at, gate: recording.send("gate", at + 0.5, under=gate))
    place = {"tenant": "default", "broker": "", "source": "management", "vhost": "/", "at_ns": ns(UNTIL + 60)}
    counted = {"waiting": 0, "consumers": 1, "published": UNTIL, "acknowledged": UNTIL}
    route = {"name": "orders", "kind": "fanout", "to": "q", "to_kind": "queue"}
    facts = pl.DataFrame(
        [{**place, "fact": "queue", "name": "q", **counted}, {**place, "fact": "route", **route}], schema=FACTS.schema
    )
    found = judged(recording, facts=facts)
    assert {row["verdict"] for row in found.filter(kind="message").to_dicts()} == {"delivered"}
    assert found.filter(kind="step").is_empty()


def test_a_failed_send_explains_the_stop() -> None:
    """The sender's own word."""
    recording, checks = recorded(lambda recording, at, gate: recording.send("gate", at + 0.5, under=gate, error="no"))
    assert not any(rows(recording, checks))


def test_a_journey_that_went_another_way_did_not_stop() -> None:
    """To a service that had no part in it before: the process was changed."""

    def another(recording: Recording, at: int, gate: Span) -> None:
        recording.receive("robot", at + 0.6, "robots", under=recording.send("gate", at + 0.5, "robots", under=gate))

    recording, checks = recorded(another)
    assert not any(rows(recording, checks))


def test_a_customer_who_looks_what_happened_takes_no_further_step() -> None:
    """A later request to a service that was there before is no way on."""

    def look(recording: Recording, at: int, gate: Span) -> None:
        recording.span("gate", at + 20, "GET /in", kind=SERVER, under=gate)

    recording, checks = recorded(look)
    assert sum(map(len, rows(recording, checks))) == END - BEGIN


def test_a_step_that_failed_is_no_silent_stop() -> None:
    """Whoever ends with an error is seen."""
    recording, checks = recorded(until=BEGIN)
    for at in range(BEGIN, END):
        gate = recording.span("gate", at, "POST /in", kind=SERVER, took=0.9)
        call = recording.span("gate", at + 0.1, "POST", kind=CLIENT, took=0.2, under=gate)
        checks.append(recording.span("check", at + 0.15, "POST /check", kind=SERVER, under=call, error="expired"))
    recording.span("check", UNTIL, "beat")
    assert not any(rows(recording, checks))


def test_the_tail_that_may_yet_go_on_is_not_accused() -> None:
    """Until the step's own service has moved past the deadline, and what it does is exported."""
    recording, checks = recorded(until=END)
    found = rows(recording, checks)
    assert [at for at in range(END) if found[at]] == []
    recording.span("check", BEGIN + 90, "beat")
    found = rows(recording, checks)
    assert [at for at in range(END) if found[at]] == list(range(BEGIN, BEGIN + 30))


def test_of_a_fork_that_stops_the_nearest_stands_for_all() -> None:
    """Two services take what the gate sends; one row a journey."""
    recording = Recording()
    for at in range(UNTIL):
        gate = recording.span("gate", at, "POST /in", kind=SERVER, took=0.9)
        if not stopped(at):
            send = recording.send("gate", at + 0.5, under=gate)
            recording.receive("desk", at + 0.6, under=send)
            recording.receive("audit", at + 0.7, under=send)
    found = judged(recording).filter(kind="step")
    assert found["to_service"].value_counts().rows() == [("desk", END - BEGIN)]


def test_a_service_that_hands_over_and_is_unheard_leaves_it_open() -> None:
    """The gate's own span is missing in those journeys, and so may be its send; the desk took nothing else."""
    recording, checks = Recording(), []
    for at in range(UNTIL):
        root = recording.span("web", at, "POST", kind=CLIENT, took=0.9)
        check = recording.span("check", at + 0.1, "POST /check", kind=SERVER, took=0.1, under=root)
        checks.append(check)
        if not stopped(at):
            relay = recording.span("relay", at + 0.4, "relay", under=check)
            recording.receive("desk", at + 0.6, under=recording.send("relay", at + 0.5, under=relay))
    found = rows(recording, checks)
    assert {row["verdict"] for each in found for row in each} == {"unobserved"}


def test_a_step_that_came_later_does_not_indict_what_was_before() -> None:
    """A desk that is new, beside one that was there: journeys of before are held to nothing."""
    recording = Recording()
    for at in range(UNTIL):
        send = recording.send(at=at)
        recording.receive("desk", at + 0.1, under=send)
        if at >= END:
            recording.receive("audit", at + 0.2, under=send)
    assert judged(recording).filter(kind="step").is_empty()


@pytest.mark.parametrize("service", ["check", "gate", "desk"])
def test_a_tail_sampled_party_makes_no_stop(service: str) -> None:
    """What such a sampler keeps depends on how a journey ended: no stop is told from it, whichever side it is."""
    recording, _ = recorded()
    catalog = Catalog.model_validate({"version": "1", "services": [{"name": service, "sampling": "tail"}]})
    assert judged(recording, catalog=catalog).filter(kind="step").is_empty()
