"""The map and who, through the commands, of a recorded incident."""

from __future__ import annotations

import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from datetime import datetime, timedelta
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "fixtures" / "lost-confirmations"
EXPECTED = json.loads((FOLDER / "expected.json").read_bytes())
AS_OF = datetime.fromisoformat(EXPECTED["as_of"])
REORGANISED = f"{AS_OF + timedelta(days=2):%Y-%m-%d}"
OWNERS = f"""
version: 1
teams:
  - name: old-desk
    until: {REORGANISED}
    owns: {{services: [trade-execution]}}
  - name: new-desk
    from: {REORGANISED}
    owns: {{services: [trade-execution]}}
"""


def _baton(*arguments: str | Path) -> str:
    done = subprocess.run([sys.executable, "-m", "baton", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of the incident's recording."""
    folder = tmp_path_factory.mktemp("map")
    _baton("load", FOLDER / "traces.jsonl.gz", "--store", folder / "store", "--owners", FOLDER / "ownership.yaml")
    (folder / "owners.yaml").write_text(OWNERS)
    return folder / "store"


def test_the_map_holds_every_handoff(store: Path) -> None:
    """Of each verdict as many as the ledger has, in JSON; GraphML has the same nodes; the review names the loss."""
    asked = ("--store", store, "--owners", FOLDER / "ownership.yaml", "--as-of", EXPECTED["as_of"])
    drawn = json.loads(_baton("map", *asked, "--format", "json"))
    dropped = sum(counts.get("dropped", 0) for counts in EXPECTED["verdicts"].values())
    assert sum(edge["dropped"] for edge in drawn["edges"]) == dropped
    worst = drawn["review"]["weights"][0]
    assert (worst["from_team"], worst["to_team"], worst["channel"]) == ("trading", "notifications", "wealth.events")
    assert worst["critical_lost"] == EXPECTED["verdicts"]["trade-execution"]["dropped"]
    root = ET.fromstring(_baton("map", *asked, "--format", "graphml").encode())  # noqa: S314 - Baton wrote it
    assert len(list(root.iter("{http://graphml.graphdrawing.org/xmlns}node"))) == len(drawn["nodes"])


@pytest.mark.parametrize(("days", "owner"), [(0, "old-desk"), (3, "new-desk")])
def test_who_owned_it_then(store: Path, days: int, owner: str) -> None:
    """A service is its owner's of that time, and the rule that does not hold then is told as such."""
    then = (AS_OF + timedelta(days=days)).isoformat()
    asked = ("--store", store, "--owners", store.parent / "owners.yaml", "--as-of", then)
    (thing,) = json.loads(_baton("who", "trade-execution", *asked, "--format", "json"))["things"]
    assert thing["party"]["name"] == owner
    assert [rule["outcome"] for rule in thing["verdicts"][0]["rules"]] == ["decides", "lapsed"]
    assert thing["teams"] == [["old-desk", thing["figures"]["handled"] * 2]]
    assert "does not hold at that time" in _baton("who", "trade-execution", *asked, "--explain")
