from __future__ import annotations

import re
from pathlib import Path

from baton.agreements import load_contracts
from baton.contracts.contract import Clauses
from baton.contracts.times import samples_min

DOCUMENTATION = Path(__file__).parents[3] / "docs" / "contracts.md"


def test_the_examples_are_files_that_are_read(tmp_path: Path) -> None:
    """The reference's contracts.yaml has every clause, and its AsyncAPI document makes the contract that it says."""
    signed, asyncapi = re.findall(r"```yaml\n(.*?)```", DOCUMENTATION.read_text(), re.DOTALL)
    paths = [tmp_path / name for name in ("contracts.yaml", "asyncapi.yaml")]
    for path, text in zip(paths, (signed, asyncapi), strict=True):
        path.write_text(text)
    agreed = load_contracts(paths)
    assert {clause for one in agreed.signed for clause in one.clauses.said} == set(Clauses.model_fields)
    (imported,) = agreed.imported
    assert (imported.sender, imported.receivers, imported.owner) == ("trade-execution", ("notification",), "trading")


def test_the_least_samples_are_as_documented() -> None:
    """What it takes to tell a percentile is what the table says."""
    told = [samples_min(share) for share in (0.99, 0.95, 0.5)]
    assert told == [299, 59, 5]
    assert "p99 takes 299, p95 59, p50 5" in DOCUMENTATION.read_text()
