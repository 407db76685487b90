"""Journeys: connected components over trace ids, pairs and journey keys."""

from __future__ import annotations

import numpy as np
import polars as pl

from baton.limits import HOT_KEY_TRACES_MAX

_HELD = ("keys", "attributes")
"""Columns that may hold journey keys; the second is read where keys beside the usual ones are declared."""
TRACE = ["tenant", "environment", "trace_key", "trace_id"]


def stitch(
    spans: pl.DataFrame | pl.LazyFrame, pairs: pl.DataFrame, keys: tuple[str, ...]
) -> tuple[pl.DataFrame, pl.DataFrame]:
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
    spans = spans.lazy()
    held = [name for name in _HELD if name in spans.collect_schema()]
    numbered = spans.select("row", *TRACE, "start_ns", "parent_span_id", *held).with_columns(
        (pl.struct(TRACE).rank("dense") - 1).cast(pl.Int64).alias("trace")
    ).collect()
    crossings = _crossings(numbered, pairs)
    batches = _batches(numbered, pairs, crossings)
    named = _named(numbered.join(batches, on="trace", how="anti"), keys)
    hot = named.filter(pl.col("traces") > HOT_KEY_TRACES_MAX)
    cold = named.filter(pl.col("traces").is_between(2, HOT_KEY_TRACES_MAX))
    crossings = crossings.join(batches, left_on="right", right_on="trace", how="anti")
    edges = pl.concat([crossings, _spokes(cold)])
    component = _components(numbered["trace"].n_unique(), edges)
    journeys = _identified(numbered.with_columns(pl.Series("journey", component[numbered["trace"].to_numpy()])))
    return journeys, hot.drop("members").sort("tenant", "environment", "key", "value")


def _batches(numbered: pl.DataFrame, pairs: pl.DataFrame, crossings: pl.DataFrame) -> pl.DataFrame:
    """Traces that hold a batch receive, or that took messages out of several traces (one `process` a message)."""
    batched = pairs.filter(pl.col("batched")).select(pl.col("receive").alias("row"))
    gathering = crossings.filter(pl.col("left").n_unique().over("right") > 1)
    return pl.concat(
        [numbered.join(batched, on="row", how="semi").select("trace"), gathering.select(pl.col("right").alias("trace"))]
    ).unique()


def _named(numbered: pl.DataFrame, keys: tuple[str, ...]) -> pl.DataFrame:
    """(tenant, environment, key, value) with the traces that bear it."""
    held = [
        numbered.lazy()
        .select("tenant", "environment", "trace", held)
        .explode(held)
        .select(
            "tenant",
            "environment",
            "trace",
            pl.col(held).struct.field("key").alias("key"),
            pl.col(held).struct.field("value").alias("value"),
        )
        .filter(pl.col("key").is_in(keys) & (pl.col("value") != ""))
        for held in _HELD
        if held in numbered.columns
    ]
    return (
        pl.concat(held)
        .group_by("tenant", "environment", "key", "value")
        .agg(pl.col("trace").unique().alias("members"))
        .with_columns(pl.col("members").list.len().alias("traces"))
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


def _identified(numbered: pl.DataFrame) -> pl.DataFrame:
    """A journey is named by its earliest root; where no root has arrived, by its earliest span."""
    first = (
        numbered.lazy()
        .with_columns(pl.col("parent_span_id").is_not_null().alias("under"))
        .sort("journey", "under", "start_ns", "trace_id")
        .group_by("journey", maintain_order=True)
        .agg(pl.col("trace_id").first().alias("journey_id"))
    )
    return (
        numbered.lazy()
        .select("row", "journey")
        .join(first, on="journey")
        .select("row", "journey_id")
        .sort("row")
        .collect()
    )
