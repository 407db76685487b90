"""`baton trust` over a recorded scenario, through the commands."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from baton.cli import main
from baton.schema import TRUST

if TYPE_CHECKING:
    from collections.abc import Callable

FIXTURE = Path(__file__).parents[2] / "fixtures" / "lost-confirmations"


def baton(*arguments: str) -> str:
    """What a command prints, once it has succeeded."""
    printed = io.BytesIO()
    with contextlib.redirect_stdout(io.TextIOWrapper(printed, encoding="utf-8", write_through=True)):
        assert main(list(arguments)) == 0
        return printed.getvalue().decode()


@pytest.fixture(scope="module")
def trust(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """`baton trust` of a store with the scenario in it."""
    store = str(tmp_path_factory.mktemp("trust") / "store")
    owners = ("--owners", str(FIXTURE / "ownership.yaml"))
    as_of = json.loads((FIXTURE / "expected.json").read_bytes())["as_of"]
    baton("load", str(FIXTURE / "traces.jsonl.gz"), "--store", store, *owners)
    return lambda *more: baton("trust", "--store", store, *owners, "--as-of", as_of, *more)


def test_every_format_tells_of_the_same_boundaries(trust: Callable[..., str]) -> None:
    """JSON holds every column; the table and Markdown name each of its boundaries."""
    rows = json.loads(trust("--format", "json"))
    assert rows
    assert all(list(row) == TRUST.names for row in rows)
    markdown = trust("--format", "markdown").splitlines()
    assert len(markdown) == len(rows) + 2
    table = trust()
    assert all(f"{row['accusable']:,} of {row['handoffs']:,}" in table for row in rows)


def test_a_team_and_a_window_narrow_it(trust: Callable[..., str]) -> None:
    """Only where the team sends, receives or owns the channel; nothing of a window without handoffs."""
    every = json.loads(trust("--format", "json"))
    team = next(row["to_team"] for row in every if row["to_team"])
    asked = json.loads(trust("--format", "json", "--team", team))
    assert asked == [row for row in every if team in (row["from_team"], row["to_team"], row["channel_team"])]
    assert json.loads(trust("--format", "json", "--until", "2001-01-01T00:00:00Z")) == []
    assert trust("--until", "2001-01-01T00:00:00Z").startswith("No boundary was crossed")
