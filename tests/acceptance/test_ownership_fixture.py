"""A bank of twenty services with planted gray areas, orphans, stale entries and breaches: exactly those are found."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gray.day import run
from gray.record import made

if TYPE_CHECKING:
    from collections.abc import Sequence

_FOLDER = Path(__file__).parents[2] / "fixtures" / "gray-areas"
_EXPECTED: dict[str, Any] = json.loads((_FOLDER / "expected.json").read_bytes())
_OWNERS = ("--owners", _FOLDER / "ownership.yaml", "--owners", _FOLDER / "catalog-info.yaml")
_SIZE_BYTES_MAX = 1_000_000

Row = dict[str, Any]


def _baton(*arguments: str | Path, code: int = 0) -> str:
    done = subprocess.run([sys.executable, "-m", "baton", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return done.stdout


def _asked(store: Path) -> Sequence[str | Path]:
    return ("--store", store, *_OWNERS, "--as-of", _EXPECTED["as_of"])


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recording and what the broker said at the end of the day, loaded."""
    store = tmp_path_factory.mktemp("gray") / "store"
    _baton("load", _FOLDER / "traces.jsonl.gz", "--store", store, *_OWNERS)
    _baton("broker", "load", _FOLDER / "broker.json", "--store", store, "--at", _EXPECTED["facts_at"])
    return store


@pytest.fixture(scope="module")
def rows(store: Path) -> list[Row]:
    """All handoffs."""
    return [json.loads(line) for line in _baton("handoffs", *_asked(store), "--format", "ndjson").splitlines()]


def test_the_simulator_makes_the_very_files() -> None:
    """Recording, broker facts and what is expected come out of the seed, byte for byte."""
    files = made(run())
    assert gzip.decompress((_FOLDER / "traces.jsonl.gz").read_bytes()) == files.pop("traces.jsonl")
    for name, content in files.items():
        assert (_FOLDER / name).read_bytes() == content


def test_the_fixture_is_small_and_explained() -> None:
    """Under 1 MB, with a WHY.md."""
    assert sum(file.stat().st_size for file in _FOLDER.iterdir()) < _SIZE_BYTES_MAX
    assert (_FOLDER / "WHY.md").read_text()


def test_the_bank_is_as_large_as_it_says() -> None:
    """At least 12 services, 8 channels and 6 teams."""
    assert len({row["from_service"] for row in _spans()}) >= 12
    assert len(set(_EXPECTED["verdicts"]) - {"calls"}) >= 8


def _spans() -> list[Row]:
    """Service of each export request."""
    lines = gzip.decompress((_FOLDER / "traces.jsonl.gz").read_bytes()).splitlines()
    resources = [json.loads(line)["resourceSpans"][0]["resource"]["attributes"] for line in lines]
    return [{"from_service": resource[0]["value"]["stringValue"]} for resource in resources]


def test_every_channel_has_the_verdicts_of_the_ledger(rows: list[Row]) -> None:
    """Counts of each verdict by channel, nothing beside them."""
    verdicts: dict[str, Counter[str]] = {}
    for row in rows:
        verdicts.setdefault(row["channel"] or "calls", Counter())[row["verdict"]] += 1
    assert verdicts == _EXPECTED["verdicts"]


def test_the_lost_are_the_ledgers_with_cause_and_team(rows: list[Row]) -> None:
    """Message by message: channel, cause, and who is accountable; the reorganisation at noon decides some of them."""
    named = ("message_id", "channel", "cause", "accountable_team")
    lost = [{name: row[name] for name in named} for row in rows if row["verdict"] == "dropped"]
    assert sorted(lost, key=lambda row: row["message_id"]) == _EXPECTED["dropped"]
    moved = _EXPECTED["reorganisation"]
    teams = Counter(row["accountable_team"] for row in lost if row["cause"] == moved["cause"])
    assert teams == {moved[when]["team"]: moved[when]["count"] for when in ("before", "after")}


def test_an_orphan_a_gray_area_and_an_outsider_are_owned_as_declared(rows: list[Row]) -> None:
    """Channels that nobody owns or two teams claim are unowned; the external party answers for its own service."""
    coverage = _EXPECTED["coverage"]
    nobodys = {*coverage["orphaned_channels"], *(one["name"] for one in coverage["gray_areas"])}
    assert {row["channel_team"] for row in rows if row["channel"] in nobodys} == {"unowned"}
    teams = {row["to_service"]: row["to_team"] for row in rows}
    unowned = {*coverage["unowned_services"], *(one["name"] for one in coverage["gray_areas"])}
    assert {service for service, team in teams.items() if team == "unowned"} == unowned & teams.keys()
    assert teams["check-validator"] == coverage["external_parties"][0]["name"]
    assert teams["fx-hub-eu"] == "payments"
