"""Frames -> what reports print: rows grouped into findings, a journey's spans.

All functions are pure; `queries` gives them an analysis.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from re import fullmatch
from struct import unpack
from typing import TYPE_CHECKING, Any

import polars as pl

from baton.found import find
from baton.looks import KEYS
from baton.ownership.escalation import escalation
from baton.reports.model import Finding, Journey, Report, SpanLine
from baton.schema import SPANS, UNOWNED, VERDICTS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from baton.analysis import Analysis
    from baton.ownership.catalog import Catalog

BOUNDARY = ("tenant", "environment", "from_team", "from_service", "to_team", "to_service", "channel", "channel_team")
"""Columns of HANDOFFS that name a boundary, see `between`."""
CROSSED = ("kind", *BOUNDARY, "sent_at", "received_at", "verdict", "late")
"""Columns of HANDOFFS that `boundaries` reads."""
_STATUS = {0: "unset", 1: "ok", 2: "error"}


@dataclass(frozen=True, slots=True)
class Scope:
    """What a report is about: the store, the window on `sent_at`, and the event time of the judgement."""

    store: Path
    since_ns: int | None
    until_ns: int | None
    as_of_ns: int


def report(rows: pl.DataFrame, analysis: Analysis, catalog: Catalog, scope: Scope) -> Report:
    """The report on these HANDOFFS rows."""
    counts = dict(rows.group_by("verdict").len().iter_rows())
    return Report(
        as_of_ns=scope.as_of_ns,
        since_ns=scope.since_ns,
        until_ns=scope.until_ns,
        store=scope.store,
        findings=findings(find(rows, analysis, catalog), catalog),
        counts={verdict: counts.get(verdict, 0) for verdict in VERDICTS},
        late=int(rows["late"].sum()),
        blind=(*_blind(rows), *_counted(rows, analysis.unnamed), *_hot(analysis.hot)),
        unowned=tuple(_unowned(rows)),
        profile=analysis.version,
    )


def findings(found: pl.DataFrame, catalog: Catalog) -> tuple[Finding, ...]:
    """FINDINGS for people, in their order."""
    physical = found.with_columns(pl.col("first_at", "last_at").to_physical())
    return tuple(_finding(row, catalog) for row in physical.iter_rows(named=True))


def _finding(row: dict[str, Any], catalog: Catalog) -> Finding:
    lists = ("from_services", "to_services", "exemplars", "evidence", "changed")
    structs = ("crowding", "journey_types", "segments", "amounts")
    row |= {name: tuple(row[name]) for name in lists}
    row |= {name: tuple(tuple(one.values()) for one in row[name]) for name in structs}
    row["dispositions"] = {one["disposition"]: one["count"] for one in row["dispositions"]}
    row["escalation"] = escalation(row["accountable_team"], catalog)
    return Finding(**{field.name: row[field.name] for field in fields(Finding)})


def _blind(rows: pl.DataFrame) -> Iterator[str]:
    """One sentence a place where Baton could not see, the most handoffs first."""
    unseen = (
        rows.filter(pl.col("verdict") == "unobserved")
        .with_columns(pl.col("evidence").list.first().fill_null("no reason known").alias("why"))
        .group_by("from_service", "to_service", "channel")
        .agg(pl.len().alias("count"), pl.col("why").mode().sort().first())
        .sort("count", "from_service", "to_service", "channel", descending=[True, False, False, False])
    )
    for sender, receiver, channel, count, why in unseen.iter_rows():
        way = f" over {channel}" if channel else ""
        to = receiver or "an unknown receiver"
        yield f"{count:,} from {sender} to {to}{way}: {why}"


def _counted(rows: pl.DataFrame, unnamed: pl.DataFrame) -> Iterator[str]:
    """One sentence a place where messages were lost that nothing names."""
    lost = (
        rows.filter((pl.col("verdict") == "unobserved") & (pl.col("deadline_at") <= pl.col("as_of")))
        .unique(["trace_id", "span_id"], keep="any")
        .join(unnamed, on=["trace_id", "span_id"])
        .group_by("from_service", "channel")
        .agg(pl.len().alias("count"), pl.col("missing").sum().round(0).cast(pl.Int64))
        .filter(pl.col("missing") > 0)
        .sort("missing", "from_service", "channel", descending=[True, False, False])
    )
    for sender, channel, count, missing in lost.iter_rows():
        over = f" over {channel}" if channel else ""
        yield (
            f"{missing:,} of {count:,} from {sender}{over} have no receipt: they share correlation ids and nothing "
            f"finer, so no single one is named"
        )


def _hot(hot: pl.DataFrame) -> Iterator[str]:
    for row in hot.iter_rows(named=True):
        yield (
            f"{row['key']}={row['value']} would join {row['traces']:,} traces into one journey: it joins nothing; "
            f"make it a grouping key"
        )


def _unowned(rows: pl.DataFrame) -> Iterator[tuple[str, str, int]]:
    sides = [
        rows.filter(pl.col(team) == UNOWNED).select(pl.lit(kind).alias("kind"), pl.col(name).alias("name"))
        for kind, name, team in (
            ("service", "from_service", "from_team"),
            ("service", "to_service", "to_team"),
            ("channel", "channel", "channel_team"),
        )
    ]
    named = pl.concat(sides).drop_nulls("name").group_by("kind", "name").len()
    yield from named.sort("len", "kind", "name", descending=[True, False, False]).iter_rows()


def between(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with the services of owned sides left out (`sender` and `receiver` keep them).

    A boundary lies between two owners; where a side is unowned, the service itself stands for it.
    """
    sides = (("from_team", "from_service", "sender"), ("to_team", "to_service", "receiver"))
    return rows.with_columns(pl.col(service).alias(kept) for _, service, kept in sides).with_columns(
        pl.when(pl.col(team) == UNOWNED).then(service).alias(service) for team, service, _ in sides
    )


def boundaries(rows: pl.DataFrame) -> pl.DataFrame:
    """See `queries.boundaries`; a step that was not taken crossed none."""
    latency_ms = (pl.col("received_at") - pl.col("sent_at")).dt.total_nanoseconds() / 1_000_000
    verdicts = [(pl.col("verdict") == verdict).sum().alias(verdict) for verdict in VERDICTS]
    return (
        between(rows.filter(pl.col("kind") != "step"))
        .lazy()
        .with_columns(latency_ms.alias("latency_ms"))
        .group_by(BOUNDARY)
        .agg(
            pl.len().alias("handoffs"),
            *verdicts,
            pl.col("late").sum(),
            (pl.col("verdict") == "dropped").mean().alias("drop_rate"),
            pl.col("latency_ms").quantile(0.5).alias("p50_ms"),
            pl.col("latency_ms").quantile(0.99).alias("p99_ms"),
        )
        .sort("dropped", "stuck", "handoffs", *BOUNDARY, descending=[True, True, True] + [False] * len(BOUNDARY))
        .collect()
    )


def journeys_of(analysis: Analysis, name: str) -> list[str]:
    """Ids (hex) of the journeys that bear this trace, correlation or message id, sorted."""
    wanted = name.strip()
    bearing = pl.any_horizontal(pl.col("correlation_id", "message_id") == wanted, _traced(wanted.lower()))
    ids = _ids(analysis, bearing)
    return [wanted.lower()] if wanted.lower() in ids else ids


def _traced(trace_id: str) -> pl.Expr:
    """Whether a span is of the trace of this id (hex)."""
    if not fullmatch("[0-9a-f]{32}", trace_id):
        return pl.lit(value=False)
    halves = zip(KEYS, unpack(">qq", bytes.fromhex(trace_id)), strict=False)
    return pl.all_horizontal(pl.col(name) == half for name, half in halves)


def journeys_bearing(analysis: Analysis, key: str, values: set[str]) -> list[str]:
    """Ids (hex) of the journeys with a span whose attribute `key` has one of these values, sorted."""
    pair = (pl.col("key") == key) & pl.col("value").is_in(values)
    bearing = pl.concat([analysis.spans.held(name).filter(pair)["row"] for name in ("keys", "attributes")])
    column, _ = SPANS.aliases().get(key, (None, None))
    cell = pl.lit(value=False) if column is None else pl.col(column).cast(pl.String).is_in(values)
    return _ids(analysis, pl.col("row").is_in(bearing.implode()) | cell)


def _ids(analysis: Analysis, bearing: pl.Expr) -> list[str]:
    """Ids (hex) of the journeys of the spans for which `bearing` holds, sorted."""
    return (
        analysis.spans.filter(bearing)
        .select("row")
        .join(analysis.journeys, on="row")["journey_id"]
        .bin.encode("hex")
        .unique()
        .sort()
        .to_list()
    )


def journey(analysis: Analysis, catalog: Catalog, journey_id: str) -> Journey:
    """One journey by its id (hex)."""
    members = analysis.journeys.filter(pl.col("journey_id") == bytes.fromhex(journey_id))
    spans = analysis.spans.join(members, on="row", how="semi").sort("start_ns", "row")
    # A forged id may stand in several tenants and environments: a journey lies within one.
    home = spans.select("tenant", "environment").sort(pl.all()).head(1)
    spans = spans.join(home, on=home.columns, how="semi", maintain_order="left")
    rows = analysis.handoffs.filter(pl.col("journey_id") == journey_id)
    rows = rows.join(home, on=home.columns, how="semi", maintain_order="left")
    kinds, correlations = rows["journey_type"].drop_nulls().unique(), rows["correlation_id"].drop_nulls().unique()
    kind = kinds[0] if len(kinds) else None
    handoffs = tuple(rows.to_dicts())
    return Journey(
        journey_id=journey_id,
        journey_type=kind,
        owner=next((declared.owner for declared in catalog.journey_types if declared.name == kind), None),
        correlation=correlations[0] if len(correlations) == 1 else None,
        spans=tuple(_lines(spans)),
        handoffs=handoffs,
        stopped=next((_stop(row) for row in handoffs if row["verdict"] in ("dropped", "stuck")), None),
    )


def _lines(spans: pl.DataFrame) -> Iterator[SpanLine]:
    depths: dict[int, int] = {}
    parents = dict(spans.select("row", "parent_row").iter_rows())
    for span in spans.iter_rows(named=True):
        yield SpanLine(
            start_ns=span["start_ns"],
            end_ns=span["end_ns"],
            service=span["service"],
            team=span["team"],
            name=span["name"],
            status=_STATUS.get(span["status_code"], "unset"),
            role=span["role"],
            depth=_depth(span["row"], parents, depths),
        )


def _depth(row: int, parents: dict[int, int | None], depths: dict[int, int]) -> int:
    """Parents above a span within its journey; a cycle of forged parents ends where it began."""
    path: dict[int, None] = {}
    here: int | None = row
    while here is not None and here in parents and here not in depths and here not in path:
        path[here] = None
        here = parents[here]
    base = depths.get(here, -1) if here is not None else -1
    for above, one in enumerate(reversed(path), start=1):
        depths[one] = base + above
    return depths[row]


def _stop(row: dict[str, Any]) -> str:
    way = f" over {row['channel']}" if row["channel"] else ""
    cause = f", {row['cause']} ({row['confidence']})" if row["cause"] else ""
    if row["kind"] == "step":
        return f"after {row['from_service']}, {row['to_service']} never began: {row['verdict']}{cause}"
    return f"{row['from_service']} to {row['to_service'] or 'an unknown receiver'}{way}: {row['verdict']}{cause}"
