"""Records the scenarios that lie in the project's fixtures: `python -m baton.gameday.record FOLDER`.

Each gets a folder with `traces.jsonl.gz`, `ownership.yaml` and `expected.json`; its WHY.md is written by hand.
"""

from __future__ import annotations

import shutil
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import orjson

from baton.gameday.bank import run
from baton.gameday.demo import OWNERS
from baton.gameday.recorder import Recorder
from baton.gameday.scenario import CALM, FLOOD, Scenario
from baton.gameday.services import CHANNEL, EXECUTION, GATEWAY, MARKET_DATA, NOTIFICATION
from baton.gameday.telemetry import own_environment

if TYPE_CHECKING:
    from baton.gameday.queue import Ledger

FIXTURES: dict[str, Scenario] = {"lost-confirmations": FLOOD, "calm-day": CALM}

_JUDGED_AFTER = timedelta(hours=1)
"""An hour after the bank closed: every deadline has passed, and nobody's spans are still on their way."""


def record(folder: Path, scenario: Scenario) -> None:
    """Runs the bank and writes the fixture into the folder; takes as long as the scenario does."""
    recorder = Recorder()
    ledger = run(lambda: recorder, scenario, lambda phase: click.echo(f"baton:   {phase}"))
    as_of = datetime.now(UTC).replace(microsecond=0) + _JUDGED_AFTER
    folder.mkdir(parents=True, exist_ok=True)
    recorder.save(folder / "traces.jsonl.gz")
    shutil.copyfile(OWNERS, folder / "ownership.yaml")
    (folder / "expected.json").write_bytes(
        orjson.dumps(expected(ledger, as_of), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    )


def expected(ledger: Ledger, as_of: datetime) -> dict[str, Any]:
    """What must come out, from the queue's ledger and the wealth platform's ownership alone.

    Args:
        ledger: the queue's.
        as_of: when it is to be judged.

    Returns:
        `as_of` (RFC 3339); `findings`: one a sender that lost messages; `verdicts`: sender -> verdict -> handoffs;
        `dropped`: the ids of the lost messages, sorted.
    """
    evicted = Counter(message.sender for message in ledger.evicted)
    handed = Counter(message.sender for message in ledger.handed)
    confirmed = handed[EXECUTION]
    verdicts = {
        GATEWAY: {"delivered": evicted[EXECUTION] + confirmed},
        EXECUTION: {"delivered": confirmed, "dropped": evicted[EXECUTION]},
        MARKET_DATA: {"delivered": handed[MARKET_DATA], "dropped": evicted[MARKET_DATA]},
        # The SMS gateway is not traced: whether a message got there, nobody can say.
        NOTIFICATION: {"unobserved": confirmed},
    }
    return {
        "as_of": as_of.isoformat(),
        "findings": [
            {
                "from_service": sender,
                "from_team": team,
                "channel": CHANNEL,
                "channel_team": "messaging",
                "to_service": NOTIFICATION,
                "to_team": "notifications",
                "verdict": "dropped",
                "cause": "overflow",
                "accountable_team": "messaging",
                "count": evicted[sender],
            }
            for sender, team in ((EXECUTION, "trading"), (MARKET_DATA, "market-data"))
            if evicted[sender]
        ],
        "verdicts": {
            sender: {verdict: count for verdict, count in counts.items() if count}
            for sender, counts in verdicts.items()
        },
        "dropped": sorted(message.message_id for message in ledger.evicted),
    }


def main(folder: Path) -> None:
    """Records every fixture."""
    own_environment()
    for name, scenario in FIXTURES.items():
        click.echo(f"baton: recording {folder / name}")
        record(folder / name, scenario)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
