"""May Baton accuse at a boundary? Told from the clauses of the law that decided its handoffs, by no second opinion.

| may accuse | when |
| --- | --- |
| `no` | none of its handoffs would show as lost: every one of them meets a blind clause, or would have |
| `unknown` | nothing is blind, and too few messages came to have learned from; none was convicted by progress either |
| `limited` | a part of the handoffs is blind, or something weakens what an accusation rests on |
| `yes` | neither, but for TRUST_SHARE_MAX of the handoffs |

A clause decides a handoff that has no receipt. One that has is blind where its subscription is: had it been lost,
nobody would have been accused.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

import polars as pl

from baton.limits import DEADLINE_PAIRS_MIN, NAMES_MAX, TRUST_SHARE_MAX
from baton.schema import SEVERAL, TRUST, UNOWNED, UNSAID
from baton.trust.blinds import BLINDS, BY_NAME, ONWARD, WEAK
from baton.trust.judge import Judge, Way, learned, learning, nobody, receivers
from baton.trust.ways import BOUNDARY, COUNTS, Seen
from baton.trust.ways import ways as counted

if TYPE_CHECKING:
    from collections.abc import Iterable

Found = list[tuple[str, int, list[Way]]]
"""Hindrances by name: of how many handoffs, and on which ways; the weightiest first."""

BY_PROGRESS = ("overtaken", "drained", "lost")
"""Clauses that accuse because a receipt is missing."""

_ORDER = {"no": 0, "unknown": 1, "limited": 2, "yes": 3}
_SHARES = ("context", "links", "message_ids", "correlation_ids")
_OF_MESSAGES = ("send_message_ids", "send_correlation_ids")
_RANK = {row.name: place for place, row in enumerate((*BLINDS, *WEAK))}


def trust(rows: pl.DataFrame, seen: Seen) -> pl.DataFrame:
    """Judges every boundary that these handoffs crossed.

    Args:
        rows: judged rows, see `ways.ways`; steps among them cross no boundary.
        seen: what they were judged by.

    Returns:
        TRUST: where Baton may not accuse first, of these the busiest.
    """
    crossed = rows.filter(pl.col("kind") != "step")
    if crossed.is_empty():
        return TRUST.empty()
    judge = Judge(seen)
    told = [
        _row(name, list(some), judge, seen.as_of_ns) for name, some in groupby(_placed(counted(crossed, seen)), _name)
    ]
    as_told = {**TRUST.schema, "facts_at": pl.Int64(), "as_of": pl.Int64()}
    return (
        pl.DataFrame(told, schema=as_told, orient="row")
        .cast(TRUST.schema)
        .sort(
            pl.col("may_accuse").replace_strict(_ORDER, return_dtype=pl.Int8),
            *("handoffs", *BOUNDARY),
            descending=[False, True] + [False] * len(BOUNDARY),
            nulls_last=True,
        )
    )


def _placed(told: pl.DataFrame) -> list[Way]:
    """The ways by their boundary: the services of owned sides left out (`sender` and `receiver` keep them).

    So `summaries.boundaries` has it: a boundary lies between two owners, and where a side is unowned the service itself
    stands for it.
    """
    sides = (("from_team", "from_service", "sender"), ("to_team", "to_service", "receiver"))
    said = ~pl.col("channel").str.starts_with(UNSAID)
    return (
        told.with_columns(pl.col(service).alias(kept) for _, service, kept in sides)
        .with_columns(pl.when(pl.col(team) == UNOWNED).then(service).alias(service) for team, service, _ in sides)
        .with_columns(
            pl.col("channel").alias("destination"),
            *(pl.when(said).then(name).alias(name) for name in ("channel", "channel_team")),
        )
        .sort(BOUNDARY, nulls_last=True, maintain_order=True)
        .to_dicts()
    )


def _name(way: Way) -> tuple[Any, ...]:
    return tuple(way[name] for name in BOUNDARY)


def _row(name: tuple[Any, ...], ways: list[Way], judge: Judge, as_of_ns: int) -> dict[str, Any]:
    """One row of TRUST."""
    sums = {count: sum(way[count] for way in ways) for count in COUNTS}
    total = sums["handoffs"]
    looked_ns, counters = judge.looked(ways)
    blind = [(judge.blind(way), way) for way in ways]
    seen = [way for what, way in blind if what is None]
    owed = sum(way["handoffs"] for what, way in blind if what != ONWARD)
    blinds = _ranked((what, way["handoffs"], way) for what, way in blind if what is not None)
    weak = _ranked((what, count, way) for way in seen for what, count in judge.weak(way, counters=counters))
    weak = [found for found in weak if found[1] > TRUST_SHARE_MAX * owed]
    accusable = sum(way["handoffs"] for way in seen)
    may = _may(owed, accusable, seen, weak)
    heavy = [found for found in blinds if found[1] > TRUST_SHARE_MAX * owed]
    mend, team = (None, None) if may == "yes" else _mend(heavy + weak + blinds, judge)
    message = name[0] == "message"
    return {
        **dict(zip(BOUNDARY, name, strict=True)),
        "may_accuse": may,
        "reasons": [_reason(found, total, judge) for found in blinds + weak],
        "mend": mend,
        "mend_team": team,
        "handoffs": total,
        "accusable": accusable,
        "received": sums["received"],
        **{part: sums[part] / total for part in _SHARES},
        **{part: sums[part] / total if message else None for part in _OF_MESSAGES},
        "facts_at": looked_ns,
        "counters": counters,
        "deadline": _deadline([way for way in ways if message and _expected(way)]),
        "learned_from": learned([way for way in ways if _expected(way)] or ways),
        "blinds": [{"blind": what, "handoffs": count} for what, count, _ in blinds],
        "as_of": as_of_ns,
    }


def _ranked(hints: Iterable[tuple[str, int, Way]]) -> Found:
    """The same by name, counted, those of the most handoffs first; what concerns none is left out."""
    ways: dict[str, list[Way]] = {}
    counts: dict[str, int] = {}
    for what, count, way in hints:
        if count > 0:
            ways.setdefault(what, []).append(way)
            counts[what] = counts.get(what, 0) + count
    return [(what, counts[what], ways[what]) for what in sorted(counts, key=lambda name: (-counts[name], _RANK[name]))]


def _may(owed: int, accusable: int, seen: list[Way], weak: Found) -> str:
    """See the table above."""
    if not accusable:
        return "no"
    convicted = any(way["proof"] in BY_PROGRESS for way in seen)
    if seen[0]["kind"] == "message" and not convicted and all(map(_untaught, seen)):
        return "unknown"
    if weak or owed - accusable > TRUST_SHARE_MAX * owed:
        return "limited"
    return "yes"


def _untaught(way: Way) -> bool:
    """Whether nothing is known of a way beyond that few messages took it."""
    return learning(way) and not nobody(way)


def _reason(found: tuple[str, int, list[Way]], total: int, judge: Judge) -> str:
    what, count, ways = found
    return f"{count:,} of {total:,} handoffs: {BY_NAME[what].told.format(**_words(ways, judge))}"


def _mend(found: Found, judge: Judge) -> tuple[str | None, str | None]:
    """The change for the first of these that has one, and whose it is."""
    for what, _, ways in found:
        hindrance = BY_NAME[what]
        if hindrance.change is not None:
            return hindrance.change.format(**_words(ways, judge)), _team(what, ways, judge)
    return None, None


def _team(what: str, ways: list[Way], judge: Judge) -> str | None:
    """Whose change it is: that of whoever receives unpaired, where no receiver is known."""
    sides = {"senders": ("from_team",), "receivers": ("to_team",), "both": ("from_team", "to_team")}
    names = {way[side] for way in ways for side in sides.get(BY_NAME[what].by, ())}
    if "to_team" in sides.get(BY_NAME[what].by, ()):
        names |= {team for way in ways if way["to_team"] is None for team in judge.heard(way).values()}
    return SEVERAL.join(sorted(names - {None})) or None


def _words(ways: list[Way], judge: Judge) -> dict[str, str]:
    """What the sentences of a hindrance name."""
    receiving = [receivers(way) or judge.heard(way) for way in ways]
    return {
        "senders": _listed(way["sender"] for way in ways),
        "receivers": _listed(name for some in receiving for name in some) or "its receiver",
        "place": _place(ways),
        "channel": ways[0]["channel"] or "what is sent here",
        "sampled": _listed(name for way in ways for name in judge.tails(way)),
        "keys": _listed(key for way in ways for key in judge.hot(way)),
        "pairs": f"{learned(ways):,}",
        "needed": f"{DEADLINE_PAIRS_MIN:,}",
    }


def _place(ways: list[Way]) -> str:
    """Where the handoffs of these ways go, as their receiver would know it."""
    if ways[0]["kind"] == "call":
        return _listed(way["target"] or "its callee" for way in ways)
    queues = {way["queue"] for way in ways}
    if None not in queues:
        return f"queue {_listed(queues)}"
    if ways[0]["channel"] is not None:
        return f"channel {ways[0]['channel']}"
    return f"what {_listed(way['sender'] for way in ways)} sends"


def _listed(names: Iterable[str]) -> str:
    """`a, b and 3 more`: at most NAMES_MAX of them, sorted."""
    every = sorted(set(names))
    more = f" and {len(every) - NAMES_MAX:,} more" if len(every) > NAMES_MAX else ""
    return ", ".join(every[:NAMES_MAX]) + more


def _expected(way: Way) -> bool:
    """Whether a receipt is waited for on this way."""
    return way["relation"] == "expected" and not nobody(way)


def _deadline(ways: list[Way]) -> str | None:
    """Where the weakest deadline among these comes from."""
    if not ways:
        return None
    if any(map(learning, ways)):
        return "default"
    return "declared" if all(way["declared"] or way["timed"] == way["handoffs"] for way in ways) else "learned"
