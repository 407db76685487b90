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


def test_gray_areas_are_nobodys_and_an_outsider_is_an_owner(rows: list[Row]) -> None:
    """What nobody owns or several claim is unowned; the external party answers for its own service."""
    coverage = _EXPECTED["coverage"]
    unowned = {row["channel"] for row in rows if row["channel_team"] == "unowned"}
    assert sorted(unowned) == coverage["unowned_channels"]
    teams = {row["to_service"]: row["to_team"] for row in rows} | {
        row["from_service"]: row["from_team"] for row in rows
    }
    assert sorted(service for service, team in teams.items() if team == "unowned") == coverage["unowned_services"]
    assert teams["check-validator"] == coverage["external_parties"][0]["name"]
    assert teams["fx-hub-eu"] == "payments"


def test_coverage_finds_what_was_planted_and_nothing_else(store: Path) -> None:
    """Gray areas, unowned, orphans, stale entries, silent teams, ownerless journeys, unsent receives, conflicts."""
    found = json.loads(_baton("coverage", *_asked(store), "--since", _EXPECTED["since"], "--format", "json"))
    expected = _EXPECTED["coverage"]

    def names(section: str) -> list[str]:
        return sorted(row["name"] for row in found[section])

    assert names("unowned_service") == expected["unowned_services"]
    assert names("unowned_channel") == expected["unowned_channels"]
    assert names("gray_area") == sorted(one["name"] for one in expected["gray_areas"])
    for gray in expected["gray_areas"]:
        (told,) = [row["detail"] for row in found["gray_area"] if row["name"] == gray["name"]]
        assert all(f"-> {team}" in told for team in gray["teams"])
    assert names("orphan") == expected["orphaned_channels"]
    stale = {(row["owner"], f"{row['kind']}s", row["name"]) for row in found["stale"]}
    assert stale == {(one["team"], one["kind"], one["pattern"]) for one in expected["stale"]}
    assert found["unseen"] == []
    assert names("unreachable") == expected["teams_without_escalation"]
    (journey,) = expected["journeys_without_owner"]
    assert [(row["name"], row["count"]) for row in found["journey"]] == [
        (f"{journey['service']} {journey['span']}", journey["journeys"])
    ]
    (unsent,) = expected["received_but_not_sent"]
    assert [(row["name"], row["count"]) for row in found["unsent"]] == [
        (f"{unsent['service']} from {unsent['queue']}", unsent["receipts"])
    ]
    conflicts = {(row["name"], row["owner"]) for row in found["conflict"]}
    assert conflicts == {(one["service"], one["wins"]) for one in _EXPECTED["conflicts"]}


def test_trust_says_where_baton_may_accuse(store: Path) -> None:
    """No, limited and yes on the channels where it is so by construction, with what blinds there."""
    rows = json.loads(_baton("trust", *_asked(store), "--since", _EXPECTED["since"], "--format", "json"))
    for word, channels in _EXPECTED["trust"].items():
        for channel, blind in channels.items():
            there = [row for row in rows if row["channel"] == channel]
            assert {row["may_accuse"] for row in there} == {word}, channel
            assert {one["blind"] for row in there for one in row["blinds"]} == ({blind} if blind else set()), channel


def test_the_map_shows_the_returns_the_cycles_and_the_single_points(store: Path) -> None:
    """Ping-pong by type and team, cycles between teams, what every critical journey passes."""
    asked = ("map", *_asked(store), "--since", _EXPECTED["since"], "--format", "json")
    review, expected = json.loads(_baton(*asked))["review"], _EXPECTED["map"]
    named = ("journey_type", "team", "via", "journeys")
    assert sorted(tuple(row[name] for name in named) for row in review["returns"]) == sorted(
        (one["journey_type"], one["team"], one["by_way_of"], one["journeys"]) for one in expected["ping_pong"]
    )
    assert [row["teams"] for row in review["cycles"]] == expected["cycles"]
    points = {(row["kind"], row["name"]) for row in review["points"]}
    kinds = ("channels", "queues", "services", "teams")
    single = expected["single_points"]
    assert points == {(kind.removesuffix("s"), name) for kind in kinds for name in single[kind]}
    assert all(sorted(row["journey_types"]) == single["journey_types"] for row in review["points"])


def test_lint_finds_the_seven_and_no_other(store: Path) -> None:
    """Rule, severity, queue and owner of each; errors make the exit code 1."""
    found = json.loads(_baton("lint", *_asked(store), "--format", "json", code=1))
    told = [{name: row[name] for name in ("rule", "severity", "queue", "owner")} for row in found]
    assert sorted(told, key=str) == sorted(_EXPECTED["lint"], key=str)
