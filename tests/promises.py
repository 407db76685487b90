"""Contracts and the traffic that they speak of, in a few words: seconds after START, one row a handoff."""

from __future__ import annotations

from itertools import count
from typing import Any

import polars as pl

from baton.contracts.check import check
from baton.contracts.contract import Contract
from baton.contracts.outcome import Known
from baton.schema import FACTS, FLOWS, TRAFFIC
from recording import LATER, SECOND, ns

_PLAIN: dict[str, Any] = {
    "kind": "message",
    "tenant": "default",
    "environment": "",
    "service": "trading",
    "instance": "1",
    "broker": "mq:5672",
    "channel": "orders",
    "routing_key": "order.new",
    "to_service": "notify",
    "queue": "sms-q",
    "from_team": "trade",
    "to_team": "messages",
    "channel_team": "platform",
    "verdict": "delivered",
    "failed": False,
    "nacked": False,
    "correlated": False,
    "skew_ns": 0,
    "sampled": False,
}


def traffic(*rows: dict[str, Any]) -> pl.DataFrame:
    """TRAFFIC: each row is delivered 0.1 s after it was sent (`at`), or as it says (`took`: None is never)."""
    numbers = count()
    return pl.DataFrame([_row(row, next(numbers)) for row in rows], schema=TRAFFIC.schema)


def sent(number: int, **row: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - any column
    """So many alike, a second apart."""
    return [{"at": at, **row} for at in range(number)]


def _row(row: dict[str, Any], number: int) -> dict[str, Any]:
    at, took = row.get("at", number), row.get("took", 0.1)
    made = {
        **_PLAIN,
        "send": number,
        "sent_ns": ns(at),
        "sent_end_ns": ns(at) + round((row.get("lasted", 0.01)) * SECOND),
        "received_ns": None if took is None else ns(at + took),
        "deadline_at_ns": ns(at + 30),
        "duplicates": None if took is None else 0,
        "verdict": "dropped" if took is None else "delivered",
        "attempt": f"m-{number}",
    }
    return {**made, **{key: value for key, value in row.items() if key not in ("at", "took", "lasted")}}


def call(**row: Any) -> dict[str, Any]:  # noqa: ANN401 - any column
    """A call of `POST /settle` from trading to settlement."""
    return {
        "kind": "call",
        "broker": None,
        "channel": None,
        "routing_key": None,
        "queue": None,
        "to_service": "settlement",
        "operation": "POST\x1fPOST /settle",
        **row,
    }


def contract(clauses: dict[str, Any], **more: Any) -> Contract:  # noqa: ANN401 - any key of the file
    """A contract over trading's orders."""
    way = {} if {"call", "callee"} & set(more) else {"channel": "orders"}
    return Contract.model_validate({"name": "c", "sender": "trading", **way, "clauses": clauses, **more})


def known(
    facts: list[dict[str, Any]] | None = None, flows: list[dict[str, Any]] | None = None, at: float = LATER
) -> Known:
    """What is known beside the traffic: rows of FACTS and FLOWS."""
    told = [
        {"tenant": "default", "broker": "", "source": "management", "fact": "queue", "at_ns": 0, "vhost": "/", **one}
        for one in facts or []
    ]
    flowing = [
        {"tenant": "default", "environment": "", "broker": "mq:5672", "vhost": "/", "channel": "orders",
         "bounded": True, "handoffs": 10, "team": "trade", **one}
        for one in flows or []
    ]  # fmt: skip
    return Known(pl.DataFrame(told, schema=FACTS.schema), pl.DataFrame(flowing, schema=FLOWS.schema), ns(at))


def ids(rows: pl.Series) -> pl.Series:
    """Trace ids by row."""
    return pl.Series([f"{row:032x}" for row in rows], dtype=pl.String)


def checked(frame: pl.DataFrame, *contracts: Contract, beside: Known | None = None) -> list[dict[str, Any]]:
    """The rows of the check."""
    return check(frame, contracts, beside or known(), ids).to_dicts()


def only(frame: pl.DataFrame, clauses: dict[str, Any], *, beside: Known | None = None, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - any key of the file
    """The only row of a check of one clause."""
    (row,) = checked(frame, contract(clauses, **more), beside=beside)
    return row
