"""Handoffs in a few words, for maps: who hands to whom in which journey. Times are ms after START."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from baton.maps.graph import service_graph, team_graph
from baton.maps.review import review
from baton.reports.map_model import Map
from baton.schema import HANDOFFS, UNOWNED

if TYPE_CHECKING:
    from collections.abc import Mapping

START = datetime(2026, 3, 14, 9, 0, tzinfo=UTC)
START_NS = int(START.timestamp()) * 1_000_000_000

TEAMS = {"gateway": "wealth", "trade": "trading", "risk": "risk", "notify": "messages", "legacy": UNOWNED}
PLACES = {"orders": "messages", "orders-q": "messages"}


def hop(
    sender: str,
    receiver: str | None,
    channel: str | None = None,
    *,
    at: int = 0,
    took: int = 5,
    journey: str = "a",
    kind: str | None = None,
    verdict: str = "delivered",
    **more: Any,  # noqa: ANN401 - columns of HANDOFFS
) -> dict[str, Any]:
    """A row of HANDOFFS: by call, or over a channel; teams are those of TEAMS."""
    sent_at = START + timedelta(milliseconds=at)
    told = {
        "kind": kind or ("call" if channel is None else "message"),
        "tenant": "default",
        "environment": "prod",
        "journey_id": journey.rjust(32, "0"),
        "journey_type": "trade",
        "from_service": sender,
        "from_team": TEAMS.get(sender, UNOWNED),
        "channel": channel,
        "channel_team": None if channel is None else PLACES.get(channel, UNOWNED),
        "to_service": receiver,
        "to_team": None if receiver is None else TEAMS.get(receiver, UNOWNED),
        "sent_at": sent_at,
        "received_at": sent_at + timedelta(milliseconds=took) if verdict in {"delivered", "retried"} else None,
        "verdict": verdict,
        "late": False,
    }
    return {**dict.fromkeys(HANDOFFS.names), **told, **more}


def frame(*hops: Mapping[str, Any]) -> pl.DataFrame:
    """The rows as HANDOFFS."""
    return pl.DataFrame(list(hops), schema=HANDOFFS.schema)


def drawn(rows: pl.DataFrame, of: str = "teams", criticality: Mapping[str, str] = {}) -> Map:
    """What `baton map` would say of these rows."""
    graph = teams = team_graph(rows)
    if of == "services":
        graph = service_graph(rows, lambda names, _: {name: PLACES.get(name, UNOWNED) for name in names})
    return Map(graph, review(rows, teams, criticality), START_NS, None, None, None)


def bank() -> pl.DataFrame:
    """A day of a small bank.

    Twelve trades: the gateway calls trade, which tells notify over a queue; two of these are dropped, and one asks
    risk, which hands back. Two more end at who knows whom. Legacy, which nobody owns, has journeys of no declared type.
    """
    hops = []
    for number in range(12):
        journey, at = f"a{number}", 1000 * number
        hops += [
            hop("gateway", "trade", at=at, journey=journey),
            hop(
                "trade", "notify", "orders", at=at + 10, took=40 + number, journey=journey, queue="orders-q",
                verdict="dropped" if number in {3, 4} else "delivered", late=number == 5,
            ),
        ]  # fmt: skip
    hops += [
        hop("trade", "risk", at=20, took=2, journey="a0"),
        hop("risk", "trade", "checks", at=30, took=3, journey="a0"),
        hop("gateway", None, "orders", at=13_000, journey="ac", verdict="unobserved"),
        hop("gateway", "notify | sms", "orders", at=13_500, journey="ad", verdict="stuck", to_team="messages | sms"),
        hop("legacy", "trade", at=14_000, journey="b", journey_type=None),
        hop("legacy", "trade", at=14_000, journey="c", journey_type=None, environment="test"),
    ]
    return frame(*hops)


CRITICALITY = {"trade": "critical", "report": "normal"}
HOSTILE = (
    'say "hi"',
    "a\\",
    "\\N \\l",
    "end",
    "a-->b",
    "%%{init: {}}%%",
    "</script><b>",
    "two\nlines",
    "\u202eright",
    "style x:#y;",
    "`code` #35; &amp;",
    "]]>",
    "subgraph click]",
    "\x00\x1b[2J\ufffe",
    "Zürich, 東京",
)
"""Names that some format would obey."""


def hostile() -> pl.DataFrame:
    """Every one of HOSTILE as sender, channel, queue, receiver, team and environment."""
    return frame(
        *(
            hop(
                name, f"to {name}", f"over {name}", journey=str(number), queue=f"in {name}", environment=name,
                from_team=f"of {name}", to_team=name, channel_team=name, journey_type=name,
            )
            for number, name in enumerate(HOSTILE)
        )
    )  # fmt: skip
