from __future__ import annotations

from typing import Any

import polars as pl

from baton.findings.told import told
from named_owners import NamedOwners

OWNERS = NamedOwners(
    services={"trading": "trade", "notify": "messages", "audit": "risk"},
    channels={"orders": "platform"},
    queues={"orders.notify": "messages"},
)


def named(row: dict[str, Any], *, sender_team: str = "trade") -> dict[str, Any]:
    """A row told its names; its send is span 1, of the sender's team, its receipt span 2, of team `taker`."""
    schema = {
        **dict.fromkeys(("send", "row"), pl.UInt32),
        **dict.fromkeys(
            ("tenant", "environment", "service", "receiver", "channel", "place", "queue", "subscription"), pl.String
        ),
        "services": pl.List(pl.String),
        "sent_ns": pl.Int64,
    }
    rows = pl.DataFrame([{"send": 1, "service": "trading", "subscription": "s", **row}], schema=schema)
    found = told(rows, pl.Series(["another", sender_team, "taker"]), OWNERS)
    assert found.columns == [*schema, "from_team", "from_service", "to_service", "to_team", "channel_team"]
    return found.row(0, named=True)


def test_the_sender_is_the_spans_own_team() -> None:
    """An attribute may give a span another owner than its service: the span's counts."""
    row = named({}, sender_team="by attribute")
    assert (row["from_service"], row["from_team"]) == ("trading", "by attribute")


def test_a_receipt_names_the_receiver() -> None:
    """Who received it, and that span's own team, whoever else might have."""
    row = named({"row": 2, "receiver": "notify", "services": ["audit", "notify"]})
    assert (row["to_service"], row["to_team"]) == ("notify", "taker")


def test_without_a_receipt_all_that_might_have_are_named() -> None:
    """Every possible receiver, and each of their teams once."""
    row = named({"services": ["audit", "notify"]})
    assert (row["to_service"], row["to_team"]) == ("audit | notify", "messages | risk")
    assert named({"services": ["notify", "notify"]})["to_team"] == "messages"
    assert named({"services": ["stray"]})["to_team"] == "unowned"


def test_an_unknown_receiver_is_null() -> None:
    """Unknown is not unowned."""
    row = named({"subscription": None, "channel": "orders"})
    assert (row["to_service"], row["to_team"]) == (None, None)


def test_the_queues_owner_comes_before_the_channels() -> None:
    """Where the queue is known and owned; else the channel's owner; else unowned; of a call nobody."""
    assert named({"channel": "orders", "place": "orders.notify"})["channel_team"] == "messages"
    assert named({"channel": "orders", "place": "orders", "queue": "orders.notify"})["channel_team"] == "messages"
    assert named({"channel": "orders", "place": "bare.q"})["channel_team"] == "platform"
    assert named({"channel": "orders", "place": "unheard"})["channel_team"] == "platform"
    assert named({"channel": "orders"})["channel_team"] == "platform"
    assert named({"channel": "bare"})["channel_team"] == "unowned"
    assert named({})["channel_team"] is None


def test_rows_of_one_message_are_told_apart() -> None:
    """Two subscriptions of one send each get their own receivers, and no row is doubled."""
    rows = pl.DataFrame(
        {
            "send": [1, 1],
            "tenant": ["t"] * 2,
            "environment": [""] * 2,
            "sent_ns": [0, 0],
            "row": [None, None],
            "service": ["trading"] * 2,
            "receiver": [None, None],
            "channel": ["orders"] * 2,
            "place": [None, None],
            "queue": [None, None],
            "subscription": ["a", "b"],
            "services": [["notify"], ["audit"]],
        },
        schema_overrides={
            **dict.fromkeys(("send", "row"), pl.UInt32),
            **dict.fromkeys(("receiver", "place", "queue"), pl.String),
        },
    )
    found = told(rows, pl.Series("team", ["other", "trade"]), OWNERS).sort("subscription")
    assert found["to_team"].to_list() == ["messages", "risk"]
