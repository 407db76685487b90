"""`baton lint` over a real RabbitMQ that lost messages in known ways: what it finds is what was there, and no more."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import pytest

from baton.cli import main

RECORDINGS = Path(__file__).parents[3] / "shared" / "data" / "rabbitmq"
SCENARIOS = sorted(path.parent.name for path in RECORDINGS.glob("*/broker.json.gz"))
FACTS_AT = "2026-11-24T18:30:00Z"

pytestmark = pytest.mark.skipif(not SCENARIOS, reason="the recordings ../shared/data/rabbitmq are not here")

OWNERS = """
version: 1
teams:
  - name: trading
    owns: {services: [trading-service], channels: [trade.events]}
  - name: marketing
    owns: {services: [campaign-service], channels: [promo.events]}
  - name: notify
    owns: {services: [notification-service], queues: ["notifications*"]}
journey_types:
  - {name: trade, entry: {service: trading-service}, owner: trading, criticality: critical}
  - {name: promo, entry: {service: campaign-service}, owner: marketing, criticality: low}
"""

Row = dict[str, Any]
Found = set[tuple[str, str, str | None]]

SHARED = ("shared-bound", "warning", "notifications")
UNPARKED = ("bounded-without-dead-letter", "warning", "notifications")
REFUSING = ("bounded-without-dead-letter", "note", "notifications")
SILENT = ("no-confirms", "note", None)

BY_FILE: dict[str, Found] = {
    "a_drophead": {SHARED, UNPARKED, SILENT},
    "a_drophead_policy": {SHARED, UNPARKED, SILENT},
    "b_both_queues_fanout": {SHARED, REFUSING},
    "b_reject_confirms": {SHARED, REFUSING},
    "c_drophead_dlx": {SHARED, SILENT},
    "d_ttl": {("shared-bound", "note", "notifications"), SILENT},
    "e_alternate_exchange": {("no-consumer", "note", "unrouted"), SILENT},
    "e_unroutable_mandatory_confirm": {("unroutable", "warning", None)},
    "f_consumer_down": {("no-consumer", "warning", "notifications"), SILENT},
    "f_consumer_killed": {SILENT},
    "g_nack_dlx": {SILENT},
    "h_prio_drophead": {SHARED, UNPARKED, SILENT, ("priority-drop-head", "error", "notifications")},
    "i_separate": {
        ("bounded-without-dead-letter", "warning", "notifications.bulk"),
        ("bounded-without-dead-letter", "warning", "notifications.critical"),
        SILENT,
    },
    "m_aio_drophead": {SHARED, UNPARKED},
    "n_celery_links": {UNPARKED},
    "z_baseline": {SILENT},
}
"""What the broker's own file alone tells of each recording."""


def baton(*arguments: str, code: int = 0) -> str:
    """What a command prints, once it has ended with that exit code."""
    printed = io.BytesIO()
    with contextlib.redirect_stdout(io.TextIOWrapper(printed, encoding="utf-8", write_through=True)):
        assert main(list(arguments)) == code
        return printed.getvalue().decode()


def lint(*arguments: str, code: int = 0) -> list[Row]:
    """The rows that `baton lint --format json` prints."""
    rows: list[Row] = json.loads(baton("lint", "--format", "json", *arguments, code=code))
    return rows


def brief(rows: list[Row]) -> Found:
    """What is found, without its figures."""
    return {(row["rule"], row["severity"], row["queue"]) for row in rows}


def broker(scenario: str) -> str:
    """The recording's broker file."""
    return str(RECORDINGS / scenario / "broker.json.gz")


@pytest.fixture(scope="module")
def owners(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An ownership file that declares what is critical."""
    path = tmp_path_factory.mktemp("owners") / "ownership.yaml"
    path.write_text(OWNERS)
    return str(path)


def store(scenario: str, folder: Path) -> str:
    """A store with the recording's spans and facts."""
    path = str(folder / scenario)
    baton("load", str(RECORDINGS / scenario / "traces.jsonl.gz"), "--store", path)
    baton("broker", "load", broker(scenario), "--at", FACTS_AT, "--store", path)
    return path


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_file_alone(scenario: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a store the broker's word alone is checked, with the effective limit of policy and operator policy."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BATON_STORE", raising=False)
    code = int(any(severity == "error" for _, severity, _ in BY_FILE[scenario]))
    rows = lint("--definitions", broker(scenario), code=code)
    assert brief(rows) == BY_FILE[scenario]
    limits = {row["figures"]["messages_max"] for row in rows if row["rule"] == "shared-bound" and scenario != "d_ttl"}
    assert limits <= {40 if scenario == "a_drophead_policy" else 50}
    assert (scenario == "a_drophead_policy") == (limits == {40})


def test_a_shared_bound_with_the_traffic_that_shares_it(tmp_path: Path, owners: str) -> None:
    """Who shares the limit of 40, how many were lost to it; an error once somebody declares which flow is critical."""
    path = store("a_drophead_policy", tmp_path)
    shared, *_ = lint("--store", path)
    assert (shared["rule"], shared["severity"], shared["owner"]) == ("shared-bound", "warning", "unowned")
    # The same file beside the store stands for the store's facts: nothing else is found.
    for more in ([], ["--definitions", broker("a_drophead_policy")]):
        rows = lint("--store", path, "--owners", owners, *more, code=1)
        assert brief(rows) == {("shared-bound", "error", "notifications"), UNPARKED, SILENT}
        figures = rows[0]["figures"]
        assert (figures["messages_max"], figures["handoffs"], figures["lost"]) == (40, 860, 613)
        flows = {(one["service"], one["criticality"], one["handoffs"]) for one in figures["flows"]}
        assert flows == {("trading-service", "critical", 60), ("campaign-service", "low", 800)}
        assert rows[0]["owner"] == "notify"
    assert lint("--store", path, "--owners", owners, "--fail-on", "never") != []
    lint("--store", path, "--fail-on", "warning", code=1)


def test_the_priority_trap(tmp_path: Path, owners: str) -> None:
    """Priorities and drop-head: an error of its own, with what it cost."""
    rows = lint("--store", store("h_prio_drophead", tmp_path), "--owners", owners, code=1)
    (trap,) = [row for row in rows if row["rule"] == "priority-drop-head"]
    assert (trap["queue"], trap["figures"]["priorities"], trap["figures"]["lost"]) == ("notifications", 10, 603)


def test_a_queue_of_its_own_shares_nothing(tmp_path: Path, owners: str) -> None:
    """The critical queue of i_separate is bounded, and that is all that is said of it."""
    rows = lint("--store", store("i_separate", tmp_path), "--owners", owners)
    assert brief(rows) == BY_FILE["i_separate"]


def test_a_calm_broker_is_left_in_peace(tmp_path: Path, owners: str) -> None:
    """Nothing was lost in z_baseline and nothing bounds it: no error and no warning, in any form."""
    path = store("z_baseline", tmp_path)
    rows = lint("--store", path, "--owners", owners)
    assert brief(rows) == {SILENT}
    log = json.loads(baton("lint", "--store", path, "--format", "sarif"))
    assert [result["level"] for result in log["runs"][0]["results"]] == ["note"]


def test_what_the_spans_tell_beyond_the_broker(tmp_path: Path) -> None:
    """Expired messages are counted against the TTL, keys that no binding takes against who sent them."""
    rows = lint("--store", store("d_ttl", tmp_path), code=1)
    (ttl,) = [row for row in rows if row["rule"] == "ttl-below-tail"]
    assert (ttl["severity"], ttl["figures"]["ttl_ms"], ttl["figures"]["lost"]) == ("error", 300, 639)
    lost, _ = lint("--store", store("e_unroutable_mandatory_confirm", tmp_path), code=1)
    assert (lost["rule"], lost["severity"], lost["exchange"]) == ("unroutable", "error", "trade.events")
    assert lost["figures"] == {"handoffs": 20, "services": ["trading-service"], "routing_keys": []}


def test_without_facts_nothing_is_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A store that knows no broker, or no store, is an error of input: silence would look like a clean bill."""
    path = str(tmp_path / "store")
    baton("load", str(RECORDINGS / "n_celery_links" / "traces.jsonl.gz"), "--store", path)
    baton("lint", "--store", path, code=3)
    assert "nothing is known of any broker's queues" in capsys.readouterr().err
    baton("lint", "--store", str(tmp_path / "none"), "--definitions", broker("a_drophead"), code=3)
