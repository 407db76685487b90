"""What `baton lint` shows of a small bank's broker, to people and programs; one queue's name is hostile."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from baton.lint.rules import every
from baton.reports import lint, sarif
from baton.schema import LINT

if TYPE_CHECKING:
    from collections.abc import Callable

    Golden = Callable[[str, str], None]

HOSTILE = "q|<b>\x1b[31m`rm -rf`\u202e"
AT = 1_790_000_000_000_000_000


def row(rule: str, severity: str, message: str, change: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - columns of LINT
    """A row of LINT."""
    place = {"tenant": "default", "environment": "prod", "broker": "rabbit:5672", "vhost": "/", "owner": "unowned"}
    return {"rule": rule, "severity": severity, "message": message, "change": change, "at": AT, **place, **more}


FLOWS = [
    {"service": "trading", "team": "trading", "channel": "trade.events", "criticality": "critical", "handoffs": 60},
    {"service": "campaigns", "team": "marketing", "channel": "promo.events", "handoffs": 800},
]
DANGERS = pl.DataFrame(
    [
        row(
            "shared-bound",
            "error",
            "notifications holds at most 40 messages (policy cap) and evicts the oldest at its limit (drop-head), and "
            "trading (60 over trade.events, critical trade-confirmation) shares it with campaigns (800 over "
            "promo.events, undeclared); 613 of 860 sent were turned away by it",
            "give trading over trade.events a queue of its own, with a limit of its own: then the others cannot crowd "
            "it out; `baton whatif` replays what it lost",
            queue="notifications",
            owner="notify",
            figures={"messages_max": 40, "overflow": "drop-head", "policy": "cap", "flows": FLOWS, "lost": 613},
        ),
        row(
            "unroutable",
            "error",
            "trading sent 20 messages to trade.audit under trade.amended: no binding takes that, and there is no "
            "alternate exchange",
            "bind a queue for it",
            exchange="trade.audit",
            figures={"handoffs": 20, "services": ["trading"], "routing_keys": ["trade.amended"]},
        ),
        row(
            "no-consumer",
            "warning",
            f"{HOSTILE} has no consumer, and 160 messages wait",
            "start its receiver",
            queue=HOSTILE,
            figures={"waiting": 160, "consumers": 0},
            environment=None,
        ),
        row(
            "no-confirms",
            "note",
            "of 860 messages published none was on a channel that waits for confirms",
            "publish with confirms",
            figures={"published": 860, "confirmed": 0},
            vhost=None,
            at=None,
        ),
    ],
    schema=LINT.schema,
)
NONE = LINT.empty()
RULES = [(rule.name, rule.severities.partition(",")[0], rule.finds) for rule in every()]


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize(("name", "frame"), [("lint", DANGERS), ("lint-calm", NONE)], ids=["lint", "calm"])
def test_terminal(name: str, frame: pl.DataFrame, width: int, golden: Golden) -> None:
    """What a terminal of 80 or 120 columns shows is what was last read and approved, and no line is wider."""
    text = lint.as_table(frame, width=width, color=False)
    assert max(map(len, text.splitlines())) <= width
    golden(f"{name}.{width}.txt", text)


FILES = {
    "lint.md": lambda: lint.as_markdown(DANGERS),
    "lint-calm.md": lambda: lint.as_markdown(NONE),
    "lint.json": lambda: lint.as_json(DANGERS),
    "lint.sarif": lambda: _masked(sarif.as_sarif(DANGERS, RULES, "broker/definitions.json")),
}


@pytest.mark.parametrize("name", FILES)
def test_file(name: str, golden: Golden) -> None:
    """What a file or a paste holds is what was last read and approved."""
    golden(name, FILES[name]())


def _masked(text: str) -> str:
    """The log with Baton's version, which changes with every release, and without the rules, which docs/lint.md has."""
    log = json.loads(text)
    driver = log["runs"][0]["tool"]["driver"]
    driver |= {"version": "0", "rules": driver["rules"][:1]}
    return json.dumps(log, indent=1) + "\n"
