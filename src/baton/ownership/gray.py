"""Gray areas: what several claim with equal right, so that nobody has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from baton.ownership.assign import service_facts
from baton.ownership.coverage import HOME, NOBODY
from baton.ownership.gaps import frame, some, timed
from baton.schema import UNOWNED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from baton.ownership.rules import Decision, Fact, Rules

_KINDS = {"entry": "journey entry"}


def gray(rules: Rules, known: pl.DataFrame, placed: pl.DataFrame, pairs: pl.DataFrame) -> pl.DataFrame:
    """COVERAGE's section gray_area: what several claim with equal right, and the rules that tie.

    Args:
        rules: of the catalog.
        known: the frame of `seen.traffic`, with `team`.
        placed: the frame of `places`.
        pairs: the frame of `seen.said`.

    Returns:
        its `count` is of what of it nobody owns: a finer rule may settle some, or all.
    """
    named = {
        ("service", "service", "service_namespace"): _unowned_spans(known, ["service", "service_namespace"]),
        ("rpc_service", "rpc_service"): _unowned_spans(known, ["rpc_service"]),
        ("http_route", "http_route"): _unowned_spans(known, ["http_route"]),
        ("entry", "service", "name"): _unowned_spans(known.with_columns(team=pl.lit(UNOWNED)), ["service", "name"]),
        ("channel", "channel"): _unowned_messages(placed, "channel"),
        ("queue", "queue"): _unowned_messages(placed, "queue"),
        ("attribute", "key", "value"): _attributes(pairs),
    }
    rows = [
        (
            "gray_area",
            _KINDS.get(kind, kind),
            tenant,
            environment,
            " ".join(filter(None, words)),
            None,
            count,
            seen,
            tie,
        )
        for (kind, *_), frame in named.items()
        for tenant, environment, *words, count, seen in frame.iter_rows()
        for decision in [rules.explain(*_facts(kind, words))]
        if decision.gray
        for tie in [_tie(decision, count)]
    ]
    return frame(rows)


def _facts(kind: str, words: Sequence[str | None]) -> tuple[Fact, ...]:
    return service_facts(*words) if kind == "service" else ((kind, *(word or "" for word in words)),)


def _unowned_spans(known: pl.DataFrame, words: list[str]) -> pl.DataFrame:
    """Tenant, environment, the words, how many spans of it nobody owns, and when it was seen last."""
    return (
        known.filter(pl.col(words[0]).is_not_null())
        .group_by(*HOME, *words)
        .agg(pl.col("spans").filter(NOBODY).sum(), pl.col("last_ns").max())
        .sort(*HOME, *words)
    )


def _unowned_messages(placed: pl.DataFrame, name: str) -> pl.DataFrame:
    unowned = pl.col("messages").filter(~pl.col("owned")).sum()
    counted = placed.drop_nulls(name).group_by(*HOME, name).agg(unowned, pl.col("last_seen").max())
    return timed(counted.sort(*HOME, name))


def _attributes(pairs: pl.DataFrame) -> pl.DataFrame:
    """Attributes are told of all tenants' spans at once, by those of the window that bear them."""
    nowhere = [pl.lit(None, dtype=pl.String).alias(name) for name in HOME]
    return pairs.filter(pl.col("spans") > 0).select(*nowhere, "key", "value", "spans", "last_ns")


def _tie(decision: Decision, count: int) -> str:
    told = f"{some([str(rule) for rule in decision.deciding], '', '; ')}: rules of equal rank"
    return told if count else f"{told}; finer rules settle all that was seen of it"
