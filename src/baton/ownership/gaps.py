"""Gaps: services and channels that nobody owns, what lies between two owners, owners whom nobody can wake."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from baton.limits import PARTIES_SHOWN_MAX
from baton.ownership.assign import service_facts
from baton.ownership.coverage import CHANNEL
from baton.schema import COVERAGE, UNOWNED

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from baton.ownership.catalog import Catalog, Team
    from baton.ownership.rules import Decision, Rules


def unowned_services(served: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    """COVERAGE's section unowned, of services, by their spans that nobody owns."""
    rows = [
        ("unowned", "service", tenant, environment, name, None, unowned, last_ns, _lack(unowned, spans, decision))
        for tenant, environment, name, namespace, spans, unowned, last_ns in served.iter_rows()
        if unowned
        for decision in [rules.explain(*service_facts(name, namespace))]
    ]
    return frame(rows)


def _lack(unowned: int, spans: int, decision: Decision) -> str:
    part = "" if unowned == spans else f"{unowned:,} of its {spans:,} spans: "
    if decision.gray:
        return f"{part}a gray area of {' and '.join(decision.claimants)}"
    if decision.matched:
        return f"{part}rules on their attributes or parts name several owners"
    return f"{part}no rule matches it; add it to a team's owns"


def unowned_channels(placed: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    """COVERAGE's section unowned, of channels, by their messages that nobody owns the place of."""
    lacking = (
        placed.filter(~pl.col("owned"))
        .group_by(CHANNEL)
        .agg(pl.col("queue").unique().drop_nulls().sort(), pl.col("messages").sum(), pl.col("last_seen").max())
    )
    rows = [
        ("unowned", "channel", tenant, environment, name, None, messages, seen, _unclaimed(name, queues, rules))
        for tenant, environment, name, queues, messages, seen in timed(lacking).iter_rows()
    ]
    return frame(rows)


def _unclaimed(channel: str, queues: list[str], rules: Rules) -> str:
    decision = rules.explain(("channel", channel))
    over = f" ({some(queues, 'queue ', ', ')})" if queues else ""
    if decision.gray:
        return f"a gray area of {' and '.join(decision.claimants)}{over}"
    return f"no rule matches it{over}; add it to a team's owns"


def orphans(placed: pl.DataFrame) -> pl.DataFrame:
    """COVERAGE's section orphan: whose channel is nobody's although those who send and receive there are known."""
    between = placed.filter(
        ~pl.col("owned"), pl.col("from_team") != UNOWNED, pl.col("to_team").is_not_null(), pl.col("to_team") != UNOWNED
    )
    rows = []
    for (tenant, environment, channel), part in timed(between).group_by(CHANNEL, maintain_order=True):
        ways = part.group_by("from_team", "from_service", "to_team", "to_service", "queue").agg(
            pl.col("messages").sum()
        )
        ways = ways.sort("messages", *ways.columns[:-1], descending=[True] + [False] * 5)
        told = [_way(*way) for *way, _ in ways.iter_rows()]
        detail = f"{some(told, '', '; ')}: both ends are owned, and nobody answers for what lies between"
        count, seen = int(part["messages"].sum()), part["last_seen"].max()
        rows.append(("orphan", "channel", tenant, environment, channel, None, count, seen, detail))
    return frame(rows)


def _way(from_team: str, from_service: str, to_team: str, to_service: str | None, queue: str | None) -> str:
    over = f" by queue {queue}" if queue else ""
    return f"{from_team} ({from_service}) to {to_team} ({to_service or 'unknown'}){over}"


def unreachable(catalog: Catalog, known: pl.DataFrame) -> pl.DataFrame:
    """COVERAGE's section unreachable: owners whom nobody can wake, those with the most spans first.

    Args:
        catalog: the ownership file.
        known: the frame of `seen.traffic`, with `team`.
    """
    owned = known.group_by("team").agg(pl.col("spans").sum(), pl.col("last_ns").max())
    spans = {team: (count, last_ns) for team, count, last_ns in owned.iter_rows()}
    return frame(
        ("unreachable", "team", None, None, team.name, team.name, *spans.get(team.name, (0, None)), _mute(team))
        for team in catalog.teams
        if team.escalation is None
    )


def _mute(team: Team) -> str:
    ways = {"contact": team.contact}
    lacking = [name for name, value in ways.items() if not value]
    stated = [f"{name} {value}" for name, value in ways.items() if value]
    known = f"; known is {', '.join(stated)}" if stated else ""
    return f"no escalation{''.join(f', no {name}' for name in lacking)}: say whom to wake{known}"


def some(told: Sequence[str], before: str, between: str) -> str:
    """At most PARTIES_SHOWN_MAX of them, the rest counted."""
    more = len(told) - PARTIES_SHOWN_MAX
    shown = between.join(f"{before}{one}" for one in told[:PARTIES_SHOWN_MAX])
    return shown + (f" and {more:,} more" if more > 0 else "")


def timed(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with its times as ns."""
    return frame.with_columns(pl.col("last_seen").to_physical())


def frame(rows: Iterable[tuple[object, ...]]) -> pl.DataFrame:
    """COVERAGE, the most traffic first."""
    # By rows of Python: a time is given as whole ns.
    schema = pl.Schema({**COVERAGE.schema, "last_seen": pl.Int64()})
    frame = pl.DataFrame(list(rows), schema=schema, orient="row").cast(COVERAGE.schema)
    return frame.sort("count", *COVERAGE.names[:5], descending=[True] + [False] * 5)
