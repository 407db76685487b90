"""A store of a bank's month: millions of spans with a known loss, made with NumPy and written as compaction leaves it.

A journey has 16 spans: an entry, calls between services, three messages (one of them with a `create` and a `send`
span), a database, inner work. A tenth of the journeys end in a trace of its own that bears the same order id. One queue
overflows once: of four messages then sent, three are evicted, and the survivors wait behind as many as the queue holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa

from baton.schema import SPANS
from baton.store import delta
from baton.store.layout import Layout
from baton.store.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

START_NS = 1_790_000_000_000_000_000
SECOND_NS = 1_000_000_000
DAY_NS = 86_400 * SECOND_NS
SPANS_A_JOURNEY = 16
PART_SPANS = 1_000_000
_INSTANCES = 4
_QUEUE = 50
_LATER_TRACE = 0.1
_EPISODE = (0.40, 0.43)
_INTERNAL, _SERVER, _CLIENT, _PRODUCER, _CONSUMER = 1, 2, 3, 4, 5


class Slot(NamedTuple):
    """One span of the journey: service, name, kind, the slot it stands under, start and duration in ms, and columns."""

    service: str
    name: str
    kind: int
    under: int
    at_ms: float
    took_ms: float
    more: dict[str, str | int]


def _message(channel: str, operation: str, step: str) -> dict[str, str | int]:
    return {
        "messaging_system": "rabbitmq",
        "destination": channel,
        "operation_type": step,
        "operation_name": operation,
        "routing_key": channel,
        "server_address": "rabbitmq.bank.example",
        "server_port": 5672,
    }


_CALL = {"server_address": "mesh.bank.example", "server_port": 8443}
JOURNEY = (
    Slot("gateway", "POST /trades", _SERVER, -1, 0, 40, {"http_route": "/trades", "http_status": 202}),
    Slot("gateway", "authenticate", _INTERNAL, 0, 1, 3, {}),
    Slot("gateway", "POST", _CLIENT, 0, 5, 30, {**_CALL, "peer_service": "trading", "http_status": 202}),
    Slot("trading", "POST /orders", _SERVER, 2, 6, 28, {"http_route": "/orders", "http_status": 202}),
    Slot("trading", "INSERT orders", _CLIENT, 3, 8, 4, {"db_system": "postgresql"}),
    Slot("trading", "orders create", _PRODUCER, 3, 14, 1, _message("orders", "create", "create")),
    Slot("trading", "orders publish", _PRODUCER, 3, 15, 2, _message("orders", "publish", "send")),
    Slot("risk", "orders process", _CONSUMER, 5, 30, 60, _message("orders", "deliver", "process")),
    Slot("risk", "GET", _CLIENT, 7, 35, 20, {**_CALL, "peer_service": "pricing", "http_status": 200}),
    Slot("pricing", "GET /price", _SERVER, 8, 36, 18, {"http_route": "/price", "http_status": 200}),
    Slot("notification", "render", _INTERNAL, 9, 38, 9, {}),
    Slot("risk", "wealth.events publish", _PRODUCER, 7, 70, 1, _message("wealth.events", "publish", "send")),
    Slot(
        "notification", "wealth.events process", _CONSUMER, 11, 90, 25, _message("wealth.events", "deliver", "process")
    ),
    Slot("settlement", "settle", _INTERNAL, 7, 3000, 40, {}),
    Slot("settlement", "ledger publish", _PRODUCER, 13, 3010, 1, _message("ledger", "publish", "send")),
    Slot("ledger", "ledger process", _CONSUMER, 14, 3030, 12, _message("ledger", "deliver", "process")),
)
_SENT, _TAKEN, _SETTLES = 11, 12, 13
_TENANTS = (("default", "production"), ("default", "staging"), ("markets", "production"))
_TENANT_SHARES = (0.8, 0.05, 0.15)


def fill(store: Path, spans: int, days: float, files: int = 1) -> None:
    """Makes a store of about so many spans that came evenly over so many days.

    Args:
        store: its folder, new.
        spans: how many.
        days: from the first to the last.
        files: at least so many.
    """
    with Writer(store):
        pass
    table = Layout(store).spans
    delta.commit(table, [delta.sink_part(table, frame.lazy()) for frame in frames(spans, days, files)])


def frames(spans: int, days: float, files: int = 1) -> Iterator[pl.DataFrame]:
    """SPANS in the order in which they came, a frame for each file of the table."""
    journeys = spans // SPANS_A_JOURNEY
    each = max(min(PART_SPANS // SPANS_A_JOURNEY, journeys // files), 1)
    for first in range(0, journeys, each):
        yield _frame(first, min(each, journeys - first), journeys, days)


def _frame(first: int, count: int, of: int, days: float) -> pl.DataFrame:
    rng = np.random.default_rng(first)
    width = len(JOURNEY)
    number = np.arange(first, first + count)
    began = START_NS + (number * (days * DAY_NS / of)).astype(np.int64)
    start = began[:, None] + _ms([slot.at_ms for slot in JOURNEY]) + rng.integers(0, 2_000_000, (count, 1))
    took = (_ms([slot.took_ms for slot in JOURNEY]) * rng.uniform(0.5, 1.0, (count, width))).astype(np.int64)
    start[:, _TAKEN] += (rng.pareto(2.0, count) * 20_000_000).astype(np.int64).clip(0, 5 * SECOND_NS)
    keep = np.ones((count, width), dtype=np.bool_)
    trace = rng.integers(-(2**63), 2**63, count)
    traces = np.repeat(trace[:, None], width, axis=1)
    apart = rng.random(count) < _LATER_TRACE
    traces[apart, _SETTLES:] = rng.integers(-(2**63), 2**63, (apart.sum(), 1))
    span = rng.integers(-(2**63), 2**63, (count, width))
    under = np.array([slot.under for slot in JOURNEY])
    rooted = np.repeat((under < 0)[None, :], count, axis=0)
    rooted[apart, _SETTLES] = True
    tenant = rng.choice(len(_TENANTS), count, p=_TENANT_SHARES)
    _overflow(number / of, tenant, start, keep)
    columns = {
        "slot": np.tile(np.arange(width, dtype=np.uint32), count),
        "number": np.repeat(number, width),
        "tenant_number": np.repeat(tenant, width),
        "instance": rng.integers(0, _INSTANCES, count * width),
        "trace_key": traces.ravel(),
        "span_key": span.ravel(),
        "parent_key": span[:, under].ravel(),
        "start_ns": start.ravel(),
        "end_ns": (start + took).ravel(),
    }
    frame = pl.DataFrame(columns).with_columns(
        pl.Series("trace_id", _binary(columns["trace_key"], columns["trace_key"] * 0x1E3779B97F4A7C15)),
        pl.Series("span_id", _binary(columns["span_key"])),
        pl.Series("parent_span_id", _binary(columns["parent_key"])),
        pl.Series("rooted", rooted.ravel()),
    )
    return _dressed(frame.filter(pl.Series(keep.ravel())))


def _ms(values: list[float]) -> NDArray[np.int64]:
    return (np.array(values) * 1_000_000).astype(np.int64)


def _overflow(
    place: NDArray[np.float64], tenant: NDArray[np.int64], start: NDArray[np.int64], keep: NDArray[np.bool_]
) -> None:
    """In the episode one message in four survives, behind as many as the queue of its tenant holds."""
    for one in range(len(_TENANTS)):
        hit = np.flatnonzero((place >= _EPISODE[0]) & (place < _EPISODE[1]) & (tenant == one))
        if len(hit) <= _QUEUE:
            continue
        hit, behind = hit[:-_QUEUE], hit[_QUEUE:]
        lives = np.arange(len(hit)) % 4 == 0
        keep[hit[~lives], _TAKEN] = False
        start[hit, _TAKEN] = start[behind, _SENT] + 1_000


def _binary(key: NDArray[np.int64], before: NDArray[np.int64] | None = None) -> pl.Series:
    """Big-endian bytes of the key, after those of another."""
    words = [key] if before is None else [before, key]
    raw = np.stack(words, axis=1).astype(">i8").tobytes()
    size = 8 * len(words)
    array = pa.FixedSizeBinaryArray.from_buffers(pa.binary(size), len(key), [None, pa.py_buffer(raw)])
    return pl.Series(values=array.cast(pa.large_binary()))


def _dressed(frame: pl.DataFrame) -> pl.DataFrame:
    names = sorted({name for slot in JOURNEY for name in slot.more})
    looks = pl.DataFrame(
        [
            {"service": slot.service, "name": slot.name, "kind": slot.kind}
            | {name: slot.more.get(name) for name in names}
            for slot in JOURNEY
        ],
        infer_schema_length=None,
    )
    frame = frame.with_columns(looks[frame["slot"]].get_columns())
    order = pl.concat_str(pl.lit("O-"), pl.col("number").cast(pl.String))
    bearing = pl.col("slot").is_in([0, 3, 7, _SETTLES])
    pair = pl.struct(pl.lit("order.id").alias("key"), order.alias("value"))
    attributes = [("thread.id", 3, pl.col("instance").cast(pl.String)), ("code.function", 1, pl.col("name"))]
    parties = pl.DataFrame(_TENANTS, schema=["tenant", "environment"], orient="row")
    told = {
        "parent_span_id": pl.when(~pl.col("rooted")).then("parent_span_id"),
        "parent_key": pl.when(~pl.col("rooted")).then("parent_key"),
        "service_instance": pl.format("{}-{}", "service", "instance"),
        "service_namespace": pl.lit("bank"),
        "service_version": pl.lit("1.4.2"),
        "resource": _attributes([("telemetry.sdk.name", 1, pl.lit("opentelemetry")), ("host.name", 1, pl.lit("n1"))]),
        "scope": pl.lit([], dtype=SPANS.schema["scope"]),
        "scope_name": pl.lit("io.opentelemetry.sdk"),
        "status_code": pl.lit(0),
        "flags": pl.lit(257),
        "message_id": pl.when(pl.col("messaging_system").is_not_null()).then(
            pl.format("m-{}-{}", "number", "destination")
        ),
        "keys": pl.when(bearing).then(pl.concat_list(pair)).otherwise(pl.lit([], dtype=SPANS.schema["keys"])),
        "attributes": _attributes(attributes),
        "events": pl.lit([], dtype=SPANS.schema["events"]),
        "links": pl.lit([], dtype=SPANS.schema["links"]),
        "ingested_at": (pl.col("end_ns") // (5 * SECOND_NS) + 1) * 5 * SECOND_NS,
    }
    frame = frame.with_columns(parties[frame["tenant_number"]].get_columns()).with_columns(
        expression.alias(name) for name, expression in told.items()
    )
    missing = [pl.lit(None).alias(name) for name in SPANS.names if name not in frame.columns]
    return frame.with_columns(missing).sort("ingested_at", "service_instance").select(SPANS.names).cast(SPANS.schema)


def _attributes(pairs: list[tuple[str, int, pl.Expr]]) -> pl.Expr:
    return pl.concat_list(
        pl.struct(pl.lit(key).alias("key"), value.alias("value"), pl.lit(kind, dtype=pl.Int8).alias("type"))
        for key, kind, value in pairs
    )
