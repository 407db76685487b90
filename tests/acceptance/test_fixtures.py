"""Each recorded scenario, through the commands: what comes out is what its expected.json says, no more and no less."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

_FIXTURES = [Path(__file__).parents[2] / "fixtures" / name for name in ("calm-day", "lost-confirmations")]
"""Recorded by the demo bank; `gray-areas` is another kind, and test_ownership_fixture.py's."""

_SIZE_BYTES_MAX = 300_000


def _baton(*arguments: str | Path) -> str:
    done = subprocess.run([sys.executable, "-m", "baton", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _asked(folder: Path, store: Path) -> tuple[str | Path, ...]:
    """The options of every question to a fixture's store."""
    as_of = json.loads((folder / "expected.json").read_bytes())["as_of"]
    return ("--store", store, "--owners", folder / "ownership.yaml", "--as-of", as_of)


@pytest.fixture(scope="module", params=_FIXTURES, ids=lambda path: path.name)
def fixture(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path, list[dict[str, Any]]]:
    """A scenario's folder, the store that its recording was loaded into, and the rows that Baton makes of it."""
    folder: Path = request.param
    store = tmp_path_factory.mktemp("store")
    _baton("load", folder / "traces.jsonl.gz", "--store", store, "--owners", folder / "ownership.yaml")
    rows = _baton("handoffs", *_asked(folder, store), "--format", "ndjson")
    return folder, store, [json.loads(line) for line in rows.splitlines()]


def test_every_sender_has_the_verdicts_of_the_ledger(fixture: tuple[Path, Path, list[dict[str, Any]]]) -> None:
    """Counts of each verdict by sending service, nothing beside them."""
    folder, _, rows = fixture
    verdicts: dict[str, Counter[str]] = {}
    for row in rows:
        verdicts.setdefault(row["from_service"], Counter())[row["verdict"]] += 1
    assert verdicts == json.loads((folder / "expected.json").read_bytes())["verdicts"]


def test_the_dropped_are_the_evicted_one_for_one(fixture: tuple[Path, Path, list[dict[str, Any]]]) -> None:
    """Not as many messages, but the very same."""
    folder, _, rows = fixture
    dropped = sorted(row["message_id"] for row in rows if row["verdict"] == "dropped")
    assert dropped == json.loads((folder / "expected.json").read_bytes())["dropped"]


def test_the_findings_are_the_expected_ones(fixture: tuple[Path, Path, list[dict[str, Any]]]) -> None:
    """Boundary, teams, verdict, cause, accountable team and count of each; each has one finding id."""
    folder, _, rows = fixture
    expected = json.loads((folder / "expected.json").read_bytes())["findings"]
    fields = [field for field in (expected[0] if expected else ()) if field != "count"]
    found = Counter(
        tuple(row[field] for field in (*fields, "finding_id")) for row in rows if row["finding_id"] is not None
    )
    assert sorted((*key[:-1], count) for key, count in found.items()) == sorted(
        (*(finding[field] for field in fields), finding["count"]) for finding in expected
    )


def test_each_finding_is_listed_told_and_made_a_work_list(fixture: tuple[Path, Path, list[dict[str, Any]]]) -> None:
    """`findings`, `finding` and `recover` agree with the rows; what was evicted and stands nowhere is sent again."""
    folder, store, rows = fixture
    asked = _asked(folder, store)
    listed = json.loads(_baton("findings", *asked, "--format", "json"))
    assert {one["finding_id"]: one["count"] for one in listed} == Counter(
        row["finding_id"] for row in rows if row["finding_id"] is not None
    )
    for finding in listed[:1]:
        name = finding["finding_id"][:8]
        assert _baton("finding", name, *asked).startswith(f"{finding['count']} of {finding['handoffs']} handoffs from")
        work = list(csv.DictReader(io.StringIO(_baton("recover", name, *asked))))
        lost = [row for row in rows if row["finding_id"] == finding["finding_id"]]
        assert [row["message_id"] for row in work] == [row["message_id"] for row in lost]
        assert {row["replay"] for row in work} == {"yes"}
        assert all(row["keys"] == f"trade.id={row['correlation_id']}" for row in work)
        assert len({row["customer"] for row in work}) == finding["customers"]
        money = {one["currency"]: Decimal(one["amount"]) for one in finding["amounts"]}
        told = {code: sum(Decimal(row["amount"]) for row in work if row["currency"] == code) for code in money}
        assert money == told


def test_a_fixture_is_small_and_explained(fixture: tuple[Path, Path, list[dict[str, Any]]]) -> None:
    """Under 300 KB, with a WHY.md."""
    folder, _, _ = fixture
    assert sum(file.stat().st_size for file in folder.iterdir()) < _SIZE_BYTES_MAX
    assert (folder / "WHY.md").read_text()
