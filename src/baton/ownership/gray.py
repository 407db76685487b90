"""Gray areas, which several claim with equal right, and conflicts, which one source won over another."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import polars as pl

from baton.limits import TIME_NS_MAX
from baton.ownership.coverage import HOME, NOBODY
from baton.ownership.gaps import frame, some, timed
from baton.ownership.remarks import conflict, gray_area
from baton.schema import UNOWNED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from baton.ownership.named import Owners
    from baton.ownership.rules import Decision, Rule, Rules

_KINDS = {"entry": "journey entry", "rpc_service": "RPC service", "http_route": "HTTP route"}
Thing = tuple[str, str | None, str | None, str, int, int | None, "Decision"]
"""Kind, tenant, environment, name, how much of it nobody owns, when it was seen last, and why it is whose."""


def decided(owners: Owners, known: pl.DataFrame, placed: pl.DataFrame, pairs: pl.DataFrame) -> list[Thing]:
    """Everything of the window that a rule may claim, and what the rules say of it when it was seen last.

    Args:
        owners: the analysis's.
        known: the frame of `seen.traffic`, with `team`.
        placed: the frame of `coverage.places`.
        pairs: the frame of `seen.said`.
    """
    entries = known.with_columns(pl.lit(UNOWNED).alias("team"))
    parts = {
        "rpc_service": _spans(known, ["rpc_service"]),
        "http_route": _spans(known, ["http_route"]),
        "entry": _spans(entries, ["service", "name"]),
        "channel": _messages(placed, "channel"),
        # A queue that is called what the channel is stands in no column of its own.
        "queue": _messages(placed.with_columns(pl.coalesce("queue", "channel").alias("queue")), "queue"),
        "attribute": _attributes(pairs, _contested(owners.rules)),
    }
    things = [
        (kind, tenant, environment, " ".join(words), count, seen_ns, decision)
        for kind, counted in parts.items()
        if kind in owners.rules.kinds
        for tenant, environment, *words, count, seen_ns in counted.iter_rows()
        for decision in [owners.rules.explain((kind, *words), at_ns=_at(seen_ns))]
    ]
    return things + [
        ("service", tenant, environment, name, count, seen_ns, decision)
        for tenant, environment, name, count, seen_ns in _spans(known, ["service"]).iter_rows()
        for decision in owners.decisions((tenant, environment, name), _at(seen_ns))
    ]


def _at(seen_ns: int | None) -> int:
    return TIME_NS_MAX if seen_ns is None else seen_ns


def gray(things: list[Thing]) -> pl.DataFrame:
    """COVERAGE's section gray_area: what several claim with equal right, and the rules that tie.

    Its `count` is of what of it nobody owns: a finer rule may settle some, or all.
    """
    return frame(
        ("gray_area", _KINDS.get(kind, kind), tenant, environment, name, None, count, seen_ns, _tie(decision, count))
        for kind, tenant, environment, name, count, seen_ns, decision in things
        if decision.gray
    )


def conflicts(things: list[Thing]) -> pl.DataFrame:
    """COVERAGE's section conflict: what two sources say otherwise of, who won, and why."""
    return frame(
        (
            "conflict",
            _KINDS.get(kind, kind),
            tenant,
            environment,
            name,
            decision.claimant,
            0,
            seen_ns,
            _overruled(decision),
        )
        for kind, tenant, environment, name, _, seen_ns, decision in things
        if decision.conflicts
    )


def told(things: list[Thing]) -> frozenset[str]:
    """How the remarks begin on gray areas and conflicts that `gray` and `conflicts` tell."""
    tied = (gray_area(f"{kind}s", name) for kind, _, _, name, _, _, decision in things if decision.gray)
    overruled = (conflict(f"{kind}s", name) for kind, _, _, name, _, _, decision in things if decision.conflicts)
    return frozenset((*tied, *overruled))


def _spans(known: pl.DataFrame, words: list[str]) -> pl.DataFrame:
    """Tenant, environment, the words, how many spans of it nobody owns, and when it was seen last."""
    counted = known.drop_nulls(words).group_by(*HOME, *words)
    return counted.agg(pl.col("spans").filter(NOBODY).sum(), pl.col("last_ns").max()).sort(*HOME, *words)


def _messages(placed: pl.DataFrame, name: str) -> pl.DataFrame:
    unowned = pl.col("messages").filter(~pl.col("owned")).sum()
    counted = placed.drop_nulls(name).group_by(*HOME, name).agg(unowned, pl.col("last_seen").max())
    return timed(counted.sort(*HOME, name))


def _contested(rules: Rules) -> list[str]:
    """Attributes that several look at: of ids there may be millions of values, and one claimant ties with nobody."""
    claimants: defaultdict[str, set[str]] = defaultdict(set)
    for rule in rules.every:
        if rule.kind == "attribute":
            claimants[rule.patterns[0]].add(rule.claimant)
    return [key for key, several in claimants.items() if len(several) > 1]


def _attributes(pairs: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """Attributes are told of all tenants' spans at once, by those of the window that bear them."""
    nowhere = [pl.lit(None, dtype=pl.String).alias(name) for name in HOME]
    return pairs.filter(pl.col("spans") > 0, pl.col("key").is_in(keys)).select(
        *nowhere, "key", "value", "spans", "last_ns"
    )


def _tie(decision: Decision, count: int) -> str:
    told = f"{some(list(_named(decision.deciding)), '; ')}: rules of equal rank"
    return told if count else f"{told}; finer rules settle all that was seen of it"


def _overruled(decision: Decision) -> str:
    """Why it is whose; and which rules lost, where the reason does not name them."""
    lost = tuple(rule for rule in decision.conflicts if f" before {rule}" not in decision.why)
    return decision.why + (f"; overruled: {some(list(_named(lost)), '; ')}" if lost else "")


def _named(rules: tuple[Rule, ...]) -> Iterator[str]:
    """Rules in words, and where they stand."""
    yield from (f"{rule} ({rule.source or rule.origin})" for rule in rules)
