"""Journeys: connected components over trace ids, pairs and journey keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from baton.limits import HOT_KEY_TRACES_MAX
from baton.schema import GROUPING_KEYS, JOURNEY_KEYS

if TYPE_CHECKING:
    from baton.looks import Spans

TRACE = ["tenant", "environment", "trace_key", "trace_id"]


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
        JOURNEYS; and the hot keys: `tenant`, `environment`, `key`, `value` (String), `traces` (UInt32).
    """
    lazy = spans.lazy()
    numbered, traces = _numbered(lazy)
    crossings = _crossings(numbered, pairs)
    batches = _batches(numbered, pairs, crossings)
    named = _named(spans, numbered, batches, keys)
    hot = named.filter(pl.col("traces") > HOT_KEY_TRACES_MAX)
    cold = named.filter(pl.col("traces").is_between(2, HOT_KEY_TRACES_MAX))
    crossings = crossings.join(batches, left_on="right", right_on="trace", how="anti")
    edges = pl.concat([crossings, _spokes(cold)])
    journey_ids = _identified(traces.with_columns(pl.Series("journey", _components(traces.height, edges))))
    journeys = numbered.select("row", journey_ids.gather(numbered["trace"]).alias("journey_id"))
    return journeys, hot.drop("members").sort("tenant", "environment", "key", "value")


def _numbered(spans: pl.LazyFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Each span's trace by number, and one row a trace, at the position of its number.

    Spans come in the order of their trace ids, so that a trace is a run of rows. Where ids are shared between tenants
    or environments a trace may be several runs: the runs, few beside the spans, are numbered.

    Returns:
        `row`, `trace` (Int64), `environment`; and TRACE's columns, `under` (Boolean: no root of it arrived) and
        `start_ns` (of its earliest root, else its earliest span).
    """
    places = spans.select("row", *TRACE, "start_ns", pl.col("parent_span_id").is_not_null().alias("under")).collect()
    begins = pl.any_horizontal(pl.col(name).ne_missing(pl.col(name).shift()) for name in TRACE)
    run = places.select((begins | (pl.int_range(pl.len()) == 0)).cum_sum().cast(pl.Int64) - 1).to_series()
    first = places.select(TRACE).filter(run != run.shift().fill_null(-1)) if len(run) else places.select(TRACE)
    trace = first.select((pl.struct(TRACE).rank("dense") - 1).cast(pl.Int64)).to_series()
    numbered = places.select("row", "environment", trace.gather(run).alias("trace"))
    root_ns = pl.when(~pl.col("under")).then("start_ns").min()
    begun = (
        places.lazy()
        .select("start_ns", "under", numbered["trace"])
        .group_by("trace")
        .agg(pl.coalesce(root_ns, pl.col("start_ns").min()).alias("start_ns"), pl.col("under").all())
    )
    names = first.with_columns(trace.alias("trace")).unique("trace").lazy()
    return numbered, names.join(begun, on="trace").sort("trace").collect()


def _batches(numbered: pl.DataFrame, pairs: pl.DataFrame, crossings: pl.DataFrame) -> pl.DataFrame:
    """Traces that hold a batch receive, or that took messages out of several traces (one `process` a message)."""
    batched = pairs.filter(pl.col("batched")).select(pl.col("receive").alias("row"))
    gathering = crossings.filter(pl.col("left").n_unique().over("right") > 1)
    return pl.concat(
        [numbered.join(batched, on="row", how="semi").select("trace"), gathering.select(pl.col("right").alias("trace"))]
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
        .join(numbered.lazy().select("row", "trace"), on="row")
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
    place = numbered.select("row", "trace", "environment")
    return (
        pairs.select("send", "receive")
        .join(place.rename({"row": "send", "trace": "left"}), on="send")
        .join(place.rename({"row": "receive", "trace": "right"}), on=["receive"])
        .filter((pl.col("left") != pl.col("right")) & (pl.col("environment") == pl.col("environment_right")))
        .select("left", "right")
    )


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
    first = traces.sort("journey", "under", "start_ns", "trace_id").unique("journey", keep="first", maintain_order=True)
    return first["trace_id"].gather(traces["journey"])
