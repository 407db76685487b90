from __future__ import annotations

from typing import Any

import polars as pl
import pytest

import incident
from baton.findings.accountable import because
from baton.findings.crowded import crowding
from baton.findings.group import group
from baton.findings.impact import MEASURES, cost
from baton.findings.said import JOURNEY
from baton.schema import FINDINGS, HANDOFFS, SUBSCRIPTION
from incident import delivered, row
from named_owners import NamedOwners

OWNERS = NamedOwners(services={"market-data": "market-data", "trade-execution": "trading"})
NO_CROWD = pl.DataFrame(schema={**dict.fromkeys((*SUBSCRIPTION, "sender"), pl.String), "share": pl.Float64})
KINDS = pl.DataFrame({"journey_type": ["trade-confirmation"], "owner": ["wealth"], "criticality": ["critical"]})


def grouped(
    *rows: dict[str, Any], usual: pl.DataFrame = NO_CROWD, held: tuple[tuple[str, str, str | None, int], ...] = ()
) -> list[dict[str, Any]]:
    """The findings among these handoffs; `held` is (handoff, sender, journey type, messages) of replayed losses."""
    frame = pl.DataFrame(rows, schema=HANDOFFS.schema).sort("sent_at", "handoff_id")
    unmeasured = pl.DataFrame(schema=dict.fromkeys((*JOURNEY, *MEASURES), pl.String()))
    lost = frame.filter(pl.col("finding_id").is_not_null())
    then = pl.DataFrame(
        held,
        schema={**dict.fromkeys(("handoff_id", "sender", "journey_type"), pl.String), "held": pl.Int64},
        orient="row",
    )
    crowds = crowding(then, lost, usual, OWNERS, KINDS)
    return group(frame, cost(lost, unmeasured), crowds, KINDS).to_dicts()


def test_nothing_lost_is_no_finding() -> None:
    """In the schema's columns."""
    assert grouped(delivered(1, 10)) == []
    frame = pl.DataFrame([delivered(1, 10)], schema=HANDOFFS.schema)
    assert group(frame, pl.DataFrame(), NO_CROWD, KINDS).schema == FINDINGS.schema


def test_a_finding_is_counted_among_its_boundary() -> None:
    """All of the boundary, those of its time, and those that came through since."""
    others = [delivered(number, 10) for number in (1, 2, 9, 10)]
    elsewhere = delivered(11, 10) | {"channel": "other"}
    (found,) = grouped(row(3), row(6), delivered(4, 10), row(8), *others, elsewhere)
    assert (found["count"], found["handoffs"], found["during"], found["since"]) == (3, 8, 4, 2)
    assert (found["first_at"], found["last_at"]) == (row(3)["sent_at"], row(8)["sent_at"])
    assert (found["journeys"], found["customers"], found["unpriced"]) == (3, None, 3)
    assert found["journey_types"] == [{"journey_type": "trade-confirmation", "owner": "wealth", "count": 3}]
    assert found["dispositions"] == [{"disposition": "gone", "count": 3}]


@pytest.mark.parametrize(("came", "ongoing"), [(0, True), (5, True), (6, False)])
def test_it_is_over_once_enough_came_through(came: int, ongoing: bool) -> None:  # noqa: FBT001 - parametrized
    """Half of its time's were lost: six in a row that came through are none of chance's making."""
    since = [delivered(10 + number, 10) for number in range(came)]
    (found,) = grouped(row(1), delivered(2, 10), delivered(3, 10), row(4), *since)
    assert found["ongoing"] is ongoing


def test_what_is_stuck_goes_on() -> None:
    """Whatever came through since."""
    since = [delivered(10 + number, 10) for number in range(20)]
    (found,) = grouped(row(1, verdict="stuck", cause=None, accountable_team=None, next_to_ask="x: they"), *since)
    assert (found["ongoing"], found["cause"], found["next_to_ask"]) == (True, "unknown", "x: they")


def test_the_weakest_confidence_is_the_findings() -> None:
    """And what most rows say of who is accountable, where any does."""
    (found,) = grouped(
        row(1), row(2, confidence="confirmed"), row(3, confidence="suspected", accountable_team=None), row(4)
    )
    assert (found["confidence"], found["accountable_team"]) == ("suspected", "messaging")


def test_duplicates_are_resubmissions_and_what_was_handled_again() -> None:
    """Both cost money."""
    (found,) = grouped(row(1, resubmitted_by="f" * 32), row(2, duplicates=2), row(3))
    assert (found["resubmitted"], found["duplicates"]) == (1, 3)


def test_the_crowd_of_an_overflow_is_named() -> None:
    """Of its own channel, the largest share first, each sender once."""
    place = {"tenant": "default", "environment": "prod", "broker": "", "channel": "wealth.events"}
    usual = pl.DataFrame(
        [
            {**place, "subscription": "one", "sender": "market-data", "share": 0.9},
            {**place, "subscription": "two", "sender": "market-data", "share": 0.7},
            {**place, "subscription": "one", "sender": "batch", "share": 0.1},
            {**place, "subscription": "one", "sender": "stray", "share": 1.0, "channel": "other"},
        ],
        schema=NO_CROWD.schema,
    )
    found = grouped(row(1), row(2, cause="unknown", finding_id="0" * 32), usual=usual)
    overflow, unknown = sorted(found, key=lambda one: one["cause"])
    assert [(one["service"], one["team"], one["share"]) for one in overflow["crowding"]] == [
        ("market-data", "market-data", 0.9),
        ("batch", "unowned", 0.1),
    ]
    assert unknown["crowding"] == []


def test_the_crowd_is_that_of_the_findings_own_losses() -> None:
    """By sender and criticality, over the places at the moments at which a replay lost just these."""
    mine, other = row(1), row(2, finding_id="0" * 32, from_team="market-data", from_service="market-data")
    held = (
        (mine["handoff_id"], "market-data", None, 45),
        (mine["handoff_id"], "trade-execution", "trade-confirmation", 4),
        (mine["handoff_id"], "trade-execution", "statement", 1),
        (other["handoff_id"], "trade-execution", "trade-confirmation", 50),
    )
    found = {one["finding_id"]: one for one in grouped(mine, other, held=held)}
    assert [tuple(one.values()) for one in found[mine["finding_id"]]["crowding"]] == [
        ("market-data", "market-data", None, 0.9),
        ("trade-execution", "trading", "critical", 0.08),
        ("trade-execution", "trading", None, 0.02),
    ]
    assert found["0" * 32]["crowding"][0]["share"] == 1


@pytest.mark.parametrize(
    ("finding", "why"),
    [
        (
            {},
            "messaging owns notify-q: its limit and its isolation decide what is lost; at those moments market-data",
        ),
        (
            {"channel_team": "unowned", "accountable_team": "market-data"},
            "market-data sends most into notify-q, which nobody owns; at those moments market-data (market-data)",
        ),
        (
            {"accountable_team": "trading"},
            (
                "trading owns trade-execution: by the replay, retries would have saved what was refused, and no change "
                "of messaging's notify-q would; at those moments market-data (market-data) held 93% of it"
            ),
        ),
        ({"cause": "expired"}, "messaging owns notify-q, which lets messages expire"),
        (
            {"cause": "expired", "accountable_team": "notification"},
            "notification owns notification, which took fewer than came; messaging's notify-q lets messages expire",
        ),
        ({"cause": "broker_lost"}, "messaging owns notify-q, which lost what it held"),
        (
            {"cause": "rejected", "accountable_team": "notification"},
            "notification owns notification, which refused or failed 27 of the 32 that were sent meanwhile",
        ),
        (
            {"cause": "receiver_down", "accountable_team": "notification"},
            "notification owns notification, which took none of them; messaging's notify-q keeps what it can hold",
        ),
        (
            {"cause": "call_lost", "accountable_team": "notification", "channel": None},
            "notification owns notification, which never saw 27 of 32 calls",
        ),
        (
            {"cause": "publish_failed", "accountable_team": "trading"},
            (
                "trading owns trade-execution, which knew that 27 sends failed, and sent none again; "
                "messaging's notify-q did not take them"
            ),
        ),
        (
            {"cause": "silent_stop", "accountable_team": "trading"},
            "trading owns trade-execution, after which 27 journeys stopped",
        ),
        (
            {"cause": "unroutable", "queue": None},
            "messaging owns wealth.events, and no binding of it takes what trade-execution sends",
        ),
        (
            {"cause": "unroutable", "queue": None, "channel_team": "unowned", "accountable_team": "trading"},
            "trading was told that no binding of wealth.events takes what it sends; nobody owns that",
        ),
        ({"cause": "a new one"}, "messaging can most effectively prevent a new one"),
    ],
)
def test_why_they_are_accountable(finding: dict[str, Any], why: str) -> None:
    """A sentence for each cause, with the part that others have in it."""
    told = incident.FINDINGS.head(1).with_columns(
        pl.lit(value).cast(pl.String).alias(name) for name, value in finding.items()
    )
    said = because(told.drop("accountable_why"))["accountable_why"].item()
    assert said is not None
    assert said.startswith(why)


def test_nobody_needs_no_reason() -> None:
    """Where nobody is accountable nothing is claimed."""
    assert because(incident.FINDINGS.tail(1).drop("accountable_why"))["accountable_why"].to_list() == [None]
