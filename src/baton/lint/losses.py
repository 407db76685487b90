"""Rules about what queues give up: messages that expire, are refused, or wait for nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from baton.limits import LINT_BACKWARDS_SHARE_MAX, LINT_TAIL_MESSAGES_MIN
from baton.lint.subjects import BY_KIND_ONLY, Found

if TYPE_CHECKING:
    from collections.abc import Iterator

    from baton.lint.subjects import Queue


def short_ttl(queue: Queue) -> Iterator[Found]:
    """A TTL shorter than the waits that are seen loses the slowest messages."""
    seen, ttl_ns = queue.traffic, queue.fact["ttl_ns"]
    if seen is None or ttl_ns is None or queue.fact["kind"] in BY_KIND_ONLY:
        return
    ttl_ms = ttl_ns / 1e6
    figures = queue.figures(
        "policy", "dead_letter", ttl_ms=ttl_ms, handoffs=seen.handoffs, lost=seen.expired, over_ttl=seen.over_ttl,
        p50_ms=seen.p50_ms, p99_ms=seen.p99_ms, max_ms=seen.max_ms,
    )  # fmt: skip
    letters = (
        "" if queue.fact["dead_letter"] is not None else ", and a dead-letter exchange for those that still expire"
    )
    change = f"set a TTL above the longest wait that is worth serving{letters}; or serve faster, or share less"
    if seen.expired and queue.replayed is not None and queue.replayed.best is not None:
        change += f"; replayed (`baton whatif`), what saves it is {queue.replayed.best}: {queue.replayed.why}"
    tail = "" if seen.p99_ms is None else f"; 99 of 100 that were received waited at most {seen.p99_ms:,.0f} ms"
    if seen.expired:
        message = (
            f"{queue.name} lets messages expire after {ttl_ms:,.0f} ms, and {seen.expired:,} of {seen.handoffs:,} sent "
            f"expired{tail}"
        )
        yield Found("error", message, change, figures)
        return
    clocks_agree = seen.backwards <= seen.received * LINT_BACKWARDS_SHARE_MAX
    if seen.over_ttl and clocks_agree and seen.received >= LINT_TAIL_MESSAGES_MIN:
        message = (
            f"{queue.name} lets messages expire after {ttl_ms:,.0f} ms, and {seen.over_ttl:,} of {seen.received:,} "
            f"received had waited longer{tail} (by two clocks; time that a receiver held it unread is in it)"
        )
        yield Found("warning", message, change, figures)


def unserved(queue: Queue) -> Iterator[Found]:
    """Nobody takes from it, by a snapshot that counted its consumers."""
    fact = queue.fact
    if fact["consumers"] != 0 or fact["kind"] in BY_KIND_ONLY:
        return
    waiting = fact["waiting"] or 0
    figures = queue.figures("consumers", "waiting")
    wait = "1 message waits" if waiting == 1 else f"{waiting:,} messages wait"
    if queue.parks:
        if waiting:
            message = f"{queue.name} parks what others gave up; {wait}, and nobody takes from it"
            yield Found("note", message, "have somebody read it, or an alarm on its length", figures)
    elif waiting:
        message = f"{queue.name} has no consumer, and {wait}"
        change = "start its receiver; if there is none any more, unbind and delete the queue"
        yield Found("warning", message, change, figures)
    else:
        message = f"{queue.name} has no consumer; nothing waits in it now"
        change = "start its receiver before anything is sent; if there is none any more, unbind and delete the queue"
        yield Found("note", message, change, figures)


def unparked_rejects(queue: Queue) -> Iterator[Found]:
    """What a receiver refuses is gone for good without a dead-letter exchange."""
    seen = queue.traffic
    if seen is None or not seen.rejected or queue.fact["dead_letter"] is not None or not queue.told_whole:
        return
    who = ", ".join(seen.refusers) or "its receiver"
    message = (
        f"{who} failed or refused {seen.rejected:,} of {seen.handoffs:,} messages of {queue.name}, which has no "
        f"dead-letter exchange: what is refused is gone"
    )
    change = "name a dead-letter exchange with a queue behind it that somebody reads, and refuse without requeueing"
    figures = queue.figures("dead_letter", handoffs=seen.handoffs, lost=seen.rejected, services=list(seen.refusers))
    yield Found("warning", message, change, figures)


def given_up(queue: Queue) -> Iterator[Found]:
    """A quorum queue gives a message up after so many deliveries."""
    fact = queue.fact
    if fact["deliveries_max"] is None or fact["dead_letter"] is not None or not queue.told_whole:
        return
    redelivered = fact["redelivered"] or 0
    said = f"; it has delivered {redelivered:,} again" if redelivered else ""
    message = (
        f"{queue.name} gives a message up after {fact['deliveries_max']:,} deliveries, and has no dead-letter "
        f"exchange: then it is gone{said}"
    )
    change = "name a dead-letter exchange with a queue behind it that somebody reads"
    severity = "warning" if redelivered else "note"
    yield Found(severity, message, change, queue.figures("deliveries_max", "redelivered", "policy"))


def letters_lost(queue: Queue) -> Iterator[Found]:
    """Its dead letters go to an exchange from which no binding leads on."""
    if not queue.nowhere:
        return
    exchange, key = queue.fact["dead_letter"], queue.fact["dead_letter_routing"]
    under = "" if key is None else f" under {key}"
    message = (
        f"dead letters of {queue.name} go to {exchange or 'the default exchange'}{under}, from where no binding leads "
        f"on: they are gone"
    )
    change = "declare that exchange and bind a queue to it that somebody reads"
    yield Found("warning", message, change, queue.figures("dead_letter", "dead_letter_routing", "policy"))
