"""A reorganisation at noon, through the commands: each loss is told to those who owned its places then."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from recording import Recording

if TYPE_CHECKING:
    from pathlib import Path

NOON = -8000.0
"""2026-09-21T12:00:00Z in a recording's seconds."""
BEFORE, AT, AFTER = NOON - 30, NOON, NOON + 30
OWNERS = """
teams:
  - {name: trade-desk, until: 2026-09-21T12:00:00Z, owns: {services: [trading], channels: [orders]}}
  - {name: trade-hub, from: 2026-09-21T12:00:00Z, owns: {services: [trading], channels: [orders]}}
  - name: messages
    owns: {services: [{name: notify, until: 2026-09-21T12:00:00Z}]}
external_parties:
  - name: mail-inc
    contract_owner: messages
    from: 2026-09-21T12:00:00Z
    owns: {services: [notify]}
"""


def baton(*arguments: str | Path) -> str:
    """What a command prints, once it has succeeded."""
    done = subprocess.run([sys.executable, "-m", "baton", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def handoffs(tmp_path_factory: pytest.TempPathFactory) -> dict[float, dict[str, Any]]:
    """One message a second around noon, taken half a second later, and two that never were; by when they were sent."""
    folder = tmp_path_factory.mktemp("reorganisation")
    recording = Recording()
    times = [NOON + second - 0.25 for second in range(-60, 60)]
    sends = recording.flow(sorted([*times, BEFORE, AFTER]), lost=[BEFORE, AFTER], wait=0.5)
    (folder / "spans.jsonl").write_bytes(recording.lines())
    (folder / "ownership.yaml").write_text(OWNERS, encoding="utf-8")
    asked = ("--store", folder / "store", "--owners", folder / "ownership.yaml")
    baton("load", folder / "spans.jsonl", *asked)
    rows = json.loads(baton("handoffs", *asked, "--format", "json"))
    told = {row["span_id"]: row for row in rows}
    return {at: told[send.id] for at, send in sends.items()}


def teams(row: dict[str, Any]) -> tuple[str, ...]:
    """Whose its sender, its channel and its receiver were."""
    return row["from_team"], row["channel_team"], row["to_team"]


def test_the_same_loss_is_told_to_other_teams(handoffs: dict[float, dict[str, Any]]) -> None:
    """Before noon the old owners send, own the channel and should have received; after it the new ones."""
    assert [handoffs[at]["verdict"] for at in (BEFORE, AFTER)] == ["dropped", "dropped"]
    assert teams(handoffs[BEFORE]) == ("trade-desk", "trade-desk", "messages")
    assert teams(handoffs[AFTER]) == ("trade-hub", "trade-hub", "mail-inc")


def test_a_message_over_noon_is_each_ends_own(handoffs: dict[float, dict[str, Any]]) -> None:
    """Sent before noon by the old owner and received after it by the new one."""
    assert teams(handoffs[AT - 0.25]) == ("trade-desk", "trade-desk", "mail-inc")
