"""Rules about what is sent: keys that no binding takes, publishes that nobody waits for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from baton.lint.subjects import Found

if TYPE_CHECKING:
    from collections.abc import Iterator

    from baton.lint.subjects import Broker, Exchange

_NAMED_MAX = 4


def untaken(exchange: Exchange) -> Iterator[Found]:
    """No binding takes what is sent to it, and no alternate exchange parks that."""
    row = exchange.row
    keys, services = row["routing_keys"], row["services"]
    change = (
        "bind a queue for it, or name an alternate exchange that parks it; publish mandatory with confirms, so that "
        "the sender is told"
    )
    if not row["handoffs"]:
        message = (
            f"nothing is bound to {row['exchange']}, and it has no alternate exchange: whatever is sent to it is gone"
        )
        yield Found("warning", message, f"{change}; or delete the exchange", {})
        return
    under = f" under {_some(keys)}" if keys else ""
    message = (
        f"{_some(services)} sent {row['handoffs']:,} messages to {row['exchange']}{under}: no binding takes that, and "
        f"there is no alternate exchange"
    )
    figures = {"handoffs": row["handoffs"], "services": services, "routing_keys": keys}
    yield Found("error", message, change, figures)


def unconfirmed(broker: Broker) -> Iterator[Found]:
    """Nobody on this broker waits for a publisher confirm, by its counters."""
    if not broker.published or broker.confirmed != 0:
        return
    figures = {"published": broker.published, "confirmed": 0, "services": list(broker.services)}
    who = f" ({_some(broker.services)})" if broker.services else ""
    counted = f"of {broker.published:,} messages published{who} none was on a channel that waits for confirms"
    change = "publish with confirms, and keep and send again what is refused; a confirm never proves delivery"
    if broker.refusing:
        message = (
            f"{counted}, and {_some(broker.refusing)} refuses messages at its limit: their senders never learn of it"
        )
        yield Found("warning", message, change, figures)
    else:
        message = f"{counted}: of what is lost on the way to the broker, no sender learns"
        yield Found("note", message, change, figures)


def _some(names: list[str] | tuple[str, ...]) -> str:
    more = len(names) - _NAMED_MAX
    return ", ".join(names[:_NAMED_MAX]) + (f" and {more:,} more" if more > 0 else "")
