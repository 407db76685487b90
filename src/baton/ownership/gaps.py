"""Gaps: services and channels that nobody owns, what lies between two owners, owners whom nobody can wake."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from baton.limits import PARTIES_SHOWN_MAX
from baton.ownership.coverage import CHANNEL
from baton.ownership.teams import ExternalParty
from baton.ownership.told_by import REFUSED, TOLD_BY
from baton.schema import COVERAGE, UNOWNED

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from baton.ownership.catalog import Catalog
    from baton.ownership.named import Owners
    from baton.ownership.rules import Decision, Rules
    from baton.ownership.teams import Team


def unowned_services(served: pl.DataFrame, owners: Owners) -> pl.DataFrame:
    """COVERAGE's section unowned_service, by their spans that nobody owns.

    Args:
        served: the frame of `coverage.services`.
        owners: who owns them, and why not.
    """
    return frame(
        (
            "unowned_service",
            "service",
            tenant,
            environment,
            name,
            None,
            unowned,
            last_ns,
            _lack(unowned, spans, decisions),
        )
        for tenant, environment, name, spans, unowned, last_ns in served.iter_rows()
        if unowned
        for decisions in [owners.decisions((tenant, environment, name), last_ns)]
    )


def _lack(unowned: int, spans: int, decisions: Sequence[Decision]) -> str:
    part = "" if unowned == spans else f"{unowned:,} of its {spans:,} spans: "
    if any(one.matched for one in decisions) and not any(one.gray for one in decisions):
        return f"{part}finer rules, on attributes or on parts of it, or its processes name several owners"
    return part + _unclaimed(decisions)


def _unclaimed(decisions: Sequence[Decision]) -> str:
    """Why it is nobody's: of the decisions on it the one that says most."""
    tied = next((one for one in decisions if one.gray), None)
    return _unmatched(decisions) if tied is None else f"a gray area of {' and '.join(tied.claimants)}"


def _unmatched(decisions: Sequence[Decision]) -> str:
    lapsed = [rule for one in decisions for rule in one.lapsed]
    if lapsed:
        return f"only rules match it whose dates do not hold: {some(list(map(str, lapsed)), '; ')}"
    return "no rule matches it; add it to what a team owns"


def unowned_channels(placed: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    """COVERAGE's section unowned_channel, by their messages that nobody owns the place of."""
    lacking = (
        placed.filter(~pl.col("owned"))
        .group_by(CHANNEL)
        .agg(pl.col("queue").unique().drop_nulls().sort(), pl.col("messages").sum(), pl.col("last_seen").max())
    )
    return frame(
        ("unowned_channel", "channel", tenant, environment, name, None, messages, seen_ns, detail)
        for tenant, environment, name, queues, messages, seen_ns in timed(lacking).iter_rows()
        for decisions in [_of_channel(name, queues, rules, seen_ns)]
        for detail in [_unclaimed(decisions) + (f" (taken from {some(queues, ', ')})" if queues else "")]
    )


def _of_channel(channel: str, queues: Sequence[str], rules: Rules, at_ns: int) -> list[Decision]:
    """Why the channel and its queues are whose; one without a queue of another name is a queue itself."""
    named = [("channel", channel), *(("queue", queue) for queue in queues or [channel])]
    return [rules.explain(fact, at_ns=at_ns) for fact in named]


def orphans(placed: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    """COVERAGE's section orphan: channels that nobody claims although those who send and receive there are known.

    What several claim is a gray area, and told as one.
    """
    between = placed.filter(
        ~pl.col("owned"), pl.col("from_team") != UNOWNED, pl.col("to_team").is_not_null(), pl.col("to_team") != UNOWNED
    )
    return frame(
        ("orphan", "channel", *home, channel, None, int(part["messages"].sum()), seen_ns, _between(part))
        for (*home, channel), part in timed(between).group_by(CHANNEL, maintain_order=True)
        for seen_ns in [part["last_seen"].max()]
        for queues in [part["queue"].drop_nulls().unique().to_list()]
        if not any(one.gray for one in _of_channel(str(channel), queues, rules, seen_ns))  # type: ignore[arg-type]  # of an Int64 column
    )


def _between(part: pl.DataFrame) -> str:
    """Who hands over to whom there, the most messages first."""
    parties = ["from_team", "from_service", "to_team", "to_service", "queue"]
    ways = part.group_by(parties).agg(pl.col("messages").sum())
    ways = ways.sort("messages", *parties, descending=[True] + [False] * len(parties))
    told = [_way(*way) for *way, _ in ways.iter_rows()]
    return f"{some(told, '; ')}: both ends are owned, and nobody answers for what lies between"


def _way(from_team: str, from_service: str, to_team: str, to_service: str | None, queue: str | None) -> str:
    over = f" by queue {queue}" if queue else ""
    return f"{from_team} ({from_service}) to {to_team} ({to_service or 'unknown'}){over}"


def unreachable(catalog: Catalog, known: pl.DataFrame, signed: Iterable[str], as_of_ns: int) -> pl.DataFrame:
    """COVERAGE's section unreachable: owners whom nobody can wake, also those whom telemetry alone names.

    Args:
        catalog: the ownership files.
        known: the frame of `seen.traffic`, with `team`.
        signed: owners of contracts.
        as_of_ns: whoever owns nothing any more then is left out; and whoever claims nothing and answers for no journey
            type, contract or external party: Backstage makes every group a team.
    """
    answering = {
        *signed,
        *(kind.owner for kind in catalog.journey_types),
        *(party.contract_owner for party in catalog.external_parties),
    }
    owned = known.group_by("team").agg(pl.col("spans").sum(), pl.col("last_ns").max())
    spans = {team: (count, last_ns) for team, count, last_ns in owned.iter_rows()}
    mute = {
        owner.name: (_party(owner), _mute(owner))
        for owner in catalog.owners.values()
        if owner.escalation is None and (owner.until_ns is None or as_of_ns < owner.until_ns)
        if isinstance(owner, ExternalParty) or owner.name in answering or any(owner.owns.claims())
    }
    stranger = "telemetry alone names it: add it to teams in ownership.yaml, and say whom to wake"
    mute |= {team: ("team", stranger) for team in spans if team != UNOWNED and team not in catalog.owners}
    return frame(
        ("unreachable", kind, None, None, name, None, *spans.get(name, (0, None)), why)
        for name, (kind, why) in mute.items()
    )


def _party(owner: Team) -> str:
    return "external party" if isinstance(owner, ExternalParty) else "team"


def _mute(owner: Team) -> str:
    ways = {"on-call link": owner.on_call, "contact": owner.contact, **owner.contacts}
    if isinstance(owner, ExternalParty):
        ways["contract owner"] = owner.contract_owner
    stated = [f"{name} {value}" for name, value in ways.items() if value]
    lacking = [f", no {name}" for name, value in ways.items() if not value]
    known = f"; known is {some(stated, ', ')}" if stated else ""
    return f"no escalation{''.join(lacking)}: say whom to wake{known}"


def notes(catalog: Catalog, known: pl.DataFrame, told: frozenset[str]) -> pl.DataFrame:
    """COVERAGE's section note: what was not used of the ownership files, and owners in telemetry that are no names.

    Args:
        catalog: the ownership files.
        known: the frame of `seen.traffic`, with `team`.
        told: how notes begin that are told in a section of their own (`gray.told`).
    """
    left = [note for note in catalog.notes if not note.startswith(tuple(told))]
    rows: list[tuple[object, ...]] = [("note", "file", None, None, "", None, 0, None, note) for note in left]
    if REFUSED in known.columns:
        refused = known.filter(REFUSED).group_by("tenant", "environment", "service", TOLD_BY)
        named = refused.agg(pl.col("spans").sum(), pl.col("last_ns").max())
        rows += [
            ("note", "service", *home, name, None, count, seen, f"names an owner in {attribute} that is no name")
            for *home, name, attribute, count, seen in named.iter_rows()
        ]
    return frame(rows)


def some(told: Sequence[str], between: str) -> str:
    """At most PARTIES_SHOWN_MAX of them, the rest counted."""
    more = len(told) - PARTIES_SHOWN_MAX
    shown = between.join(told[:PARTIES_SHOWN_MAX])
    return shown + (f" and {more:,} more" if more > 0 else "")


def timed(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with its times as ns."""
    return frame.with_columns(pl.col("last_seen").to_physical())


def frame(rows: Iterable[tuple[object, ...]]) -> pl.DataFrame:
    """COVERAGE, each row once, the most traffic first."""
    # By rows of Python: a time is given as whole ns.
    schema = pl.Schema({**COVERAGE.schema, "last_seen": pl.Int64()})
    frame = pl.DataFrame(list(rows), schema=schema, orient="row").cast(COVERAGE.schema).unique()
    return frame.sort("count", *COVERAGE.names[:5], descending=[True] + [False] * 5)
