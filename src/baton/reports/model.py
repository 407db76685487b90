"""What the renderers for people read: a report, a journey. Times are ns since 1970; ids are hex."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Finding:
    """All rows of one boundary, verdict, cause and episode: FINDINGS's row for people.

    Attributes:
        finding_id: as in the rows.
        kind: message, call or step.
        verdict: dropped or stuck.
        cause: a row of the table of causes.
        confidence: confirmed, inferred or suspected: the weakest of its rows.
        count: rows of this finding.
        handoffs: all rows of the boundary, whatever their verdict: what `count` is a part of.
        during: of these those sent between the first and the last of this finding.
        journeys: distinct journeys among its rows.
        from_team: owner of the senders, `unowned` where nobody is.
        to_team: owner of the receivers; None where no receiver is known.
        from_services: senders, the most frequent first.
        to_services: receivers, the most frequent first.
        channel: None for calls.
        channel_team: owner of the queue, else of the channel; None for calls.
        queue: None where unknown.
        accountable_team: None while the confidence is suspected or the cause unknown.
        accountable_why: why they, and what part the others have in it; None where nobody is.
        next_to_ask: whom to ask and why, where nobody is accountable yet.
        escalation: how to reach the accountable team; None where the ownership file says nothing.
        first_at: first send among its rows, ns.
        last_at: last send among its rows, ns.
        ongoing: nothing shows that it ended.
        since: rows of the boundary that came through since the last one.
        exemplars: trace ids, at most EXEMPLARS_MAX.
        evidence: sentences with the figures that convict.
        crowding: (service, team, criticality or None, share of the queue from 0 to 1) of the senders that crowded it
            out, largest first.
        journey_types: (name, owner, rows) of the declared journey types that it hit, most rows first.
        customers: distinct ones among the journeys hit; None where no span names one.
        segments: (segment, journeys), most first.
        amounts: (currency or None, exact sum, journeys) at risk, most journeys first.
        unreadable: journeys whose amount is no amount.
        unpriced: journeys without one.
        duplicates: rows that were processed twice, or made good by a resubmission.
        dispositions: rows per disposition.
        resubmitted: rows that the customer's own resubmission made good: expect duplicates.
        changed: sentences: what changed just before the first of them.
    """

    finding_id: str
    kind: str
    verdict: str
    cause: str
    confidence: str
    count: int
    handoffs: int
    during: int
    journeys: int
    from_team: str
    to_team: str | None
    from_services: tuple[str, ...]
    to_services: tuple[str, ...]
    channel: str | None
    channel_team: str | None
    queue: str | None
    accountable_team: str | None
    accountable_why: str | None
    next_to_ask: str | None
    escalation: str | None
    first_at: int
    last_at: int
    ongoing: bool
    since: int
    exemplars: tuple[str, ...]
    evidence: tuple[str, ...]
    crowding: tuple[tuple[str, str, str | None, float], ...]
    journey_types: tuple[tuple[str, str, int], ...]
    customers: int | None
    segments: tuple[tuple[str, int], ...]
    amounts: tuple[tuple[str | None, str, int], ...]
    unreadable: int
    unpriced: int
    duplicates: int
    dispositions: Mapping[str, int]
    resubmitted: int
    changed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """What `baton report` says.

    Attributes:
        as_of_ns: event time at which it was judged.
        since_ns: lower bound on `sent_at`, None without one.
        until_ns: upper bound on `sent_at`, None without one.
        store: the store's folder.
        findings: worst first.
        counts: rows per verdict; a verdict without rows may be left out.
        late: rows delivered after their deadline.
        blind: sentences: where Baton cannot see, by receiver and channel, and why.
        unowned: (service or channel, name, rows) of what has traffic and no owner, most rows first.
        profile: version of the expectations that the verdicts used; None where nothing is learned yet.
    """

    as_of_ns: int
    since_ns: int | None
    until_ns: int | None
    store: Path
    findings: tuple[Finding, ...]
    counts: Mapping[str, int]
    late: int
    blind: tuple[str, ...]
    unowned: tuple[tuple[str, str, int], ...]
    profile: str | None


@dataclass(frozen=True, slots=True)
class SpanLine:
    """One span of a journey.

    Attributes:
        start_ns: raw clock.
        end_ns: raw clock.
        service: service.name.
        team: its owner, or `unowned`.
        name: span name.
        status: unset, ok or error.
        role: send, receive, settle, client, server or None.
        depth: parents above it within the journey.
    """

    start_ns: int
    end_ns: int
    service: str
    team: str
    name: str
    status: str
    role: str | None
    depth: int


@dataclass(frozen=True, slots=True)
class Journey:
    """What `baton journey` says.

    Attributes:
        journey_id: trace id of its earliest root.
        journey_type: declared type; None where none fits.
        owner: the journey type's owner; None without a type.
        correlation: correlation id; None where the journey bears none or several.
        spans: by start.
        handoffs: rows of HANDOFFS as dicts (`DataFrame.to_dicts`), by sent_at.
        stopped: where it stopped and why, one sentence; None if every handoff arrived.
    """

    journey_id: str
    journey_type: str | None
    owner: str | None
    correlation: str | None
    spans: tuple[SpanLine, ...]
    handoffs: tuple[Mapping[str, Any], ...]
    stopped: str | None


@dataclass(frozen=True, slots=True)
class Saving:
    """What one alternative would have done to a queue.

    Attributes:
        alternative: in words.
        setting: its limit, TTL or retries, in words.
        lost: messages lost.
        lost_critical: of them of the critical flow; None where none is known.
        held: messages that a dead-letter place would hold.
        late: messages received after their deadline; None where clocks differ.
        peak: the most that ever waited.
        wait_ns: the longest that a received message waited.
    """

    alternative: str
    setting: str
    lost: int
    lost_critical: int | None
    held: int
    late: int | None
    peak: int
    wait_ns: int


@dataclass(frozen=True, slots=True)
class WhatIf:
    """What would have saved the messages that a queue lost.

    Attributes:
        queue: its name: by facts or the receiver's word, else its channels.
        team: its owner.
        escalation: how to reach the owner of the change.
        described: how it was set up, as far as a replay tells.
        fit: of that replay.
        messages: sent to it.
        critical: of them of the critical flow.
        flow: what the critical flow is, in words.
        lost: of them lost in truth.
        lost_critical: of these of the critical flow.
        crowding: (service, team, share of the queue when it lost critical messages, else any), largest first.
        agreement: of the losses in truth and in the model of the queue as it was (Jaccard).
        savings: the alternatives, the queue as it was first.
        unlimited: of the alternatives the queue without limit; None where it had none.
        best: the one that is recommended; None where none is.
        why: in a sentence.
        owner: who can make the change; None where nobody is known.
        sized: the mean size of its messages in bytes, and how many of their sends say one; None where none does.
    """

    queue: str
    team: str
    escalation: str | None
    described: str
    fit: float
    messages: int
    critical: int
    flow: str
    lost: int
    lost_critical: int
    crowding: tuple[tuple[str, str, float], ...]
    agreement: float
    savings: tuple[Saving, ...]
    unlimited: Saving | None
    best: str | None
    why: str
    owner: str | None
    sized: tuple[int, int] | None
