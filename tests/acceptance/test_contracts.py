"""Contracts over recordings of a real RabbitMQ, through the command line: what a bank would see."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from baton.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable

RECORDINGS = Path(__file__).parents[3] / "shared" / "data" / "rabbitmq"

pytestmark = pytest.mark.skipif(not RECORDINGS.is_dir(), reason="the recordings ../shared/data/rabbitmq are not here")

OWNERS = """
teams:
  - {name: trading, owns: {services: [trading-service], channels: [trade.events]}}
  - {name: marketing, owns: {services: [campaign-service], channels: [promo.events]}}
  - {name: notifications, owns: {services: [notification-service]}}
  - {name: messaging, owns: {queues: ["notif*"]}}
"""
CONTRACTS = """
contracts:
  - name: trades
    sender: trading-service
    channel: trade.events
    receivers: [notification-service]
    escalation: ["#trading", head-of-trading]
    clauses: {loss: 1%, isolation: required, dead_letter: required, deadline: 5s, retries: {attempts: 3}}
"""


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A recording's store, with its spans and its broker's word; each is loaded once."""
    folder = tmp_path_factory.mktemp("contracts")

    def store(scenario: str) -> Path:
        path = folder / scenario
        if not path.exists():
            given = RECORDINGS / scenario
            assert main(["load", str(given / "traces.jsonl.gz"), "--store", str(path)]) == 0
            at = ["--at", "2026-01-01"]
            assert main(["broker", "load", str(given / "broker.json.gz"), "--store", str(path), *at]) == 0
            (path / "ownership.yaml").write_text(OWNERS)
        return path

    return store


def checked(
    store: Path, contracts: str, folder: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> tuple[int, dict[str, dict[str, Any]]]:
    """The exit code of `baton contracts check`, and its rows by clause."""
    file = folder / "contracts.yaml"
    file.write_text(contracts)
    capfdbinary.readouterr()
    code = main(["contracts", "check", "--store", str(store), "--contracts", str(file), "--format", "json"])
    rows = json.loads(capfdbinary.readouterr().out)
    return code, {row["clause"]: row for row in rows}


@pytest.mark.parametrize(
    ("scenario", "code", "verdicts"),
    [
        (
            "a_drophead",
            1,
            {"loss": "breached", "isolation": "breached", "dead_letter": "breached", "retries": "unproven"},
        ),
        (
            "z_baseline",
            1,
            {"loss": "holds", "isolation": "holds", "dead_letter": "breached", "deadline": "holds"},
        ),
        ("i_separate", 1, {"loss": "holds", "isolation": "holds", "deadline": "holds"}),
        ("b_reject_confirms", 1, {"loss": "breached", "retries": "breached"}),
    ],
)
def test_recordings(
    scenario: str,
    code: int,
    verdicts: dict[str, str],
    stores: Callable[[str], Path],
    tmp_path: Path,
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    """A full queue breaks loss and isolation; a queue of its own holds both; refused and not retried breaks retries."""
    exited, rows = checked(stores(scenario), CONTRACTS, tmp_path, capfdbinary)
    assert {clause: rows[clause]["verdict"] for clause in verdicts} == verdicts
    assert exited == code


def test_who_answers_with_exemplars(
    stores: Callable[[str], Path], tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """Of the messages that the full queue evicted its owner is accountable, and traces show it."""
    _, rows = checked(stores("a_drophead"), CONTRACTS, tmp_path, capfdbinary)
    loss = rows["loss"]
    assert (loss["accountable_team"], loss["owner"], loss["escalation"]) == (
        "messaging", "trading", ["#trading", "head-of-trading"],
    )  # fmt: skip
    assert (loss["judged"], loss["breaches"], len(loss["exemplars"])) == (60, 27, 5)
    assert main(["journey", loss["exemplars"][0], "--store", str(stores("a_drophead"))]) == 0


def test_a_draft_is_checked(
    stores: Callable[[str], Path], tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """What is drafted of a recording is no breach of it; a file that is there is not written over."""
    store, file = str(stores("a_drophead")), tmp_path / "drafted.yaml"
    assert main(["contracts", "draft", "--store", store, "--output", str(file)]) == 0
    assert main(["contracts", "check", "--store", store, "--contracts", str(file), "--format", "markdown"]) == 0
    assert main(["contracts", "draft", "--store", store, "--output", str(file)]) == 2
    assert b"is there already" in capfdbinary.readouterr().err


def test_a_contract_s_deadline_is_the_handoff_s(
    stores: Callable[[str], Path], tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """`baton handoffs` judges by the contract, or by AsyncAPI where there is no other word."""
    store, file = str(stores("z_baseline")), tmp_path / "asyncapi.yaml"
    file.write_text(
        "asyncapi: 3.0.0\ninfo: {title: Trading Service}\nchannels: {t: {address: trade.events}}\n"
        "operations: {send: {action: send, channel: {$ref: '#/channels/t'}, x-baton: {clauses: {deadline: 1ms}}}}\n"
    )
    capfdbinary.readouterr()
    assert main(["handoffs", "--store", store, "--contracts", str(file), "--format", "ndjson"]) == 0
    rows = [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()]
    late = {row["channel"] for row in rows if row["late"]}
    assert late == {"trade.events"}
