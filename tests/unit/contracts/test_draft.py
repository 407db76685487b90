from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from baton.agreements import load_contracts
from baton.contracts.check import check
from baton.contracts.draft import draft
from promises import call, contract, ids, known, sent, traffic

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

    from baton.contracts.contract import Contract
    from baton.contracts.outcome import Known

NAMES = st.sampled_from(
    ["trading", "a*b", "[x]", "no", "1", "a: b", "ü-β", '"q"', "tab\there", "", "#x", "-", "x" * 300]
)
QUEUE = {"name": "sms-q", "dead_letter": "dlx"}


def drafted(folder: Path, frame: pl.DataFrame, beside: Known | None = None) -> tuple[str, tuple[Contract, ...]]:
    """The draft, and what is read of it."""
    text, count = draft(frame, [], beside or known())
    path = folder / "drafted.yaml"
    path.write_text(text)
    contracts = load_contracts([path]).signed if count else ()
    assert len(contracts) == count
    return text, contracts


def rows() -> st.SearchStrategy[list[dict[str, Any]]]:
    """Handoffs of a few boundaries with whatever names, times and fates."""
    row = st.fixed_dictionaries(
        {
            "at": st.floats(0, 1000, allow_nan=False).map(lambda at: round(at, 3)),
            "took": st.one_of(st.none(), st.floats(-1, 500).map(lambda took: round(took, 4))),
            "service": NAMES,
            "channel": NAMES,
            "environment": st.sampled_from(["", "prod"]),
            "tenant": st.sampled_from(["default", "b"]),
            "to_service": st.one_of(st.none(), NAMES),
            "failed": st.booleans(),
            "duplicates": st.sampled_from([None, 0, 1]),
            "attempt": st.sampled_from([None, "m-1", "m-2"]),
            "from_team": st.sampled_from(["trade", "two\nlines: here"]),
        }
    )
    fate = st.sampled_from(["delivered", "dropped", "pending", "stuck", "unobserved", "retried"])
    one = st.tuples(row, fate, st.booleans(), st.integers(1, 40)).map(_fated)
    return st.lists(one, max_size=12).map(lambda several: [row for some in several for row in some])


def _fated(told: tuple[dict[str, Any], str, bool, int]) -> list[dict[str, Any]]:
    row, fate, calls, times = told
    row = {**row, "verdict": "delivered" if row["took"] is not None else fate}
    row = call(**{**row, "channel": None}) if calls else row
    return [{**row, "at": row["at"] + number} for number in range(times)]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(rows=rows())
def test_a_draft_holds_over_what_it_was_drafted_from(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    """It loads again, each clause holds or is unproven over the same traffic, and then nothing is left to draft."""
    frame, beside = traffic(*rows), known([QUEUE])
    _, contracts = drafted(tmp_path, frame, beside)
    found = check(frame, contracts, beside, ids)
    assert "breached" not in found["verdict"].to_list()
    assert draft(frame, contracts, beside)[1] == 0


def test_figures_say_what_they_were_measured_on(tmp_path: Path) -> None:
    """A calm boundary: each clause with its figure, its count and its window, and who is to sign."""
    text, (one,) = drafted(tmp_path, traffic(*sent(400)), known([QUEUE]))
    assert (one.sender, one.channel, one.receivers) == ("trading", "orders", ("notify",))
    assert one.clauses.said == ("deadline_ns", "loss", "latency_ns", "idempotent", "dead_letter")
    assert (one.clauses.deadline_ns, one.clauses.latency_ns) == (30 * 10**9, {"p99": 150 * 10**6})
    assert "deadline: 30s  # longest of 400: 100 ms" in text
    assert "loss: 0.75%  # 0 of 400 lost; the upper bound at 95 %" in text
    assert "latency: {p99: 150ms}  # p99 of 400: 100 ms" in text
    assert "# 400 handoffs, 2026-09-21 " in text
    assert "# sign: sender: trade: ____" in text
    assert "# confirms: left out: neither a span nor" in text


def test_what_would_be_breached_is_left_out(tmp_path: Path) -> None:
    """Losses leave no deadline to promise, duplicates no idempotence, a queue without a dead letter none of that."""
    rows = traffic(*sent(30), *sent(10, took=None), {"duplicates": 1})
    text, (one,) = drafted(tmp_path, rows, known([{"name": "sms-q"}]))
    assert one.clauses.said == ("loss", "latency_ns")
    for clause in ("deadline", "idempotent", "dead_letter"):
        assert f"# {clause}: left out: " in text


def test_only_what_has_no_contract() -> None:
    """A boundary that a contract speaks of is not drafted again; a call is drafted by its callee."""
    frame = traffic(*sent(30), *({**call(), "at": at} for at in range(30)))
    text, count = draft(frame, [contract({})], known())
    assert (count, "callee: settlement" in text, "orders" in text) == (1, True, False)


def test_retries_as_they_were_seen(tmp_path: Path) -> None:
    """Where every failed send was made good, so many attempts within so long are promised."""
    failed = {"failed": True, "took": None, "verdict": "retried", "attempt": "m"}
    text, (one,) = drafted(tmp_path, traffic(*sent(30), {**failed, "at": 50}, {"at": 52, "attempt": "m"}))
    assert one.clauses.retries is not None
    assert (one.clauses.retries.attempts, one.clauses.retries.within_ns) == (2, 3 * 10**9)
    assert "all of 1 failed sends were made good" in text


@pytest.mark.parametrize("name", ["tab\there", "x" * 300, " edge"])
def test_a_name_that_no_file_can_bear(tmp_path: Path, name: str) -> None:
    """It is counted in the head, and the draft is still one that loads."""
    text, contracts = drafted(tmp_path, traffic(*sent(3, channel=name)))
    assert contracts == ()
    assert "# 3 handoffs are of no boundary that a file can name." in text
