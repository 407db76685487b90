"""`baton coverage` as people and programs read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest

from baton.reports import coverage
from baton.schema import COVERAGE, COVERED
from recording import LATER, ns

if TYPE_CHECKING:
    from collections.abc import Callable

    Golden = Callable[[str, str], None]

SHARES = pl.DataFrame(
    [
        ("spans", 9_990, 10_000, 0.999, None),
        ("services", 8, 12, 8 / 12, 0.999),
        ("channels", 19, 20, 0.95, 0.98),
        ("journeys", 0, 0, None, None),
    ],
    schema=COVERED.schema,
    orient="row",
)
PROD, DECLARED = ("default", "prod"), (None, None)
UNMATCHED = "no rule matches it; add it to what a team owns"
TOLD = [
    ("unowned_service", "service", *PROD, "legacy-batch", None, 7, ns(8), UNMATCHED),
    ("unowned_service", "service", "markets", "", "\x1b[31mred|alert\u202e", None, 1, ns(7), "a gray area of a and b"),
    ("unowned_channel", "channel", *PROD, "wealth.events", None, 1_200, ns(9), UNMATCHED),
    ("gray_area", "queue", *PROD, "notify-q", None, 0, ns(9), "queue notify-* -> a; queue *-q -> b: equal rank"),
    ("orphan", "channel", *PROD, "wealth.events", None, 1, ns(9), "trading (exec) to messages (sms)"),
    ("unreachable", "team", *DECLARED, "trading", None, 9_000, ns(9), "no escalation, no contact: say whom to wake"),
    ("stale", "service", *DECLARED, "old-*", "trading", 0, ns(0), "no span for 40 days: take it out"),
    ("unseen", "queues entry", *DECLARED, "new-q", None, 0, None, "no span in the 3.5 days that the store holds"),
    *(("conflict", "service", "default", "", f"s-{at:02}", "a", 0, ns(9), "overruled: b") for at in range(22)),
    ("note", "file", *DECLARED, "", None, 0, None, "catalog-info.yaml: kind Location is not used"),
]
ROWS = pl.DataFrame(TOLD, schema={**COVERAGE.schema, "last_seen": pl.Int64}, orient="row").cast(dict(COVERAGE.schema))
FOUND = coverage.Coverage(SHARES, ROWS, ns(0), ns(10), ns(LATER), 30, 45.25, 95.0)
CALM = coverage.Coverage(SHARES.filter(what="spans"), COVERAGE.empty(), None, None, ns(LATER), 30, 45.25, 95.0)
NONE = SHARES.with_columns(owned=0, total=0, share=None, traffic=None).cast(dict(COVERED.schema))
NOTHING = coverage.Coverage(NONE, COVERAGE.empty(), None, None, ns(LATER), 30, 0.0)

TERMINALS = {"coverage": FOUND, "coverage-calm": CALM, "coverage-empty": NOTHING}


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("name", TERMINALS)
def test_terminal(name: str, width: int, golden: Golden) -> None:
    """What a terminal of 80 or 120 columns shows is what was last read and approved, and no line is wider."""
    text = coverage.as_table(TERMINALS[name], width=width, color=False)
    assert max(map(len, text.splitlines())) <= width
    golden(f"{name}.{width}.txt", text)


@pytest.mark.parametrize(
    ("name", "write"), [("coverage.json", coverage.as_json), ("coverage.md", coverage.as_markdown)]
)
def test_file(name: str, write: Callable[[coverage.Coverage], str], golden: Golden) -> None:
    """What a file or a paste holds is what was last read and approved."""
    golden(name, write(FOUND))
