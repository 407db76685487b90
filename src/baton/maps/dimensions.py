"""The four dimensions of ownership: what it does, which journeys depend on it, what it depends on, how it runs.

Frames in, plain values out. A handoff here is a row of HANDOFFS with at least TOUCHED's columns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from baton.limits import SECOND_NS, WHO_OPERATIONS_MAX
from baton.reports.who_model import Figures, Link, Operation, Use

if TYPE_CHECKING:
    from collections.abc import Mapping

    from baton.looks import Spans
    from baton.ownership.catalog import JourneyType

TOUCHED = (
    "tenant", "environment", "kind", "journey_id", "journey_type", "from_service", "from_team", "channel",
    "channel_team", "queue", "to_service", "to_team", "sent_at", "received_at", "verdict", "late",
)  # fmt: skip
"""Columns of HANDOFFS that the dimensions are told from."""

_ERROR = 2
"""OTLP's status code of an error."""
_KINDS = {2: "server", 5: "consumer", 4: "producer", 3: "client", 1: "internal"}
_RANKS = ("critical", "high", "normal", "low")
_LOST = pl.col("verdict").is_in(["dropped", "stuck"])
_HANDLED = pl.col("role").is_in(["server", "receive"])
_MINUTE_NS = 60 * SECOND_NS
_MS_NS = 1_000_000


def operations(spans: Spans) -> tuple[tuple[Operation, ...], int]:
    """What these spans do, by kind and name, those that are asked before those that ask; and how many were left out."""
    took_ms = (pl.col("end_ns") - pl.col("start_ns")) / _MS_NS
    rpc = pl.concat_str("rpc_service", "rpc_method", separator="/", ignore_nulls=True)
    kind = pl.col("kind").replace_strict(_KINDS, default="unspecified", return_dtype=pl.String)
    route = pl.coalesce("http_route", pl.when(rpc != "").then(rpc))
    order = {name: place for place, name in enumerate(_KINDS.values())}
    told = (
        spans.telling(kind.alias("_kind"), route.alias("_route"))
        .lazy()
        .group_by(kind="_kind", name="name", route="_route")
        .agg(
            pl.len().alias("spans"),
            (pl.col("status_code") == _ERROR).sum().alias("errors"),
            took_ms.quantile(0.5).alias("p50_ms"),
            took_ms.quantile(0.99).alias("p99_ms"),
        )
        .sort(
            pl.col("kind").replace_strict(order, default=len(order), return_dtype=pl.Int8),
            -pl.col("spans").cast(pl.Int64),
            "name",
            "route",
        )
        .collect()
    )
    some = told.head(WHO_OPERATIONS_MAX)
    return tuple(Operation(**row) for row in some.iter_rows(named=True)), told.height - some.height


def uses(rows: pl.DataFrame, touching: pl.DataFrame, kinds: Mapping[str, JourneyType]) -> tuple[Use, ...]:
    """The journeys among `touching` rows, by type, of all those in `rows`."""
    per_type = pl.col("journey_id").n_unique()
    told = (
        touching.group_by("journey_type")
        .agg(per_type.alias("journeys"))
        .join(rows.group_by("journey_type").agg(per_type.alias("of")), on="journey_type", nulls_equal=True)
    )
    found = [_use(row, kinds.get(row["journey_type"])) for row in told.iter_rows(named=True)]
    return tuple(sorted(found, key=_by_rank))


def _by_rank(use: Use) -> tuple[int, int, str]:
    """The most critical and then the most frequent first."""
    rank = len(_RANKS) if use.criticality is None else _RANKS.index(use.criticality)
    return rank, -use.journeys, use.journey_type or ""


def _use(row: dict[str, Any], declared: JourneyType | None) -> Use:
    if declared is None:
        return Use(criticality=None, owner=None, **row)
    return Use(criticality=declared.criticality, owner=declared.owner, **row)


def links(rows: pl.DataFrame, side: str, critical: list[str]) -> tuple[Link, ...]:
    """Who is at the other end of these rows, most handoffs first.

    Args:
        rows: handoffs of one thing; steps that were not taken are none.
        side: `from` where it is the sender of them, `to` where it is the receiver.
        critical: the critical journey types.
    """
    other = "to" if side == "from" else "from"
    by_call, by_message = ("calls", "sends to") if side == "from" else ("called by", "receives from")
    hit = pl.col("journey_type").is_in(critical).fill_null(value=False)
    told = (
        rows.filter(pl.col("kind") != "step")
        .group_by(
            pl.when(pl.col("kind") == "call").then(pl.lit(by_call)).otherwise(pl.lit(by_message)).alias("relation"),
            pl.col(f"{other}_service").alias("service"),
            pl.col(f"{other}_team").alias("team"),
            "channel",
        )
        .agg(
            pl.len().alias("handoffs"),
            _LOST.sum().alias("lost"),
            pl.col("journey_id").n_unique().alias("journeys"),
            pl.col("journey_id").filter(hit).n_unique().alias("critical"),
        )
        .sort(-pl.col("handoffs").cast(pl.Int64), "relation", "service", "team", "channel")
    )
    return tuple(Link(**row) for row in told.iter_rows(named=True))


def figures(sent: pl.DataFrame, received: pl.DataFrame, waited: pl.DataFrame, spans: Spans | None) -> Figures:
    """How a thing runs.

    Args:
        sent: handoffs that it sent, or that go over it.
        received: that it received, or should have.
        waited: those whose time from sent to received counts.
        spans: its own; null where it has none.
    """
    waits_ms = (waited["received_at"] - waited["sent_at"]).dt.total_nanoseconds() / _MS_NS
    both = pl.concat([sent, received]).select(pl.col("sent_at").to_physical())["sent_at"]
    runs: dict[str, Any] = {
        "handled": 0,
        "errors": 0,
        "p50_ms": None,
        "p99_ms": None,
        "per_minute": None,
        "first_ns": both.min(),
        "last_ns": both.max(),
    }
    return Figures(
        sent=_verdicts(sent),
        received=_verdicts(received),
        late=int(waited["late"].sum()),
        wait_p50_ms=waits_ms.quantile(0.5),
        wait_p99_ms=waits_ms.quantile(0.99),
        **(runs if spans is None or not spans.height else _runs(spans)),
    )


def _verdicts(rows: pl.DataFrame) -> dict[str, int]:
    return dict(rows.filter(pl.col("kind") != "step").group_by("verdict").len().sort("verdict").iter_rows())


def _runs(spans: Spans) -> dict[str, Any]:
    """Of its server and consumer spans the figures; of all its spans from when to when there are any."""
    took_ms = ((pl.col("end_ns") - pl.col("start_ns")) / _MS_NS).filter(_HANDLED)
    told = spans.select(
        _HANDLED.sum().alias("handled"),
        (_HANDLED & (pl.col("status_code") == _ERROR)).sum().alias("errors"),
        took_ms.quantile(0.5).alias("p50_ms"),
        took_ms.quantile(0.99).alias("p99_ms"),
        (pl.col("start_ns").filter(_HANDLED) // _MINUTE_NS).n_unique().alias("minutes"),
        pl.col("start_ns").min().alias("first_ns"),
        pl.col("start_ns").max().alias("last_ns"),
    ).row(0, named=True)
    lasted_ns = told["last_ns"] - told["first_ns"]
    # Over days of which the store holds minutes, a mean pace would say nothing.
    active_ns = min(lasted_ns, told.pop("minutes") * _MINUTE_NS)
    per_minute = told["handled"] * _MINUTE_NS / active_ns if lasted_ns >= _MINUTE_NS and active_ns else None
    return {**told, "per_minute": per_minute}


def services_of(rows: pl.DataFrame, party: str) -> list[tuple[str, int]]:
    """Services of a party in these rows, with their handoffs, by name."""
    sides = [
        rows.filter(pl.col(f"{side}_team") == party).select(pl.col(f"{side}_service").alias("name"))
        for side in ("from", "to")
    ]
    return _counted(pl.concat(sides))


def places(rows: pl.DataFrame, kind: Literal["channel", "queue"]) -> list[tuple[str, int]]:
    """Channels or queues in these rows, with their handoffs, by name."""
    return _counted(rows.select(pl.col(kind).alias("name")))


def _counted(named: pl.DataFrame) -> list[tuple[str, int]]:
    return named.drop_nulls().group_by("name").len().sort("name").rows()
