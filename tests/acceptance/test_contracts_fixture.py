"""The bank with planted breaches: `baton contracts check` finds exactly those, and nothing where all is sound."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from baton.cli import main

if TYPE_CHECKING:
    import pytest

BANK = Path(__file__).parents[2] / "fixtures" / "gray-areas"


def agrees(row: dict[str, Any], planted: dict[str, Any]) -> bool:
    """Whether a row says what was planted."""
    return (
        row["verdict"] == planted["verdict"]
        and row["breaches"] == planted.get("breaches", row["breaches"])
        and row["accountable_team"] in planted.get("accountable", [row["accountable_team"]])
    )


def test_the_planted_breaches(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """Each clause of contracts.yaml and of the AsyncAPI document is as planted; files are found by baton.toml."""
    expected = json.loads((BANK / "expected.json").read_text())
    store = tmp_path / "store"
    assert main(["load", str(BANK / "traces.jsonl.gz"), "--store", str(store)]) == 0
    facts = ["broker", "load", str(BANK / "broker.json"), "--store", str(store), "--at", expected["facts_at"]]
    assert main(facts) == 0
    files = [json.dumps(str(BANK / name)) for name in ("ownership.yaml", "contracts.yaml", "asyncapi.yaml")]
    (store / "baton.toml").write_text(f"owners = {files[0]}\ncontracts = [{files[1]}, {files[2]}]\n")
    capfdbinary.readouterr()
    check = ["contracts", "check", "--store", str(store), "--as-of", expected["as_of"], "--format", "json"]
    assert main(check) == 1
    printed = capfdbinary.readouterr()
    rows = {(row["contract"], row["clause"].split()[0]): row for row in json.loads(printed.out)}
    planted = {(one["contract"], one["clause"]): one for one in expected["contracts"]}
    assert rows.keys() == planted.keys()
    wrong = [(one, rows[key]) for key, one in planted.items() if not agrees(rows[key], one)]
    assert wrong == []
    assert all(row["exemplars"] for row in rows.values() if row["verdict"] == "breached")
    assert b"asyncapi.yaml: not used: " in printed.err
