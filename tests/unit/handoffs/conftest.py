from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from recording import ns

if TYPE_CHECKING:
    from collections.abc import Callable

_TEXT = ("tenant", "environment", "broker", "channel", "subscription", "relation", "service", "span_name")
_SCHEMA = {
    **dict.fromkeys((*_TEXT, "message_id", "correlation_id", "queue", "destination", "place"), pl.String),
    **dict.fromkeys(("partition", "routing_key", "receiver", "instance", "lane"), pl.String),
    **dict.fromkeys(("failure", "lapse", "silent_instance", "held_at", "proof", "blind_kind"), pl.String),
    **dict.fromkeys(
        ("failed", "returned", "lapsed", "tossed", "moved", "born", "awaited", "pressed", "live"), pl.Boolean
    ),
    **dict.fromkeys(("mended", "passed"), pl.Boolean),
    **dict.fromkeys(("send", "row", "deliveries", "unnamed_sent", "unnamed_received", "under"), pl.UInt32),
    **dict.fromkeys(("sent_ns", "first_ns", "received_ns", "deadline_at_ns", "overtaken_ns", "idle_ns"), pl.Int64),
    **dict.fromkeys(("open_ns", "silent_ns", "gap_from_ns", "gap_until_ns", "service_ns", "reorder_ns"), pl.Int64),
    **dict.fromkeys(("blind_from_ns", "blind_until_ns"), pl.Int64),
    **dict.fromkeys(("processing_ns", "before_ns", "before_sent_ns", "deadline_ns"), pl.Int64),
    **dict.fromkeys(("done_ns", "passed_until_ns", "again_due_ns", "redelivery_ns", "loss_from_ns"), pl.Int64),
    **dict.fromkeys(("randomness", "threshold", "unlisted", "lo_ns", "hi_ns", "duplicates"), pl.Int64),
    **dict.fromkeys(("home", "receiver_home", "busy_instance"), pl.String),
    **dict.fromkeys(("unsure", "unsampled", "again_well", "elsewhere", "tail"), pl.Boolean),
    **dict.fromkeys(("processing_margin", "span_loss", "missing_share", "estimate_low", "estimate_high"), pl.Float64),
    **dict.fromkeys(("well", "estimate_sends", "estimate_missing", "gap_beside"), pl.UInt32),
    "tail_services": pl.List(pl.String),
    "services": pl.List(pl.String),
}
_WAITING = {
    **dict.fromkeys(_TEXT, ""),
    "channel": "orders",
    "subscription": "notify at orders",
    "relation": "expected",
    "services": ["notify"],
    "sent_ns": ns(0),
    "deadline_at_ns": ns(30),
    "deadline_ns": 30_000_000_000,
    "service_ns": ns(900),
    "reorder_ns": 0,
    "processing_ns": 0,
    **dict.fromkeys(("failed", "returned", "tossed", "awaited", "pressed", "mended"), False),
    **dict.fromkeys(("unsure", "unsampled", "elsewhere", "tail"), False),
    **dict.fromkeys(("moved", "born", "live"), True),
    "randomness": 0,
    "threshold": 0,
    "home": "",
    "send": 1,
}


def _implied(row: dict[str, Any]) -> dict[str, Any]:
    overtaken_ns = row.get("overtaken_ns")
    return {
        "done_ns": row.get("received_ns"),
        "passed_until_ns": overtaken_ns,
        "passed": overtaken_ns is not None,
        "receiver_home": None if row.get("receiver") is None else "",
        "well": None if row.get("row") is None else int(not row.get("lapsed")),
    }


@pytest.fixture
def messages() -> Callable[..., pl.DataFrame]:
    """Makes a frame of one dict a message that waits (sent at 0, due at 30, its receiver heard at 900), but for it.

    `without` names the columns that the stage under test adds. A receipt ends as it begins, and what was overtaken was
    overtaken for good, unless a row says otherwise.
    """

    def make(*rows: dict[str, Any], without: tuple[str, ...] = ()) -> pl.DataFrame:
        told = [{**_WAITING, **_implied(row), **row} for row in rows]
        return pl.DataFrame(told, schema=_SCHEMA).drop(without)

    return make
