"""Journeys: connected components over trace ids, pairs and journey keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from baton.limits import HOT_KEY_TRACES_MAX
from baton.looks import spelled
from baton.schema import GROUPING_KEYS, JOURNEY_KEYS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from baton.looks import Spans

TRACE = ["tenant", "environment", "trace_high", "trace_key"]
_SIDES = (("send", "left"), ("receive", "right"))


def stitch(spans: Spans, pairs: pl.DataFrame, keys: tuple[str, ...]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Numbers the journeys.

    Traces belong together where a message went from one to the other or where a journey key says so. A batch receive
    pairs its messages and merges nothing: a trace that took messages out of several others holds many journeys, so
    neither its links nor keys seen in it join. A key value in more than HOT_KEY_TRACES_MAX traces joins nothing.

    Args:
        spans: SPANS, repaired, with `row`.
        pairs: PAIRS.
        keys: names of the journey keys.

    Returns:
        JOURNEYS, with `trace` (UInt32: the trace's number, in its tenant and environment); and the hot keys: `tenant`,
        `environment`, `key`, `value` (String), `traces` (UInt32).
    """
    numbered, traces = _numbered(spans)
    crossings = _crossings(numbered, pairs)
    batches = _batches(numbered, pairs, crossings)
    named = _named(spans, numbered, batches, keys)
    hot = named.filter(pl.col("traces") > HOT_KEY_TRACES_MAX)
    cold = named.filter(pl.col("traces").is_between(2, HOT_KEY_TRACES_MAX))
    crossings = crossings.join(batches, left_on="right", right_on="trace", how="anti")
    edges = pl.concat([crossings, _spokes(cold)])
    journey_ids = _identified(traces.with_columns(pl.Series("journey", _components(traces.height, edges))))
    journeys = numbered.select("row", journey_ids.gather(numbered["trace"]).alias("journey_id"), "trace")
    return journeys, hot.drop("members").sort("tenant", "environment", "key", "value")


def _numbered(spans: Spans) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Each span's trace by number, and one row a trace, at the position of its number.

    Spans come in the order of their trace ids, so that a trace is a run of rows. Where ids are shared between tenants
    or environments a trace may be several runs: the runs, few beside the spans, are numbered.

    Returns:
        `row`, `trace` (UInt32), `home` (UInt32: tenant and environment); and TRACE's columns, `under` (Boolean: no root
        of it arrived) and `start_ns` (of its earliest root, else its earliest span).
    """
    homes, names = spans.numbered(["tenant", "environment"])
    rows = spans.rows.select("row", "trace_high", "trace_key", homes.gather(spans.rows["look"]).alias("home"))
    begins = pl.any_horizontal(pl.col(name) != pl.col(name).shift() for name in ("trace_key", "home", "trace_high"))
    first = rows.filter(begins.fill_null(value=True))
    trace = first.select((pl.struct("home", "trace_key", "trace_high").rank("dense") - 1).cast(pl.UInt32)).to_series()
    starts = first["row"].to_numpy()
    lengths = np.diff(starts, append=len(rows))
    numbered = rows.select("row", pl.Series("trace", np.repeat(trace.to_numpy(), lengths)), "home")
    begun = (
        first.select("trace_high", "trace_key", "home", trace.alias("trace"), *_begun(spans.rows, starts))
        .group_by("trace")
        .agg(
            *(pl.col(name).first() for name in ("trace_high", "trace_key", "home")),
            pl.coalesce(pl.col("root_ns").min(), pl.col("start_ns").min()).alias("start_ns"),
            pl.col("root_ns").is_null().all().alias("under"),
        )
        .sort("trace")
    )
    return numbered, begun.with_columns(names.select("tenant", "environment")[begun["home"]].get_columns())


def _begun(rows: pl.DataFrame, starts: NDArray[np.uint32]) -> tuple[pl.Series, pl.Series]:
    """When the earliest root of each run of rows began (`root_ns`, null without one), and its earliest span."""
    if not len(starts):
        return pl.Series("root_ns", dtype=pl.Int64), pl.Series("start_ns", dtype=pl.Int64)
    began, never = rows["start_ns"].to_numpy(), np.iinfo(np.int64).max
    root = np.where(rows["parent_key"].is_null().to_numpy(), began, never)
    earliest = pl.Series("root_ns", np.minimum.reduceat(root, starts))
    return earliest.replace(never, None), pl.Series("start_ns", np.minimum.reduceat(began, starts))


def _batches(numbered: pl.DataFrame, pairs: pl.DataFrame, crossings: pl.DataFrame) -> pl.DataFrame:
    """Traces that hold a batch receive, or that took messages out of several traces (one `process` a message)."""
    batched = pairs.filter(pl.col("batched")).select(pl.col("receive").alias("row"))
    gathering = crossings.filter(pl.col("left").n_unique().over("right") > 1)
    return pl.concat(
        [numbered["trace"].gather(batched["row"]).to_frame(), gathering.select(pl.col("right").alias("trace"))]
    ).unique()


def _named(spans: Spans, numbered: pl.DataFrame, batches: pl.DataFrame, keys: tuple[str, ...]) -> pl.DataFrame:
    """(tenant, environment, key, value) with the traces that bear it, batches left out."""
    # Decoding puts the usual keys into a list of their own.
    held = ("keys",) if {*JOURNEY_KEYS, *GROUPING_KEYS}.issuperset(keys) else ("keys", "attributes")
    said = pl.concat([spans.held(name).select("row", "key", "value") for name in held])
    said = said.filter(pl.col("key").is_in(keys) & (pl.col("value") != ""))
    homes = spans.looks.select("tenant", "environment")[spans.rows["look"].gather(said["row"])]
    return (
        said.lazy()
        .with_columns(homes.get_columns())
        .with_columns(numbered["trace"].gather(said["row"]))
        .join(batches.lazy(), on="trace", how="anti")
        .select("tenant", "environment", "key", "value", "trace")
        .unique()
        .filter(pl.len().over("tenant", "environment", "key", "value") > 1)
        .group_by("tenant", "environment", "key", "value")
        .agg(pl.col("trace").alias("members"), pl.len().alias("traces"))
        .collect()
    )


def _crossings(numbered: pl.DataFrame, pairs: pl.DataFrame) -> pl.DataFrame:
    """(trace, trace) of messages that crossed into another trace."""
    ends = [numbered["trace"].gather(pairs[end]).alias(side) for end, side in _SIDES]
    homes = [numbered["home"].gather(pairs[end]) for end, _ in _SIDES]
    return pl.DataFrame(ends).filter((ends[0] != ends[1]) & (homes[0] == homes[1]))


def _spokes(named: pl.DataFrame) -> pl.DataFrame:
    """(trace, trace): the first trace of a key value with each other one."""
    return (
        named.select(pl.col("members").list.min().alias("left"), pl.col("members").alias("right"))
        .explode("right")
        .filter(pl.col("left") != pl.col("right"))
    )


def _components(count: int, edges: pl.DataFrame) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    if edges.is_empty():
        return np.arange(count, dtype=np.int32)
    from scipy.sparse import coo_array  # noqa: PLC0415 - heavy, and most questions over small stores need none
    from scipy.sparse.csgraph import connected_components  # noqa: PLC0415 - the same

    left, right = edges["left"].to_numpy(), edges["right"].to_numpy()
    graph = coo_array((np.ones(len(left), dtype=np.int8), (left, right)), shape=(count, count))
    return connected_components(graph.tocsr(), directed=False)[1].astype(np.int32)


def _identified(traces: pl.DataFrame) -> pl.Series:
    """Each trace's journey, named by its earliest root; where no root has arrived, by its earliest span."""
    by_id = [pl.col(half).reinterpret(signed=False) for half in ("trace_high", "trace_key")]
    first = traces.sort("journey", "under", "start_ns", *by_id).unique("journey", keep="first", maintain_order=True)
    return spelled(first["trace_high"], first["trace_key"]).gather(traces["journey"])
