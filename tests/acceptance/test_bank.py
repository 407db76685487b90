"""A bank with known truth: what was lost is found with its cause, and nobody innocent is ever accused.

`pytest -s tests/acceptance/test_bank.py -n 0` prints the figures, one line a bank. The simulator (`tests/bank`) shares
no code with Baton; its spans reach Baton as OTLP/JSON bytes, as exporters batch them.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from bank import calm, losses
from bank.catalogue import SCENARIOS
from bank.judge import judged, judged_together, score, taken_yet_dropped

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bank.catalogue import Scenario
    from bank.judge import Row, Score
    from bank.world import Bank

assert losses
assert calm

_HEAD = (
    f"\n{'bank':48}{'copies':>7}{'lost':>6}{'accused':>8}{'precision':>10}{'recall':>7}"
    f"{'causes right':>13}{'unknown':>8}{'wrong':>6}{'unobserved':>11}{'fitting':>8}"
)
_BANKS = [pytest.param(one, seed, id=f"{one.name}-{seed}") for one in SCENARIOS for seed in range(one.seeds)]


@pytest.fixture(scope="module")
def figures() -> Iterator[list[str]]:
    """Lines of the table, printed at the end."""
    lines: list[str] = []
    yield lines
    print(_HEAD, *lines, sep="\n")  # noqa: T201 - the table that this module is for


@pytest.fixture(scope="module")
def long_after() -> dict[tuple[str, int], tuple[Bank, list[Row]]]:
    """Every bank with what is said of it long after: banks of one ownership file lie in one store, each a tenant."""
    banks = {(one.name, seed): one.run(seed) for one in SCENARIOS for seed in range(one.seeds)}
    told: dict[tuple[str, int], tuple[Bank, list[Row]]] = {}
    for owners in sorted({bank.owners for bank in banks.values()}):
        some = {key: bank for key, bank in banks.items() if bank.owners == owners}
        rows = judged_together(list(some.values()))
        told |= {key: (bank, said) for (key, bank), said in zip(some.items(), rows, strict=True)}
    return told


def _line(name: str, it: Score) -> str:
    causes = it.right + it.unnamed + it.wrong
    share = f"{it.right / causes:.2f}" if causes else "-"
    return (
        f"{name:48}{it.copies:7}{it.lost:6}{it.accused:8}{it.precision:10.3f}"
        f"{f'{it.recall:.3f}' if it.lost else '-':>7}{share:>13}{it.unnamed:8}{it.wrong:6}"
        f"{it.unobserved / it.rows if it.rows else 0.0:11.2f}{it.fitting / it.judged if it.judged else 1.0:8.3f}"
    )


@pytest.mark.parametrize(("scenario", "seed"), _BANKS)
def test_long_after_what_was_lost_is_found_and_nothing_else(
    scenario: Scenario,
    seed: int,
    long_after: dict[tuple[str, int], tuple[Bank, list[Row]]],
    figures: list[str],
) -> None:
    """Precision, recall and causes of one bank are what spans can know; where nothing is lost nobody is accused."""
    bank, rows = long_after[scenario.name, seed]
    it = score(bank, rows, blind=bool(scenario.blind))
    figures.append(_line(f"{scenario.name}-{seed}", it))
    if it.lost == 0 or scenario.blind:
        assert it.false == []
    assert it.precision >= 0.99, it.false[:3]
    if not scenario.blind:
        assert it.recall >= scenario.recall_min, it.astray
    assert it.fitting >= scenario.fitting_min * it.judged, it.astray
    assert it.wrong <= 0.05 * it.found, it.causes
    if not scenario.uncaused:
        assert it.right >= 0.95 * (it.right + it.unnamed + it.wrong), it.causes


def test_the_commands_say_the_same(tmp_path: Path) -> None:
    """`baton load` and `baton handoffs` on a bank's requests: every loss and nothing else."""
    bank = next(one for one in SCENARIOS if one.name == "overflow_behind_one_exchange_by_key").run(0)
    recording = tmp_path / "traces.jsonl"
    recording.write_bytes(b"\n".join(body for _, body in bank.telemetry.requests()))
    _baton("load", recording, "--store", tmp_path / "store")
    printed = _baton("handoffs", "--store", tmp_path / "store", "--as-of", "2027-01-01T00:00:00Z", "--format", "ndjson")
    it = score(bank, [json.loads(line) for line in printed.splitlines()])
    assert (it.false, it.recall, it.fitting) == ([], 1.0, it.judged)


def _baton(*arguments: str | Path) -> str:
    done = subprocess.run([sys.executable, "-m", "baton", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", ["silent_stop_after_the_check", "overflow_with_links_sampled", "session_ids"])
def test_other_tenants_say_nothing_of_a_bank(
    name: str, long_after: dict[tuple[str, int], tuple[Bank, list[Row]]]
) -> None:
    """Alone in its store a bank is told the same as beside ninety others whose services bear the same names."""
    bank, rows = long_after[name, 0]
    assert sorted(judged(bank), key=str) == sorted(rows, key=str)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_at_no_moment_is_a_message_called_dropped_that_is_taken_in_the_end(scenario: Scenario) -> None:
    """With only the spans that have arrived, in the middle of it all."""
    bank = scenario.run(scenario.seeds)
    for moment in scenario.moments:
        false = taken_yet_dropped(bank, judged(bank, moment))
        assert false == [], f"{len(false)} at {moment} s"


@pytest.mark.parametrize(
    ("limit", "cause", "said"),
    [
        pytest.param(40, "overflow", "; ownership.yaml says 40", id="right"),
        pytest.param(400, "unknown", "; ownership.yaml says 400: they differ", id="wrong"),
    ],
)
def test_a_limit_that_people_declare_is_held_against_the_spans(limit: int, cause: str, said: str) -> None:
    """It names the queue, and is told as their word and not the broker's; one that the spans refute convicts nobody."""
    bank = next(one for one in SCENARIOS if one.name == "overflow_drop_head_pika").run(0)
    queue = {"name": "notify-q", "limit": limit, "from": [{"exchange": "wealth.events"}]}
    bank.owners = json.dumps({"version": 1, "teams": [{"name": "notifications"}], "queues": [queue]})
    lost = [row for row in judged(bank) if row["verdict"] == "dropped"]
    assert {row["cause"] for row in lost} == {cause}
    assert all(any(said in sentence for sentence in row["evidence"]) for row in lost)
