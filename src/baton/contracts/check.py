"""The check: every clause of every contract against what was seen.

Each clause is a function over the handoffs that its contract speaks of, in one tenant and environment. A clause holds
on evidence and is breached on proof; what is neither is unproven, and says why.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import polars as pl

from baton.contracts.delivery import correlation_id, idempotent, loss, percent
from baton.contracts.outcome import Outcome, accountable, exemplars, reserved
from baton.contracts.queues import confirms, dead_letter, isolation
from baton.contracts.retries import circuit_breaking, retries
from baton.contracts.times import deadline, in_words, latency
from baton.contracts.ways import Ways, matches
from baton.schema import CONTRACTS, UNOWNED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from baton.contracts.contract import Contract
    from baton.contracts.outcome import Known

_SIMPLE: dict[str, Callable[[Contract, pl.DataFrame, Known], Outcome]] = {
    "deadline": deadline,
    "loss": loss,
    "retries": retries,
    "confirms": confirms,
    "correlation_id": correlation_id,
    "idempotent": idempotent,
    "dead_letter": dead_letter,
    "isolation": isolation,
    "circuit_breaking": circuit_breaking,
}
_OF_RECEIVERS = ("deadline", "loss", "latency", "idempotent")
"""Clauses that each receiver has to keep: one that was never seen has not."""

_OF_MESSAGES = ("confirms", "correlation_id", "idempotent", "dead_letter", "isolation")
"""Clauses that are told of messages only: no two calls are known to be one, and no queue is between them."""

_SIDES = {
    "retries": "sender",
    "confirms": "sender",
    "correlation_id": "sender",
    "circuit_breaking": "sender",
    "dead_letter": "queue",
    "isolation": "queue",
}
_ORDER = {"breached": 0, "unproven": 1, "holds": 2}


def check(
    traffic: pl.DataFrame, contracts: Sequence[Contract], known: Known, trace_ids: Callable[[pl.Series], pl.Series]
) -> pl.DataFrame:
    """CONTRACTS: breaches first, then what is unproven; by contract, in the order of the clauses.

    Args:
        traffic: TRAFFIC.
        contracts: what was promised.
        known: what is known beside it.
        trace_ids: spells the trace ids (hex) of spans at these rows.
    """
    ways = Ways(traffic)
    told = [
        row
        for contract in contracts
        for (tenant, environment), part in _places(ways.of(contract))
        for row in _rows(contract, tenant, environment, part, known, trace_ids)
    ]
    told.sort(key=lambda row: _ORDER[str(row["verdict"])])
    return pl.DataFrame(told, schema={**CONTRACTS.schema, "as_of": pl.Int64()}).cast(
        {"as_of": CONTRACTS.schema["as_of"]}
    )


def _places(rows: pl.DataFrame) -> Iterator[tuple[tuple[str | None, str | None], pl.DataFrame]]:
    """The handoffs of each tenant and environment; without any, the none of nowhere."""
    if rows.is_empty():
        yield (None, None), rows
    parts = rows.partition_by("tenant", "environment", as_dict=True)
    for place in sorted(parts):
        yield place, parts[place]


def _rows(  # noqa: PLR0913, PLR0917 - one contract at one place, and what it is held against
    contract: Contract,
    tenant: str | None,
    environment: str | None,
    rows: pl.DataFrame,
    known: Known,
    trace_ids: Callable[[pl.Series], pl.Series],
) -> Iterator[dict[str, object]]:
    """One row a clause."""
    for clause, promised, outcome in outcomes(contract, rows, known):
        team, why = accountable(outcome, rows)
        if contract.owner is not None and team == UNOWNED:
            team, why = contract.owner, f"{why}, and they own the contract"
        yield {
            "contract": contract.name,
            "clause": clause,
            "verdict": outcome.verdict,
            "tenant": tenant,
            "environment": environment,
            "sender": contract.sender,
            "way": way(contract),
            "receivers": list(contract.takers),
            "promised": promised,
            "measured": outcome.measured,
            "judged": outcome.judged,
            "breaches": outcome.breaches,
            "unseen": outcome.unseen,
            "reason": outcome.reason,
            "accountable_team": team,
            "accountable_why": why,
            "owner": contract.owner or _sender(rows),
            "escalation": list(contract.escalation),
            "exemplars": exemplars(outcome, trace_ids) if outcome.verdict == "breached" else [],
            "as_of": known.as_of_ns,
        }


def outcomes(contract: Contract, rows: pl.DataFrame, known: Known) -> Iterator[tuple[str, str, Outcome]]:
    """Of each clause its name, the promise in words, and what became of it.

    Args:
        contract: whose clauses.
        rows: TRAFFIC that it speaks of, in one tenant and environment; without rows nothing was sent.
        known: what is known beside it.
    """
    for clause, promised, judge in _clauses(contract):
        yield clause, promised, _judged(contract, clause.split()[0], judge, rows, known)


def way(contract: Contract) -> str:
    """The channel and key, or the call, in words."""
    if contract.channel is not None:
        return contract.channel if contract.key is None else f"{contract.channel} {contract.key}"
    return " of ".join(word for word in (contract.call, contract.callee) if word)


def _judged(
    contract: Contract,
    kind: str,
    judge: Callable[[Contract, pl.DataFrame, Known], Outcome],
    rows: pl.DataFrame,
    known: Known,
) -> Outcome:
    """The clause's outcome; nothing holds where nothing was sent, or a receiver that was promised was never seen."""
    if rows.is_empty():
        return Outcome("unproven", "no traffic: nothing that it speaks of was sent", _SIDES.get(kind, "receiver"))
    if contract.kind == "call" and kind in _OF_MESSAGES:
        return Outcome("unproven", "of a call no span tells this", _SIDES.get(kind, "receiver"), unseen=rows.height)
    outcome = judge(contract, rows, known)
    if kind not in _OF_RECEIVERS or outcome.verdict != "holds":
        return outcome
    absent = [taker for taker in contract.takers if rows.filter(matches("to_service", (taker,))).is_empty()]
    if absent:
        return Outcome("unproven", f"{', '.join(absent)} was never seen to receive it", "receiver", outcome.judged)
    return reserved(outcome, rows)


def _clauses(contract: Contract) -> Iterator[tuple[str, str, Callable[[Contract, pl.DataFrame, Known], Outcome]]]:
    """Each clause: its name, the promise in words, its law."""
    promised = contract.clauses
    for name in promised.said:
        if name == "latency_ns":
            for percentile, limit_ns in promised.latency_ns.items():
                yield (
                    f"latency {percentile}",
                    f"{percentile} at most {_exactly(limit_ns)}",
                    partial(_latency, percentile),
                )
        else:
            clause = name.removesuffix("_ns")
            yield clause, _promised(contract, clause), _SIMPLE[clause]


def _latency(percentile: str, contract: Contract, rows: pl.DataFrame, _known: Known) -> Outcome:
    return latency(contract, rows, percentile)


def _promised(contract: Contract, clause: str) -> str:
    """A promise in words."""
    promised = contract.clauses
    if clause == "deadline":
        return f"within {_exactly(promised.deadline_ns or 0)}"
    if clause == "loss":
        return f"at most {percent(promised.loss or 0, 12)}"
    if clause == "retries" and promised.retries is not None:
        within = promised.retries.within_ns
        return f"{promised.retries.attempts} attempts" + ("" if within is None else f" within {_exactly(within)}")
    if clause == "circuit_breaking" and (said := promised.circuit_breaking) is not None:
        return f"{_exactly(said.pause_ns)} of pause after {said.failures} failures in {_exactly(said.window_ns)}"
    return "no duplicate" if clause == "idempotent" else "required"


def _exactly(duration_ns: int) -> str:
    """A duration with all of its figures."""
    return in_words(duration_ns, 12)


def _sender(rows: pl.DataFrame) -> str:
    """The sender's team, where it is one."""
    teams = rows["from_team"].drop_nulls().unique()
    return str(teams[0]) if len(teams) == 1 else UNOWNED
