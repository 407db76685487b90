"""Rules about limits: who shares one, where what it turns away goes, what it turns away first."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from baton.lint.subjects import BY_KIND_ONLY, Flow, Found

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from baton.lint.subjects import Queue

_RANKS = {"critical": 0, "high": 1, "normal": 2, "low": 3}
_UNDECLARED = len(_RANKS)
_URGENT_MAX = 1
_OWN_QUEUE = "a queue of its own"
"""How the alternatives begin that `findings.whatif` calls so."""
_NAMED_MAX = 4
"""Flows that a sentence names; the figures have them all."""

_AT_LIMIT = {
    "drop-head": "evicts the oldest at its limit (drop-head)",
    "reject-publish": "refuses new messages at its limit (reject-publish)",
    "reject-publish-dlx": "refuses new messages at its limit and dead-letters them (reject-publish-dlx)",
}


def shared_bound(queue: Queue) -> Iterator[Found]:
    """Flows that share a limit can crowd each other out, whoever of them matters most."""
    if queue.fact["kind"] in BY_KIND_ONLY or queue.parks or not (queue.bounded or queue.fact["ttl_ns"] is not None):
        return
    flows = _told_apart(_together(queue.flows))
    ranks = [_RANKS.get(flow.criticality or "", _UNDECLARED) for flow in flows]
    if ranks and min(ranks) <= _URGENT_MAX:
        if max(ranks) > min(ranks):
            yield _crowded(queue, flows, ranks)
    elif _UNDECLARED in ranks or not flows:
        yield from _unjudged(queue, flows)


def _crowded(queue: Queue, flows: Sequence[Flow], ranks: Sequence[int]) -> Found:
    """Some are declared to matter more than others."""
    first = min(ranks)
    urgent = [flow for flow, rank in zip(flows, ranks, strict=True) if rank == first]
    others = [flow for flow, rank in zip(flows, ranks, strict=True) if rank > first]
    severity = "error" if queue.bounded and max(ranks) > _URGENT_MAX else "warning"
    share = "shares" if len(urgent) == 1 else "share"
    message = f"{_holds(queue)}, and {_named(urgent)} {share} it with {_named(others)}{_losses(queue)}"
    own = f"give {_short(urgent)} a queue of its own, with a limit of its own: then the others cannot crowd it out"
    told = queue.replayed
    if told is not None and told.parting and told.best is not None and told.best.startswith(_OWN_QUEUE):
        change = f"{own}; {told.why} (`baton whatif`)"
    elif told is not None and told.parting is False:
        # What a replay of the same traffic contradicts is not recommended.
        change = f"parting them is not enough{_replayed(queue)}"
    else:
        change = f"{own}{_replayed(queue)}"
    return Found(severity, message, change, _figures(queue))


def _unjudged(queue: Queue, flows: Sequence[Flow]) -> Iterator[Found]:
    """Nobody declared which of them matters most: several senders are worse than one that sends several kinds."""
    unseen = sorted({route.exchange for route in queue.routes} - {flow.channel for flow in flows})
    share = f"{_named(flows)} share it{_losses(queue)}; nobody declared which of them is critical"
    if len({flow.service for flow in flows}) > 1:
        severity = "warning" if queue.bounded else "note"
    elif not flows and len(queue.routes) > 1:
        severity = "warning" if queue.bounded else "note"
        routes = ", ".join(_route(*route) for route in queue.routes[:_NAMED_MAX])
        share = f"{len(queue.routes)} bindings share it ({routes}); without traffic nothing tells which is critical"
    elif flows and (len(flows) > 1 or unseen) and queue.bounded:
        severity = "note"
        if len(flows) == 1:
            share = f"{_named(flows)} fills it; {', '.join(unseen[:_NAMED_MAX])} may too, by its bindings"
    else:
        return
    change = "declare in ownership.yaml, by journey_types, what is critical, and give that a queue of its own"
    yield Found(severity, f"{_holds(queue)}, and {share}", change + _replayed(queue), _figures(queue))


def unparked(queue: Queue) -> Iterator[Found]:
    """What a full queue turns away is gone for good without a dead-letter exchange."""
    fact = queue.fact
    if not queue.bounded or fact["dead_letter"] is not None or queue.parks or not queue.told_whole:
        return
    if fact["kind"] in BY_KIND_ONLY:
        return
    figures = queue.bounds(handoffs=_sent(queue), lost=_overflowed(queue))
    if fact["overflow"] == "drop-head":
        message = f"{_holds(queue)}, and has no dead-letter exchange: what it evicts is gone, and nobody is told"
        change = (
            "name a dead-letter exchange with a queue behind it that somebody reads: what is evicted is parked there "
            "(at most once: a restart in between may lose it)"
        )
        yield Found("warning", message + _losses(queue), change, figures)
    else:
        message = f"{_holds(queue)}, and has no dead-letter exchange: what it refuses its sender keeps, or nobody"
        dead = "overflow reject-publish-dlx with a dead-letter exchange parks what is refused; "
        change = (
            f"{dead if fact['kind'] == 'classic' else ''}have senders wait for publisher confirms, and keep and send "
            "again what is refused"
        )
        yield Found("note", message, change, figures)


def priority_trap(queue: Queue) -> Iterator[Found]:
    """RabbitMQ's drop-head evicts the highest priority first (measured, 3.10)."""
    fact = queue.fact
    if not (queue.bounded and fact["priorities"] and fact["overflow"] == "drop-head") or fact["source"] == "neutral":
        return
    message = (
        f"{_holds(queue)}, and knows priorities up to {fact['priorities']}: RabbitMQ evicts the highest priority "
        f"first, so what matters most is lost before anything else{_losses(queue)}"
    )
    change = (
        "take the priorities out and give the critical flow a queue of its own; a priority protects nothing in a queue "
        f"that drops its head{_replayed(queue)}"
    )
    yield Found("error", message, change, queue.bounds(priorities=fact["priorities"], lost=_overflowed(queue)))


def _together(flows: Sequence[Flow]) -> list[Flow]:
    """Flows without their teams, the largest first: a sender that changes hands still sends one flow."""
    handoffs: dict[Flow, int] = defaultdict(int)
    for flow in flows:
        handoffs[flow._replace(team="", handoffs=0)] += flow.handoffs
    return sorted((flow._replace(handoffs=count) for flow, count in handoffs.items()), key=lambda one: -one.handoffs)


def _told_apart(flows: Sequence[Flow]) -> list[Flow]:
    """Flows, without those undeclared that a sender sends just as a declared one: it is not known to be another."""
    declared = {(flow.service, flow.channel, flow.routing_key) for flow in flows if flow.criticality is not None}
    return [
        flow
        for flow in flows
        if flow.criticality is not None or (flow.service, flow.channel, flow.routing_key) not in declared
    ]


def _holds(queue: Queue) -> str:
    if not queue.bounded:
        return f"{queue.name} lets messages expire after {queue.fact['ttl_ns'] / 1e6:,.0f} ms"
    at_limit = _AT_LIMIT.get(queue.fact["overflow"], "what it does at its limit is not known")
    return f"{queue.name} holds {queue.limit()} and {at_limit}"


def _losses(queue: Queue) -> str:
    lost = _overflowed(queue) or 0
    return f"; {lost:,} of {_sent(queue):,} sent were turned away by it" if lost and queue.bounded else ""


def _replayed(queue: Queue) -> str:
    """What a replay of its traffic recommends, where it was replayed."""
    told = queue.replayed
    if told is None:
        return ""
    if told.best is None:
        return "; replayed (`baton whatif`), no change to this queue alone saves all in time: serve faster or send less"
    return f"; replayed (`baton whatif`), what saves it is {told.best}: {told.why}"


def _overflowed(queue: Queue) -> int | None:
    return None if queue.traffic is None else queue.traffic.overflow


def _sent(queue: Queue) -> int | None:
    return None if queue.traffic is None else queue.traffic.handoffs


def _figures(queue: Queue) -> dict[str, object]:
    """Limits, and who shares them; of the bindings where nobody was seen."""
    shared: dict[str, object] = {"flows": [flow._asdict() for flow in _told_apart(queue.flows)]}
    if queue.routes:
        shared["bindings"] = [route._asdict() for route in queue.routes]
    return queue.bounds(**shared, handoffs=_sent(queue), lost=_overflowed(queue))


def _named(flows: Sequence[Flow]) -> str:
    """`trading (60 over trade.events, critical) and campaigns (800 over promo.events, undeclared)`."""
    said = [
        f"{flow.service} ({flow.handoffs:,} over {_route(flow.channel, flow.routing_key)}, "
        f"{flow.criticality or 'undeclared'}{'' if flow.journey_type is None else f' {flow.journey_type}'})"
        for flow in flows[:_NAMED_MAX]
    ]
    more = [f"{len(flows) - _NAMED_MAX:,} more"] if len(flows) > _NAMED_MAX else []
    return " and ".join(said + more)


def _short(flows: Sequence[Flow]) -> str:
    """`trading over trade.events`."""
    said = dict.fromkeys(f"{flow.service} over {_route(flow.channel, flow.routing_key)}" for flow in flows[:_NAMED_MAX])
    return " and ".join(said)


def _route(exchange: str, key: str | None) -> str:
    return exchange if key is None else f"{exchange} {key}"
