from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from baton.gameday.demo import OWNERS
from baton.gameday.queue import Ledger, Message
from baton.gameday.record import expected, record
from baton.gameday.scenario import Phase, Scenario

if TYPE_CHECKING:
    from pathlib import Path

_AS_OF = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
_KEPT = (Message("c-1", "trade-execution", {}, "T-1"), Message("t-1", "market-data", {}))


def test_expectations_come_from_the_ledger() -> None:
    """Evicted messages are dropped, the rest is delivered; every trade was a call; every confirmation an SMS."""
    lost = (Message("c-3", "trade-execution", {}, "T-3"), Message("c-2", "trade-execution", {}, "T-2"))
    truth = expected(Ledger(handed=_KEPT, evicted=lost), _AS_OF)
    assert truth["as_of"] == "2026-01-02T03:04:05+00:00"
    assert truth["dropped"] == ["c-2", "c-3"]
    assert truth["verdicts"] == {
        "wealth-gateway": {"delivered": 3},
        "trade-execution": {"delivered": 1, "dropped": 2},
        "market-data": {"delivered": 1},
        "notification": {"unobserved": 1},
    }
    (finding,) = truth["findings"]
    assert (finding["from_team"], finding["to_team"], finding["count"]) == ("trading", "notifications", 2)
    assert (finding["verdict"], finding["cause"], finding["accountable_team"]) == ("dropped", "overflow", "messaging")


def test_a_day_without_losses_has_no_findings() -> None:
    """Nothing is to be found where nothing was evicted."""
    truth = expected(Ledger(handed=_KEPT, evicted=()), _AS_OF)
    assert truth["findings"] == []
    assert truth["dropped"] == []


def test_a_recording_is_a_folder_of_three_files(tmp_path: Path) -> None:
    """Spans of all four services, the shipped ownership file, and what must come out, judged after the last span."""
    record(tmp_path / "day", Scenario(20, 50, 100, (Phase("short", 0.2, 50),)))
    lines = gzip.decompress((tmp_path / "day" / "traces.jsonl.gz").read_bytes()).splitlines()
    spans = [
        span
        for line in lines
        for resource in json.loads(line)["resourceSpans"]
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    ]
    truth = json.loads((tmp_path / "day" / "expected.json").read_bytes())
    assert len(lines) >= 4
    assert truth["verdicts"]["wealth-gateway"] == {"delivered": 4}
    assert (tmp_path / "day" / "ownership.yaml").read_bytes() == OWNERS.read_bytes()
    last_ns = max(int(span["endTimeUnixNano"]) for span in spans)
    assert datetime.fromisoformat(truth["as_of"]).timestamp() * 1e9 > last_ns
