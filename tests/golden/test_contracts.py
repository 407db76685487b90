"""`baton contracts check` and `draft` as people see them: one of each verdict, and names that would obey a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from baton.contracts.check import check
from baton.contracts.draft import draft
from baton.reports import contracts, rows
from promises import call, contract, ids, known, sent, traffic

if TYPE_CHECKING:
    from collections.abc import Callable

    Golden = Callable[[str, str], None]

TRAFFIC = traffic(
    *sent(310, accountable_team="platform"),
    *({"at": 320 + at, "took": None, "accountable_team": "platform"} for at in range(7)),
    *({**call(), "at": at, "failed": at > 35, "took": None if at > 35 else 0.1} for at in range(40)),
    *sent(30, service="evil\x1b[31m", channel="| _x_ | <b>", to_team="unowned"),
)
AGREED = (
    contract(
        {"deadline": "2s", "loss": "1%", "latency": {"p99": "800ms"}, "idempotent": "true", "dead_letter": "required"},
        name="trade-confirmations",
        receivers=["notify"],
        owner="trade",
        escalation={"path": ["#trade", "head-of-trade"]},
    ),
    contract({"circuit_breaking": {"failures": "3", "window": "10s", "pause": "30s"}}, name="settle", call="POST *"),
    contract({"loss": "0"}, name="evil | <b>", sender="evil*", channel="*"),
    contract({"deadline": "1s"}, name="silent", channel="nothing.here"),
)
FOUND = check(TRAFFIC, AGREED, known([{"name": "sms-q"}]), ids)
NOTES = ("asyncapi.yaml: not used: components.schemas (2), servers", "settle: its owner \x1b[1mx is no team")
EMPTY = check(TRAFFIC, (), known(), ids)

TERMINALS = {
    "contracts": lambda **screen: contracts.as_table(FOUND, NOTES, **screen),
    "contracts-none": lambda **screen: contracts.as_table(EMPTY, (), **screen),
}
FILES = {
    "contracts.md": lambda: contracts.as_markdown(FOUND, NOTES),
    "contracts-none.md": lambda: contracts.as_markdown(EMPTY, ()),
    "contracts.json": lambda: rows.as_json(FOUND),
    "contracts-draft.yaml": lambda: draft(TRAFFIC, AGREED[:1], known([{"name": "sms-q"}]))[0],
}


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("name", TERMINALS)
def test_terminal(name: str, width: int, golden: Golden) -> None:
    """What a terminal of 80 or 120 columns shows is what was last read and approved, and no line is wider."""
    text = TERMINALS[name](width=width, color=False)
    assert max(map(len, text.splitlines())) <= width
    golden(f"{name}.{width}.txt", text)


@pytest.mark.parametrize("name", FILES)
def test_file(name: str, golden: Golden) -> None:
    """What a file or a paste holds is what was last read and approved."""
    golden(name, FILES[name]())
