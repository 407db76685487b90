from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from baton.agreements import load_contracts
from baton.errors import InputError
from recording import SECOND

if TYPE_CHECKING:
    from pathlib import Path

WHOLE = """
version: 1
contracts:
  - name: trade-confirmations
    sender: trade-execution
    channel: wealth.events
    key: "trade.#"
    receivers: [notification]
    environment: prod
    owner: trading
    escalation: {path: ["#trading-oncall", head-of-trading]}
    clauses:
      deadline: 2s
      loss: 0.1%
      latency: {p99: 800ms, p99.9: 2s}
      retries: {attempts: 3, within: 10s}
      confirms: required
      idempotent: true
      dead_letter: required
      isolation: required
      circuit_breaking: {failures: 5, window: 10s, pause: 30s}
  - {name: settle, sender: "trade-*", call: "POST /settle", callee: settlement, escalation: "#trading", clauses: {}}
"""


def written(folder: Path, text: str, name: str = "contracts.yaml") -> Path:
    """The file."""
    path = folder / name
    path.write_text(text)
    return path


def test_a_whole_file(tmp_path: Path) -> None:
    """Every key of the reference is read, in the units that people write."""
    first, second = load_contracts([written(tmp_path, WHOLE)]).signed
    clauses = first.clauses
    assert (clauses.deadline_ns, str(clauses.loss)) == (2 * SECOND, "0.001")
    assert clauses.latency_ns == {"p99": SECOND * 8 // 10, "p99.9": 2 * SECOND}
    assert clauses.retries is not None
    assert (clauses.retries.attempts, clauses.retries.within_ns) == (3, 10 * SECOND)
    assert len(clauses.said) == 9
    assert (first.kind, first.takers, first.escalation) == (
        "message", ("notification",), ("#trading-oncall", "head-of-trading"),
    )  # fmt: skip
    assert (second.kind, second.takers, second.escalation, second.clauses.said) == (
        "call", ("settlement",), ("#trading",), (),
    )  # fmt: skip


ONE = "contracts: [{name: a, sender: s, channel: c, "


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "holds no contract"),
        ("contracts: [{name: a, sender: s}]", "names no way; add channel"),
        (ONE + "call: x}]", "a channel and a call"),
        ("contracts: [{name: a, sender: s, call: x, key: k}]", "which only channels have"),
        ("contracts: [{name: a, sender: s, call: x, callee: y, receivers: [z]}]", "keep one"),
        (ONE + "clauses: {deadlin: 2s}}]", "clauses.deadlin: '2s' is no key that Baton knows; did you mean deadline?"),
        ("contracts:\n- name: a\n  sender: s\n  chanel: c\n", "line 4: contracts[0].chanel"),
        (ONE + "clauses: {deadline: soon}}]", "is no duration"),
        (ONE + "clauses: {loss: 101%}}]", "more than all"),
        (ONE + "clauses: {loss: few}}]", "is no share"),
        (ONE + "clauses: {latency: {q99: 1s}}}]", "is no percentile"),
        (ONE + "clauses: {latency: {p0: 1s}}}]", "is no percentile"),
        (ONE + "clauses: {retries: {attempts: 0}}}]", "no whole number above 0"),
        (ONE + "clauses: {confirms: maybe}}]", 'neither "required"'),
        (ONE + "clauses: {isolation: [required]}}]", 'neither "required"'),
        (ONE + "clauses: {circuit_breaking: {failures: 3}}}]", "is required"),
        (ONE + "}, {name: a, sender: s, channel: d}]", "already declared at"),
        (ONE + "name: b}]", "given twice"),
    ],
)
def test_faults(tmp_path: Path, text: str, told: str) -> None:
    """A fault names the file, the value and the next step; nothing of the file is used."""
    with pytest.raises(InputError) as refused:
        load_contracts([written(tmp_path, text)])
    assert told in str(refused.value)
    assert "contracts.yaml" in str(refused.value)


def test_a_name_is_one_file_s(tmp_path: Path) -> None:
    """Two files may not declare the same contract; without files nothing was agreed."""
    one, other = (written(tmp_path, ONE + "}]", name) for name in ("a.yaml", "b.yaml"))
    with pytest.raises(InputError, match=r"b\.yaml.*already declared at .*a\.yaml"):
        load_contracts([one, other])
    assert load_contracts([]).all == ()


def test_json_is_read_as_it_is_written(tmp_path: Path) -> None:
    """A .json file with tabs, numbers and true says what the YAML of the same meaning says."""
    clauses = {"loss": 0.001, "retries": {"attempts": 3}, "idempotent": True}
    text = json.dumps({"contracts": [{"name": "a", "sender": "s", "channel": "c", "clauses": clauses}]}, indent="\t")
    (contract,) = load_contracts([written(tmp_path, text, "c.json")]).signed
    assert (str(contract.clauses.loss), len(contract.clauses.said)) == ("0.001", 3)
    with pytest.raises(InputError, match="given twice"):
        load_contracts([written(tmp_path, '{"contracts": [], "contracts": []}', "d.json")])
