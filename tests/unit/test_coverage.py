"""`baton coverage` over a store with planted faults, through the command line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from baton import cli
from baton.limits import DAY_NS
from baton.reports.times import rfc3339
from baton.store.writer import Writer
from recording import LATER, SECOND, Recording, Span, ns

if TYPE_CHECKING:
    from pathlib import Path

DAY = DAY_NS / SECOND
OWNERS = """
teams:
  - name: trade
    escalation: "#trade"
    owns: {services: [trading, "pay-*", old-batch], attributes: {app.domain: trading}}
  - name: messages
    owns: {services: [notify, "*-all"], queues: [sms-q]}
external_parties:
  - {name: outside, contract_owner: trade, escalation: desk, owns: {http_routes: ["/partner/*"]}}
journey_types:
  - {name: purchase, entry: {service: trading, span: buy}, owner: trade, steps: [{service: nobody}]}
  - {name: never, entry: {service: trading, span: sell}, owner: trade}
channels: [{name: gone, deadline: 2s}]
"""


def bank() -> Recording:
    """A declared journey, orphaned orders, a gray service, a strange one, a receipt of nothing, an old batch."""
    recording = Recording()
    for at in range(12):
        recording.span("old-batch", at - 40 * DAY)
    entry = recording.span("trading", 0, "buy")
    receive = recording.receive(at=0.2, under=recording.send(at=0.1, under=entry))
    recording.receive("gateway", 0.4, "sms-q", under=recording.send("notify", 0.3, "sms", under=receive))
    recording.flow(range(1, 6))
    recording.span("pay-all", 7)
    recording.receive("notify", 8, "afar", under=Span("f" * 32, "f" * 16))
    recording.send("trading", 9, "orders", tenant="markets")
    return recording


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The options that name the bank and its owners."""
    folder = tmp_path_factory.mktemp("covered")
    (folder / "owners.yaml").write_text(OWNERS)
    with Writer(folder / "store") as writer:
        writer.append(bank().frame(), None)
    as_of = ["--as-of", rfc3339(ns(LATER))]
    return ["--store", str(folder / "store"), "--owners", str(folder / "owners.yaml"), *as_of]


def told(capsys: pytest.CaptureFixture[str], code: int, *arguments: str) -> dict[str, Any]:
    """The answer as JSON, of a command that exits with that code."""
    assert cli.main(["coverage", *arguments, "--format", "json"]) == code
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


def named(rows: list[dict[str, Any]]) -> dict[tuple[str, str], int]:
    """How much of each kind and name."""
    return {(row["kind"], row["name"]): row["count"] for row in rows}


def test_the_planted_faults_are_found(asking: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Exactly those, each in its section."""
    answer = told(capsys, 0, *asking, "--tenant", "default")
    assert named(answer["unowned_service"]) == {("service", "gateway"): 1, ("service", "pay-all"): 1}
    assert named(answer["unowned_channel"]) == {("channel", "orders"): 6}
    assert named(answer["gray_area"]) == {("service", "pay-all"): 1}
    assert named(answer["orphan"]) == {("channel", "orders"): 6}
    assert named(answer["journey"]) == {("journey", "trading send"): 5}
    assert named(answer["unsent"]) == {("receive", "notify from afar"): 1}
    assert named(answer["unreachable"]) == {("team", "messages"): 8}
    assert set(named(answer["stale"])) == {
        ("service", "old-batch"),
        ("attribute", "app.domain=trading"),
        ("HTTP route", "/partner/*"),
        ("journey type", "never: trading sell"),
        ("journey step", "purchase: nobody *"),
        ("channels entry", "gone *"),
    }
    assert (answer["unseen"], answer["conflict"], answer["note"]) == ([], [], [])
    assert {what: (one["owned"], one["total"]) for what, one in answer["shares"].items()} == {
        "spans": (27, 29),
        "services": (3, 5),
        "channels": (1, 2),
        "journeys": (1, 6),
    }


def test_tenants_count_apart(asking: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A name of two tenants is two; of one alone nothing of the other's shows, though the file is of both."""
    both = told(capsys, 0, *asking)
    assert [row["tenant"] for row in both["unowned_channel"]] == ["default", "markets"]
    alone = told(capsys, 0, *asking, "--tenant", "markets")
    assert alone["shares"]["spans"] == {"owned": 1, "total": 1, "share": 1.0, "traffic": None}
    assert {row["tenant"] for row in alone["unowned_channel"]} == {"markets"}
    assert "no span of tenant markets" in alone["unseen"][0]["detail"]


def test_what_is_stale_is_asked_of_the_whole_store(asking: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Shares are of the window, and what was last seen before it is not forgotten."""
    answer = told(capsys, 0, *asking, "--since", "2026-09-21", "--tenant", "default", "--stale-days", "41")
    assert answer["shares"]["spans"]["total"] == 17
    assert ("service", "old-batch") not in named(answer["stale"]) | named(answer["unseen"])
    assert ("channels entry", "gone *") in named(answer["unseen"])


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--min", "10"], 0, ""),
        (["--min", "95"], 1, "baton: below 95 %: journeys "),
        (["--min", "0", "--since", "2026-09-22"], 1, "baton: unproven: no span began in this window"),
        (["--since", "2026-09-22"], 0, ""),
        (["--min", "101"], 2, "baton: Invalid value for '--min'"),
        (["--min", "nan"], 2, "baton: Invalid value for '--min': nan is no number"),
    ],
)
def test_a_pipeline_reads_the_exit_code(
    asking: list[str], capsys: pytest.CaptureFixture[str], options: list[str], code: int, said: str
) -> None:
    """1 below the minimum, and where nothing can prove it; what fell short is told on standard error."""
    assert cli.main(["coverage", *asking, *options]) == code
    assert capsys.readouterr().err.startswith(said)


def test_people_read(asking: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A table by default, and Markdown for a ticket."""
    assert cli.main(["coverage", *asking]) == 0
    assert capsys.readouterr().out.startswith("Ownership coverage, all of the store, as of 2026-09-21 14:30:00 UTC\n")
    assert cli.main(["coverage", *asking, "--format", "markdown"]) == 0
    assert "| channel | default |  | orders |" in capsys.readouterr().out


def test_without_owners_all_is_unowned(
    asking: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is owned then, and nothing gray, orphaned or stale."""
    monkeypatch.chdir(tmp_path)
    store, as_of = asking[:2], asking[4:]
    answer = told(capsys, 1, *store, *as_of, "--min", "1")
    assert [one["owned"] for one in answer["shares"].values()] == [0, 0, 0, 0]
    assert answer["short"] == ["spans", "services", "channels", "journeys"]
    assert [answer[section] for section in ("gray_area", "orphan", "unreachable", "stale", "unseen")] == [[]] * 5
