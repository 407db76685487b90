from __future__ import annotations

import polars as pl
import pytest

from baton.findings.accountable import hold
from baton.schema import SUBSCRIPTION

_NAMES = ("verdict", "cause", "confidence", "from_team", "to_team", "channel_team", "crowder", "crowder_team", "remedy")
_OWNED = {
    "verdict": "dropped",
    "confidence": "inferred",
    "from_team": "sender",
    "from_service": "trading",
    "to_team": "receiver",
    "to_service": "notify",
    "channel": "orders",
    "channel_team": "queue",
    "crowder": "ticks",
    "crowder_team": "crowder",
    "remedy": "queue",
}


def held(**row: str | None) -> tuple[str | None, str | None]:
    """(accountable team, whom to ask) of a row where every side is owned but for what is said."""
    schema = dict.fromkeys((*_NAMES, "from_service", "to_service", "channel"), pl.String)
    rows = pl.DataFrame([{**_OWNED, **row}], schema=schema)
    found = hold(rows, rows).row(0, named=True)
    return found["accountable_team"], found["next_to_ask"]


@pytest.mark.parametrize(
    ("row", "team"),
    [
        ({"cause": "overflow"}, "queue"),
        ({"cause": "overflow", "channel_team": "unowned"}, "crowder"),
        ({"cause": "overflow", "remedy": "sender"}, "sender"),
        ({"cause": "overflow", "remedy": "sender", "from_team": "unowned"}, "queue"),
        ({"cause": "rejected"}, "receiver"),
        ({"cause": "receiver_down", "verdict": "stuck"}, "receiver"),
        ({"cause": "call_lost", "channel_team": None}, "receiver"),
        ({"cause": "publish_failed"}, "sender"),
        ({"cause": "unroutable"}, "queue"),
        ({"cause": "unroutable", "channel_team": "unowned"}, "sender"),
    ],
)
def test_who_can_prevent_it(row: dict[str, str | None], team: str) -> None:
    """Each cause's team, and the next one where that is unowned; then nobody needs to be asked."""
    assert held(**row) == (team, None)


@pytest.mark.parametrize(
    "row",
    [
        {"cause": "overflow", "channel_team": "unowned", "crowder_team": "unowned"},
        {"cause": "rejected", "to_team": "unowned"},
        {"cause": "rejected", "to_team": None},
        {"cause": "publish_failed", "from_team": "unowned"},
        {"cause": "unroutable", "channel_team": "unowned", "from_team": "unowned"},
        {"cause": "unknown"},
        {"cause": None, "verdict": "stuck"},
        {"cause": "overflow", "confidence": "suspected"},
    ],
)
def test_nobody_is_accountable_without_an_owner_or_a_cause(row: dict[str, str | None]) -> None:
    """Then somebody is to be asked instead, and never `unowned`."""
    team, ask = held(**row)
    assert team is None
    assert ask is not None
    assert not ask.startswith("unowned")


def test_whom_to_ask_first() -> None:
    """The channel's owner, the receiver's, the sender's; where all are unowned, that is said."""
    row: dict[str, str | None] = {"cause": "unknown"}
    assert held(**row)[1] == "queue: they own orders, where it was last seen to go"
    row["channel_team"] = "unowned"
    assert held(**row)[1] == "receiver: they own notify, which should have received it"
    row["to_team"] = None
    assert held(**row)[1] == "sender: they own trading, which sent it"
    row["from_team"] = "unowned"
    assert held(**row)[1] == "nobody: sender, channel and receiver are all unowned"


@pytest.mark.parametrize("verdict", ["delivered", "retried", "unobserved", "pending"])
def test_nobody_answers_for_what_was_not_lost(verdict: str) -> None:
    """Both are null unless dropped or stuck."""
    assert held(verdict=verdict, cause="overflow") == (None, None)


def expired(arrived: int, taken: int, **row: str) -> dict[str, object]:
    """The first row of a queue to which so many came and of which so many were taken while two expired."""
    told = [
        {**_OWNED, "cause": "expired" if number in {0, arrived - 1} else None, **row}
        | dict.fromkeys(SUBSCRIPTION, "x")
        | {"channel": "orders", "relation": "expected", "sent_ns": number, "evidence": ["waited"]}
        | {"first_ns": number if number < taken else None}
        for number in range(arrived)
    ]
    schema = {
        **dict.fromkeys((*_NAMES, "from_service", "to_service", "relation", *SUBSCRIPTION), pl.String),
        "sent_ns": pl.Int64,
        "first_ns": pl.Int64,
        "evidence": pl.List(pl.String),
    }
    rows = pl.DataFrame(told, schema=schema)
    return hold(rows, rows).row(0, named=True)


def test_what_expired_is_the_slow_receivers_or_the_queues() -> None:
    """The receiver's where half as many again came as it took, with the figures; else that of who limits the time."""
    assert expired(30, 20)["accountable_team"] == "receiver"
    assert expired(30, 21)["accountable_team"] == "queue"
    assert expired(19, 1)["accountable_team"] == "queue"
    assert expired(30, 20)["evidence"] == ["waited", "while messages expired 30 came and 20 were taken"]
    assert expired(19, 1)["evidence"] == ["waited"]


@pytest.mark.parametrize(("cause", "team"), [("broker_lost", "queue"), ("silent_stop", "sender")])
def test_who_answers_for_brokers_and_steps(cause: str, team: str) -> None:
    """The queue's owner runs it; the step's owner ended it."""
    assert held(cause=cause) == (team, None)
