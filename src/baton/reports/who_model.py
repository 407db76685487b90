"""What `baton who` says of a name, for people and for JSON. Times are ns since 1970."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Party:
    """An owner, and how to reach it.

    Attributes:
        name: a team or external party; `unowned` where nobody owns it, or several do with equal right.
        external: it is a party outside.
        contract_owner: of a party outside the team inside that answers for it; else None.
        title: as people call it; None where no file says it, as of all below.
        escalation: whom to wake; of a party outside the contract owner's, if it has none itself.
        contact: how else to reach it.
        contacts: further ways, by name.
        on_call: a link.
        from_ns: it owns nothing before; None since ever.
        until_ns: it owns nothing from then on; None for ever.
    """

    name: str
    external: bool = False
    contract_owner: str | None = None
    title: str | None = None
    escalation: str | None = None
    contact: str | None = None
    contacts: Mapping[str, str] | None = None
    on_call: str | None = None
    from_ns: int | None = None
    until_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Matched:
    """A rule that matched what is known of a thing.

    Attributes:
        rule: as it stands: kind, pattern, owner.
        owner: for whom it speaks.
        source: the file that says so; empty where that is not known.
        outcome: decides; tied (in a gray area); conflict (it lost by its source alone, or contradicts the files);
            outranked; lapsed (it does not hold at that time).
        from_ns: it holds from then on; None ever since.
        until_ns: it holds no more from then on; None for ever.
    """

    rule: str
    owner: str
    source: str
    outcome: str
    from_ns: int | None = None
    until_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a thing is whose.

    Attributes:
        owner: who owns it; `unowned` where nobody does.
        facts: what is known of it, by which rules were matched: "service trading".
        why: one sentence.
        gray: those who claim it with equal right, if several; else none.
        rules: every rule that matched, that which decides first.
        spans: of it that are known by just these facts; None of what is no service.
    """

    owner: str
    facts: tuple[str, ...]
    why: str
    gray: tuple[str, ...]
    rules: tuple[Matched, ...]
    spans: int | None = None


@dataclass(frozen=True, slots=True)
class Operation:
    """Something that a service does.

    Attributes:
        kind: server, consumer, producer, client or internal; unspecified where a span does not say.
        name: span name.
        route: HTTP route, or RPC service and method; None where the span names none.
        spans: how many.
        errors: of them ended in an error.
        p50_ms: median of their durations.
        p99_ms: of 99 %.
    """

    kind: str
    name: str
    route: str | None
    spans: int
    errors: int
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class Use:
    """Journeys of one type that pass it.

    Attributes:
        journey_type: declared; None for journeys of no declared type.
        criticality: of the type; None without one.
        owner: of the type; None without one.
        journeys: that pass it.
        of: journeys of that type in the window that have handoffs.
    """

    journey_type: str | None
    criticality: str | None
    owner: str | None
    journeys: int
    of: int


@dataclass(frozen=True, slots=True)
class Link:
    """What it depends on, or what depends on it, directly.

    Attributes:
        relation: calls, receives from, called by, sends to; in a journey type calls by, messages by.
        service: the other one; None where nobody knows it.
        team: its owner; None likewise.
        channel: None for calls.
        handoffs: this way.
        lost: of them dropped or stuck.
        journeys: with such a handoff.
        critical: of them of critical types.
    """

    relation: str
    service: str | None
    team: str | None
    channel: str | None
    handoffs: int
    lost: int
    journeys: int
    critical: int


@dataclass(frozen=True, slots=True)
class Dependency:
    """A dependency, as declared and as seen.

    Attributes:
        on: what it depends on.
        relation: as the file puts it; None where it is seen and not declared.
        source: the file; None likewise.
        seen: handoffs that show it, in this window.
    """

    on: str
    relation: str | None
    source: str | None
    seen: int


@dataclass(frozen=True, slots=True)
class Figures:
    """How it runs, in this window.

    Attributes:
        sent: handoffs by verdict, of it as sender; of a channel or queue, of what goes over it.
        received: likewise of it as receiver, or as who should have been; none of a channel, queue or journey type.
        late: of what was received there after its deadline.
        wait_p50_ms: median from sent to received, of what it received; raw clocks; None where nothing was.
        wait_p99_ms: of 99 %.
        handled: its server and consumer spans.
        errors: of them ended in an error.
        p50_ms: median of their durations; None without any, as below.
        p99_ms: of 99 %.
        per_minute: of them, in the minutes that had any; None where all lies within less than a minute.
        first_ns: the first of its spans, or handoffs where it has no spans; None without any.
        last_ns: the last.
    """

    sent: Mapping[str, int]
    received: Mapping[str, int]
    late: int
    wait_p50_ms: float | None
    wait_p99_ms: float | None
    handled: int
    errors: int
    p50_ms: float | None
    p99_ms: float | None
    per_minute: float | None
    first_ns: int | None
    last_ns: int | None


@dataclass(frozen=True, slots=True)
class Holding:
    """Something that a party owns.

    Attributes:
        kind: service, channel or queue (seen); rpc_service, http_route, namespace, attribute (declared only); journey
            type; contract (with a party outside).
        name: its name, or the pattern that is declared.
        handoffs: seen that it takes part in, in this window; None of a pattern that is declared.
        source: the file that declares it; None of what is seen.
        from_ns: declared from then on; None ever since.
        until_ns: declared until then; None for ever.
    """

    kind: str
    name: str
    handoffs: int | None
    source: str | None = None
    from_ns: int | None = None
    until_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Thing:
    """One thing of that name.

    Attributes:
        kind: service, channel, queue, journey type, team or external party.
        party: who owns it; of a party, itself.
        seen: in spans or handoffs of this window.
        homes: (tenant, environment) in which it was seen; what is said of it is said of all of them together.
        verdicts: why it is whose; several where its spans are known by different facts; of a journey type or party
            none.
        teams: of a service (team, spans): whose its spans were when they began, most first.
        declared: of a journey type what its file says of it, as sentences; else none.
        operations: of a service, what it does, the most frequent first; at most WHO_OPERATIONS_MAX.
        operations_more: how many there are beyond these.
        journeys: that depend on it, the most critical and then the most frequent first.
        upstream: what it depends on: whom it calls, and from whom it receives.
        downstream: who depends on it: who calls it, and to whom it sends.
        dependencies: of a service, of which a file declares any: what is declared, and what is seen besides.
        figures: how it runs.
        holdings: of a party: what it owns, as seen, and then as declared.
    """

    kind: str
    party: Party
    seen: bool
    homes: tuple[tuple[str, str], ...]
    verdicts: tuple[Verdict, ...] = ()
    teams: tuple[tuple[str, int], ...] = ()
    declared: tuple[str, ...] = ()
    operations: tuple[Operation, ...] = ()
    operations_more: int = 0
    journeys: tuple[Use, ...] = ()
    upstream: tuple[Link, ...] = ()
    downstream: tuple[Link, ...] = ()
    dependencies: tuple[Dependency, ...] = ()
    figures: Figures | None = None
    holdings: tuple[Holding, ...] = ()


@dataclass(frozen=True, slots=True)
class Who:
    """What `baton who` says.

    Attributes:
        name: as asked.
        as_of_ns: event time of the judgement.
        owned_at_ns: ownership is told as of then: the end of the window, else `as_of_ns`.
        since_ns: lower bound on times, None without one.
        until_ns: upper bound, None without one.
        things: all that bear the name.
    """

    name: str
    as_of_ns: int
    owned_at_ns: int
    since_ns: int | None
    until_ns: int | None
    things: tuple[Thing, ...]
