"""`baton trust`, as people see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from baton.reports import rows, trust
from baton.reports.times import parse
from baton.schema import TRUST

if TYPE_CHECKING:
    from collections.abc import Callable

    Golden = Callable[[str, str], None]

AS_OF_NS = parse("2025-03-14T09:40:00Z", 0)

_ROW: dict[str, Any] = {
    "kind": "message",
    "tenant": "default",
    "environment": "production",
    "from_team": "trading",
    "to_team": "notifications",
    "channel": "wealth.events",
    "channel_team": "messaging",
    "may_accuse": "yes",
    "reasons": [],
    "handoffs": 1200,
    "accusable": 1200,
    "received": 1173,
    "context": 0.9775,
    "links": 0.0,
    "message_ids": 0.0,
    "correlation_ids": 0.0,
    "send_message_ids": 1.0,
    "send_correlation_ids": 0.0,
    "counters": False,
    "deadline": "learned",
    "learned_from": 1173,
    "blinds": [],
    "as_of": AS_OF_NS,
}


def frame(*told: dict[str, Any]) -> pl.DataFrame:
    """TRUST of these rows, each told by how it differs from one where nothing is wrong."""
    as_told = {**TRUST.schema, "facts_at": pl.Int64(), "as_of": pl.Int64()}
    return pl.DataFrame([{**_ROW, **row} for row in told], schema=as_told).cast(TRUST.schema)


BANK = frame(
    {
        "from_team": "unowned",
        "from_service": "legacy|batch\x1b[31m",
        "to_team": None,
        "channel": "deposits_in",
        "channel_team": "unowned",
        "may_accuse": "no",
        "reasons": ["310 of 310 handoffs: nobody was ever seen to receive from queue deposits_in"],
        "mend": "instrument the consumer of queue deposits_in: process spans under the context of the message headers",
        "handoffs": 310,
        "accusable": 0,
        "received": 0,
        "context": 0.0,
        "deadline": None,
        "learned_from": 0,
        "facts_at": parse("2025-03-14T09:35:00Z", 0),
        "blinds": [{"blind": "uninstrumented receiver", "handoffs": 310}],
    },
    {
        "to_team": "settlement",
        "may_accuse": "limited",
        "reasons": [
            "116 of 1,000 handoffs: the telemetry of settlement ended about when the receipt was due",
            "884 of 1,000 handoffs: settlement names no instance: that one of several fell silent is not seen",
        ],
        "mend": "settlement: shut the TracerProvider down on exit, so that the last spans are exported",
        "mend_team": "settlement",
        "handoffs": 1000,
        "accusable": 884,
        "received": 884,
        "context": 0.5,
        "message_ids": 0.3835,
        "correlation_ids": 0.0004,
        "learned_from": 884,
        "blinds": [{"blind": "silent instance", "handoffs": 116}],
    },
    {"facts_at": parse("2025-03-14T09:39:55Z", 0), "counters": True, "context": 0.9997},
    {
        "kind": "call",
        "from_team": "web",
        "to_team": "ledger",
        "channel": None,
        "channel_team": None,
        "context": 1.0,
        "send_message_ids": None,
        "send_correlation_ids": None,
        "deadline": None,
    },
)

FILES = {
    "trust.md": lambda: trust.as_markdown(BANK),
    "trust.json": lambda: rows.as_json(BANK),
}


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize(("name", "told"), [("trust", BANK), ("trust-empty", TRUST.empty())])
def test_terminal(name: str, told: pl.DataFrame, width: int, golden: Golden) -> None:
    """What a terminal of 80 or 120 columns shows is what was last read and approved, and no line is wider."""
    text = trust.as_table(told, width=width, color=False)
    assert max(map(len, text.splitlines())) <= width
    golden(f"{name}.{width}.txt", text)


def test_places_of_the_same_names_are_told_apart() -> None:
    """Where boundaries lie in several environments or tenants, each says in which; else none does."""
    text = trust.as_table(frame({}, {"environment": ""}), width=120, color=False)
    assert "over wealth.events (messaging), environment production" in text
    assert "over wealth.events (messaging), environment (none)" in text
    assert "tenant" not in text


@pytest.mark.parametrize("name", FILES)
def test_file(name: str, golden: Golden) -> None:
    """What a file or a paste holds is what was last read and approved."""
    golden(name, FILES[name]())
