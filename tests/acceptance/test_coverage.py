"""`baton coverage` of a bank with planted gray areas, orphans and stale entries: exactly those are told."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2] / "fixtures" / "gray-areas"
EXPECTED: dict[str, Any] = json.loads((FOLDER / "expected.json").read_bytes())
PLANTED = EXPECTED["coverage"]
OWNERS = ("--owners", FOLDER / "ownership.yaml", "--owners", FOLDER / "catalog-info.yaml")

Row = dict[str, Any]


def baton(*arguments: str | Path, code: int = 0) -> str:
    """What a command prints that ends with this exit code."""
    done = subprocess.run([sys.executable, "-m", "baton", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def covered(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The answer of the day, which fails the check of a pipeline."""
    store = tmp_path_factory.mktemp("covered") / "store"
    baton("load", FOLDER / "traces.jsonl.gz", "--store", store, *OWNERS)
    baton("broker", "load", FOLDER / "broker.json", "--store", store, "--at", EXPECTED["facts_at"])
    day = ("--since", EXPECTED["since"], "--as-of", EXPECTED["as_of"])
    asked = ("coverage", "--store", store, *OWNERS, *day, "--min", "95", "--format", "json")
    answer: dict[str, Any] = json.loads(baton(*asked, code=1))
    return answer


def names(rows: list[Row]) -> list[str]:
    """Their names, sorted."""
    return sorted(row["name"] for row in rows)


def test_exactly_the_planted_gaps_are_told(covered: dict[str, Any]) -> None:
    """Unowned services and channels, gray areas with their claimants, and what lies between two owners."""
    assert names(covered["unowned_service"]) == PLANTED["unowned_services"]
    assert names(covered["unowned_channel"]) == sorted(["campaign.events", *PLANTED["orphaned_channels"]])
    assert names(covered["orphan"]) == PLANTED["orphaned_channels"]
    gray = {(row["kind"], row["name"]): row["detail"] for row in covered["gray_area"]}
    assert gray.keys() == {(one["kind"], one["name"]) for one in PLANTED["gray_areas"]}
    for one in PLANTED["gray_areas"]:
        assert all(f"-> {team}" in gray[one["kind"], one["name"]] for team in one["teams"])


def test_exactly_the_planted_stale_entries_are_told(covered: dict[str, Any]) -> None:
    """The day is not a month, and the store is: a service that is gone, and a pattern that matches nothing."""
    stale = [(row["owner"], f"{row['kind']}s", row["name"]) for row in covered["stale"]]
    assert sorted(stale) == sorted((one["team"], one["kind"], one["pattern"]) for one in PLANTED["stale"])
    assert covered["unseen"] == []


def test_exactly_the_planted_strays_are_told(covered: dict[str, Any]) -> None:
    """Owners whom nobody can wake, journeys without an owner, receives that nothing sent, sources that disagree."""
    assert names(covered["unreachable"]) == PLANTED["teams_without_escalation"]
    journeys = [(f"{one['service']} {one['span']}", one["journeys"]) for one in PLANTED["journeys_without_owner"]]
    assert [(row["name"], row["count"]) for row in covered["journey"]] == journeys
    unsent = [(f"{one['service']} from {one['queue']}", one["receipts"]) for one in PLANTED["received_but_not_sent"]]
    assert [(row["name"], row["count"]) for row in covered["unsent"]] == unsent
    assert names(covered["conflict"]) == ["ledger", "statement-service"]


def test_the_least_share_decides(covered: dict[str, Any]) -> None:
    """Channels fall short the most, then services; spans and journeys reach the minimum."""
    assert covered["met"] is False
    assert covered["short"] == ["channels", "services"]
