"""All that is known of a name: the things that bear it, whose they are and why, and the dimensions of owning them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from baton.documents import quote
from baton.errors import NotFoundError
from baton.limits import NAME_CHARS_MAX, NEAREST_NAMES_MAX, SECOND_NS
from baton.maps import dimensions
from baton.maps.owned import party, verdict
from baton.ownership.assign import service_facts, span_facts
from baton.ownership.attributes import CLAIM
from baton.ownership.rules import compile_rules
from baton.ownership.teams import ExternalParty
from baton.ownership.told_by import TOLD, TOLD_BY
from baton.reports.who_model import Dependency, Holding, Thing, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from baton.looks import Spans
    from baton.ownership.catalog import Catalog, JourneyType
    from baton.ownership.rules import Decision, Fact, Rules
    from baton.ownership.teams import Claim
    from baton.reports.who_model import Link

    Place = Literal["channel", "queue"]

_HOME = ("tenant", "environment")
_WHOLE = ("service_namespace", TOLD_BY, TOLD)
_PARTS = ("rpc_service", "http_route")
"""Columns by which spans are owned: with their service, and apart from it."""
_CLAIMED = "attributes of these spans decide, before all that is known of the service"
_INSIDE = {"called by": "calls by", "receives from": "messages by"}
"""A journey type's senders: what they do within it."""
_SECTIONS = {
    "services": "service",
    "namespaces": "namespace",
    "channels": "channel",
    "queues": "queue",
    "rpc_services": "rpc_service",
    "http_routes": "http_route",
    "attributes": "attribute",
}


@dataclass(frozen=True)
class Known:
    """What names are looked up in.

    Attributes:
        rows: the handoffs of the window, of HANDOFFS at least `dimensions.TOUCHED`.
        spans: those that began in the window.
        catalog: the ownership files.
        at_ns: ownership is told as of then.
    """

    rows: pl.DataFrame
    spans: Spans
    catalog: Catalog
    at_ns: int

    @cached_property
    def rules(self) -> Rules:
        """The catalog's rules."""
        return compile_rules(self.catalog)

    @cached_property
    def kinds(self) -> dict[str, JourneyType]:
        """The declared journey types, by name."""
        return {kind.name: kind for kind in self.catalog.journey_types}

    @cached_property
    def critical(self) -> list[str]:
        """The critical ones of them."""
        return [kind.name for kind in self.catalog.journey_types if kind.criticality == "critical"]

    def decide(self, *facts: Fact) -> Decision:
        """Whose a thing is of which these facts are known."""
        return self.rules.explain(*facts, at_ns=self.at_ns)

    def owned(self, kind: str, name: str) -> bool:
        """Whether a file names it as it stands."""
        claims = (claim for owner in self.catalog.owners.values() for claim in getattr(owner.owns, f"{kind}s"))
        return any(claim.name == name for claim in claims)


def things(name: str, known: Known) -> tuple[Thing, ...]:
    """All that bear the name: a service, a channel, a queue, a journey type, a team or external party.

    Raises:
        NotFoundError: nothing does; the message tells the nearest names.
    """
    found = tuple(thing for teller in _TELLERS if (thing := teller(name, known)) is not None)
    if not found:
        near = get_close_matches(name[:NAME_CHARS_MAX], sorted(set(_names(known))), NEAREST_NAMES_MAX)
        hint = f"did you mean one of {quote(near)}?" if near else "`baton boundaries` shows the names in use"
        raise NotFoundError(
            f"{quote(name)} is no service, channel, queue, journey type, team or external party that the spans or the "
            f"ownership files know: {hint}"
        )
    return found


def _names(known: Known) -> Iterator[str]:
    """Every name that somebody might mean."""
    yield from known.spans.looks["service"].drop_nulls()
    for column in ("channel", "queue"):
        yield from known.rows[column].drop_nulls().unique()
    yield from known.kinds
    for owner in known.catalog.owners.values():
        yield owner.name
        claims = (*owner.owns.services, *owner.owns.channels, *owner.owns.queues)
        yield from (claim.name for claim in claims if not set(claim.name) & set("*?["))


def _service(name: str, known: Known) -> Thing | None:
    spans = known.spans.where(pl.col("service") == name)
    sent = known.rows.filter(pl.col("from_service") == name)
    received = known.rows.filter(pl.col("to_service") == name)
    if not (spans.height or sent.height or received.height or known.owned("service", name)):
        return None
    verdicts = _of_service(name, spans, known)
    touching = pl.concat([sent, received.filter(pl.col("from_service") != name)])
    to, away = (dimensions.links(rows, side, known.critical) for rows, side in ((received, "to"), (sent, "from")))
    upstream = [link for link in (*away, *to) if link.relation in {"calls", "receives from"}]
    told, more = dimensions.operations(spans)
    return Thing(
        kind="service",
        party=party(verdicts[0].owner, known.catalog),
        seen=bool(spans.height or touching.height),
        homes=_homes(pl.concat([spans.select(*_HOME), touching.select(_HOME)])),
        verdicts=verdicts,
        teams=tuple(_told_apart(spans, ("team",))),
        operations=told,
        operations_more=more,
        journeys=dimensions.uses(known.rows, touching, known.kinds),
        upstream=_by_weight(upstream),
        downstream=_by_weight([link for link in (*away, *to) if link not in upstream]),
        dependencies=tuple(_dependencies(name, upstream, known)),
        figures=dimensions.figures(sent, received, received, spans),
    )


def _of_service(name: str, spans: Spans, known: Known) -> tuple[Verdict, ...]:
    """Why it is whose, by what its spans are known by.

    As a whole, the most spans first, or by its name where it has none; then the parts of it that are decided apart: RPC
    services, HTTP routes, and spans whose own attributes decide.
    """
    whole = _told_apart(spans, _WHOLE) or [(None, None, None, 0)]
    verdicts = [verdict(known.decide(*service_facts(name, *told)), count) for *told, count in whole]
    if known.rules.kinds & set(_PARTS):
        for rpc, route, *told, count in _told_apart(spans, (*_PARTS, *_WHOLE)):
            decision = known.decide(*span_facts(rpc, route, service_facts(name, *told)))
            if decision.matched and decision.matched[0].kind in _PARTS:
                verdicts.append(verdict(decision, count))
    if CLAIM in spans.looks.columns:
        claims = [(team, count) for team, count in _told_apart(spans, (CLAIM,)) if team is not None]
        verdicts += [Verdict(team, ("attributes of its spans",), _CLAIMED, (), (), count) for team, count in claims]
    return tuple(verdicts)


def _told_apart(spans: Spans, columns: tuple[str, ...]) -> list[tuple[Any, ...]]:
    """Every combination of these columns with its spans, the most first; a column that is not there is null."""
    there = [pl.col(name) for name in columns if name in spans.looks.columns]
    absent = [pl.lit(None, dtype=pl.String).alias(name) for name in columns if name not in spans.looks.columns]
    if not there:
        return [(*[None] * len(columns), spans.height)] if spans.height else []
    told = spans.lazy().group_by(there).len().with_columns(absent).select(*columns, pl.col("len").cast(pl.Int64))
    return told.sort(-pl.col("len"), *columns).collect().rows()


def _channel(name: str, known: Known) -> Thing | None:
    return _place("channel", name, known)


def _queue(name: str, known: Known) -> Thing | None:
    return _place("queue", name, known)


def _place(kind: Place, name: str, known: Known) -> Thing | None:
    """What messages go over."""
    over = known.rows.filter(pl.col(kind) == name)
    declared = known.owned(kind, name) or (kind == "queue" and any(one.name == name for one in known.catalog.queues))
    if over.is_empty() and not declared:
        return None
    decision = known.decide((kind, name))
    return Thing(
        kind=kind,
        party=party(decision.owner, known.catalog),
        seen=not over.is_empty(),
        homes=_homes(over),
        verdicts=(verdict(decision),),
        journeys=dimensions.uses(known.rows, over, known.kinds),
        upstream=dimensions.links(over, "to", known.critical),
        downstream=dimensions.links(over, "from", known.critical),
        figures=dimensions.figures(over, over.clear(), over, None),
    )


def _journey_type(name: str, known: Known) -> Thing | None:
    kind = known.kinds.get(name)
    if kind is None:
        return None
    inside = known.rows.filter(pl.col("journey_type") == name)
    senders = dimensions.links(inside, "to", known.critical)
    return Thing(
        kind="journey type",
        party=party(kind.owner, known.catalog),
        seen=not inside.is_empty(),
        homes=_homes(inside),
        declared=tuple(_declared(kind)),
        journeys=dimensions.uses(known.rows, inside, known.kinds),
        upstream=tuple(replace(link, relation=_INSIDE[link.relation]) for link in senders),
        figures=dimensions.figures(inside, inside.clear(), inside, None),
    )


def _declared(kind: JourneyType) -> Iterator[str]:
    """What the file says of a journey type."""
    yield f"criticality: {kind.criticality}"
    yield f"begins with {kind.entry.span} of {kind.entry.service}"
    yield from (f"then {step.span} of {step.service}" for step in kind.steps)
    if kind.deadline_ns is not None:
        yield f"deadline: {kind.deadline_ns / SECOND_NS:g} s from its entry to its last handoff"


def _party(name: str, known: Known) -> Thing | None:
    """A team or external party: declared, or the owner of something by the word of telemetry alone."""
    sent, received = (known.rows.filter(pl.col(f"{side}_team") == name) for side in ("from", "to"))
    owner = known.catalog.owners.get(name)
    if owner is None and sent.is_empty() and received.is_empty():
        return None
    touching = pl.concat([sent, received.filter(pl.col("from_team") != name)])
    to, away = (
        dimensions.links(rows.filter(pl.col(f"{other}_team").ne_missing(pl.lit(name))), side, known.critical)
        for rows, side, other in ((received, "to", "from"), (sent, "from", "to"))
    )
    upstream = [link for link in (*away, *to) if link.relation in {"calls", "receives from"}]
    return Thing(
        kind="external party" if isinstance(owner, ExternalParty) else "team",
        party=party(name, known.catalog),
        seen=not touching.is_empty(),
        homes=_homes(touching),
        journeys=dimensions.uses(known.rows, touching, known.kinds),
        upstream=_by_weight(upstream),
        downstream=_by_weight([link for link in (*away, *to) if link not in upstream]),
        figures=dimensions.figures(sent, received, received, None),
        holdings=(*_seen(name, known), *_claimed(name, known)),
    )


def _seen(name: str, known: Known) -> Iterator[Holding]:
    """What it owns of what was seen."""
    yield from (Holding("service", one, count) for one, count in dimensions.services_of(known.rows, name))
    kinds: tuple[Place, ...] = ("channel", "queue")
    for kind in kinds:
        for one, count in dimensions.places(known.rows, kind):
            if known.decide((kind, one)).owner == name:
                yield Holding(kind, one, count)


def _claimed(name: str, known: Known) -> Iterator[Holding]:
    """What the files say that it owns: patterns, journey types, contracts with parties outside."""
    owner = known.catalog.owners.get(name)
    if owner is not None:
        for section, _, claim in owner.owns.claims():
            yield Holding(_SECTIONS[section], _spelled(claim), None, claim.source, claim.from_ns, claim.until_ns)
    yield from (Holding("journey type", kind.name, None) for kind in known.kinds.values() if kind.owner == name)
    for outside in known.catalog.external_parties:
        if outside.contract_owner == name:
            yield Holding("contract", outside.name, None)


def _spelled(claim: Claim) -> str:
    told = claim.model_dump()
    return f"{told['key']}={told['value']}" if "key" in told else str(told["name"])


def _dependencies(name: str, upstream: list[Link], known: Known) -> Iterator[Dependency]:
    """What files declare that it depends on, and whether that was seen; then what is seen and not declared.

    Nothing where no file declares anything of it: then everything would be undeclared.
    """
    declared = [one for one in known.catalog.dependencies if one.component == name]
    if not declared:
        return
    seen: dict[str, int] = {}
    for link in upstream:
        for other in {link.service, link.channel} - {None}:
            seen[str(other)] = seen.get(str(other), 0) + link.handoffs
    for one in declared:
        yield Dependency(one.on, one.relation, one.source, seen.get(one.on, 0))
    names = {one.on for one in declared}
    for link in _by_weight(upstream):
        # One end of a way is enough: a file names the API or channel, or the service behind it.
        if not names & {link.service, link.channel} and link.service is not None:
            yield Dependency(link.service, None, None, link.handoffs)
            names.add(link.service)


def _by_weight(links: list[Link]) -> tuple[Link, ...]:
    """The ways of most critical journeys first."""

    def weight(link: Link) -> tuple[int, int, str, str, str]:
        return -link.critical, -link.handoffs, link.relation, link.service or "", link.channel or ""

    return tuple(sorted(links, key=weight))


def _homes(rows: pl.DataFrame) -> tuple[tuple[str, str], ...]:
    return tuple(rows.select(_HOME).unique().sort(_HOME).iter_rows())


_TELLERS: tuple[Callable[[str, Known], Thing | None], ...] = (_service, _channel, _queue, _journey_type, _party)
