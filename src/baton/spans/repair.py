"""Repair: what must be true of spans before anybody reasons over them.

A list of steps, like Jaeger's standard adjusters; the order matters:

1. `read`      spans that end after `as_of` are not there yet; before twins, so that an old state can be asked again.
2. `_single`   the same span twice is one span, and rows are numbered in the order of their ids, so that no result
               depends on the order of arrival.
3. `_parented` `parent_row`; needs rows.
4. `_skewed`   clock skew is marked, never mended: raw times are kept.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from baton.looks import KEYS, PLACE, Spans, read
from baton.schema import SPANS

_SERVER, _CLIENT = 2, 3  # OTLP's SpanKind
_ASIDE = ("resource", "scope", "scope_name", "scope_version", "schema_url", "attributes", "events")
"""Content that not every question reads: it decides between twins last."""
SPAN = ["tenant", *KEYS]
_ODD = 0x1E3779B97F4A7C15
"""A product with it spreads the bits of a key: the golden ratio's, odd."""


def repair(spans: pl.LazyFrame, as_of_ns: int) -> Spans:
    """Spans without twins, numbered, with parents resolved and skew marked.

    Args:
        spans: SPANS, or those of its columns that are wanted: all but lists and texts of a span's own are.
        as_of_ns: spans that end later are unseen.

    Returns:
        The spans, with `row` (UInt32, dense, in the order of trace id, span id and tenant), `parent_row` (UInt32, null
        where the parent is absent or has not arrived) and `skew_ns` (Int64, null where no call tells).
    """
    return _skewed(_parented(_single(read(spans, as_of_ns))))


def _single(spans: Spans) -> Spans:
    """Rows in the order of their ids, each span once.

    The keys, which are quick to sort, settle the order. Only where spans share one do their full ids, and where they
    share those their contents, decide.
    """
    keys = _keys(spans.rows)
    order = keys.select(pl.arg_sort_by("trace_key", "span_key")).to_series()
    alike = _alike(keys[order]) if len(order) else pl.Series(dtype=pl.Boolean)
    if alike.any():
        order = _told_apart(spans, order, alike)
    columns, spans = spans.rows.to_dict(), replace(spans, rows=spans.rows.clear())
    # A text that no span says takes no room as a constant; as a column it takes 16 bytes a span.
    blank = [name for name, told in columns.items() if len(told) and told.null_count() == len(told)]
    constants = [pl.lit(None, dtype=columns.pop(name).dtype).alias(name) for name in blank]
    # One column at a time, each let go before the next is made: all at once would be held twice.
    ordered = pl.DataFrame([columns.pop(name).gather(order) for name in list(columns)])
    return replace(spans, rows=ordered.with_columns(constants).with_row_index("row"))


def _keys(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select(pl.col("trace_key", "span_key").reinterpret(signed=False))


def _alike(keys: pl.DataFrame) -> pl.Series:
    """Which rows, in the order of the keys, share both with a neighbour."""
    same = (pl.col("trace_key") == pl.col("trace_key").shift()) & (pl.col("span_key") == pl.col("span_key").shift())
    return (
        keys.select(same.fill_null(value=False).alias("same"))
        .select(pl.col("same") | pl.col("same").shift(-1, fill_value=False))
        .to_series()
    )


def _told_apart(spans: Spans, order: pl.Series, alike: pl.Series) -> pl.Series:
    """The order without twins, and with those that share keys and no ids in the order of their ids.

    Of conflicting twins the later end wins, then the greatest content. Content is compared, by hash, only for spans
    that share ids, and written out only for those that differ: exporters that resend make equal twins by the million,
    conflicting ones are rare.
    """
    shared = order.filter(alike)
    alike_spans = replace(spans, rows=spans.rows[shared]).whole()
    read = {*alike_spans.columns} - {"ingested_at"}
    content = sorted((name for name in SPANS.names if name in read), key=lambda name: name in _ASIDE)
    variants = (
        alike_spans.lazy()
        .with_columns(shared.alias("_place"))
        .with_columns(pl.struct(content).hash().alias("_variant"))
        .sort("ingested_at", PLACE, nulls_last=True)
        .unique([*SPAN, "_variant"], keep="first", maintain_order=True)
    )
    differ = pl.len().over(SPAN) > 1
    written = pl.struct(content).map_elements(lambda span: repr(list(span.values())), return_dtype=pl.String)
    winners = (
        variants.filter(differ)
        .with_columns(written.alias("_content"))
        .sort("end_ns", "_content", descending=True)
        .unique(SPAN, keep="first", maintain_order=True)
    )
    kept = (
        pl.concat([winners.drop("_content"), variants.filter(~differ)])
        .sort(*(pl.col(key).reinterpret(signed=False) for key in KEYS), "tenant")
        .select("_place")
        .collect()
    )
    places = pl.concat([order.filter(~alike), kept.to_series()])
    again = _keys(spans.rows)[places].select(pl.arg_sort_by("trace_key", "span_key", maintain_order=True))
    return places[again.to_series()]


def _parented(spans: Spans) -> Spans:
    """Joins children to parents by one number made of both keys; then what they are made of has to agree."""
    rows = spans.rows
    child = rows.lazy().filter(pl.col("parent_key").is_not_null()).select("row", _mixed("parent_key"))
    parent = rows.lazy().select(_mixed("span_key"), pl.col("row").alias("parent_row"))
    pairs = child.join(parent, on="_mixed").select("row", "parent_row").collect()
    under, over = (
        rows.select("trace_key", "parent_key")[pairs["row"]],
        rows.select("trace_key", "span_key")[pairs["parent_row"]],
    )
    pairs = pairs.filter((under["trace_key"] == over["trace_key"]) & (under["parent_key"] == over["span_key"]))
    if _forged(spans):
        ids = spans.lazy().select("row", "tenant", "trace_high")
        pairs = (
            pairs.lazy()
            .join(ids, on="row")
            .join(ids.rename({"row": "parent_row"}), on=["parent_row", "tenant", "trace_high"])
            .select("row", "parent_row")
            .collect()
        )
    return replace(spans, rows=rows.with_columns(_scattered(len(rows), "parent_row", pairs, pl.UInt32())))


def _mixed(span: str) -> pl.Expr:
    return (pl.col("trace_key") ^ (pl.col(span) * pl.lit(_ODD))).alias("_mixed")


def _forged(spans: Spans) -> bool:
    """Whether spans of one trace key are of several traces or tenants: by bad luck never, by bad will at any time."""
    tenants = spans.looks["tenant"].rank("dense").gather(spans.rows["look"])
    near = spans.rows.select("trace_key", "trace_high", tenants.alias("tenant"))
    other = pl.any_horizontal(pl.col(name) != pl.col(name).shift() for name in ("trace_high", "tenant"))
    return bool(near.select(((pl.col("trace_key") == pl.col("trace_key").shift()) & other).any()).item())


def _scattered(count: int, name: str, pairs: pl.DataFrame, dtype: pl.DataType) -> pl.Series:
    """A column of so many rows with the pairs' values at their `row`, null elsewhere."""
    values = np.zeros(count, dtype=np.int64)
    known = np.zeros(count, dtype=np.bool_)
    values[pairs["row"]], known[pairs["row"]] = pairs[name], True
    frame = pl.DataFrame({name: pl.Series(values).cast(dtype), "known": known})
    return frame.select(pl.when("known").then(name).alias(name)).to_series()


def _skewed(spans: Spans) -> Spans:
    """Skew of a server against its caller.

    A call encloses its answer. Where it does not, and the answer took no longer than the call, the clocks differ by
    the distance of their middles (Jaeger's clock-skew adjuster does the same). A message gives no such bound: waiting
    in a queue is not skew.
    """
    kind, rows = spans.each("kind"), spans.rows
    answers = (
        rows.lazy().select("row", "parent_row", "start_ns", "end_ns").filter((kind == _SERVER).fill_null(value=False))
    )
    callers = (
        rows.lazy()
        .select(pl.col("row").alias("parent_row"), pl.col("start_ns").alias("_start"), pl.col("end_ns").alias("_end"))
        .filter((kind == _CLIENT).fill_null(value=False))
    )
    start, end = pl.col("start_ns"), pl.col("end_ns")
    outside = (start < pl.col("_start")) | (end > pl.col("_end"))
    fits = (end - start) <= (pl.col("_end") - pl.col("_start"))
    middles = ((start - pl.col("_start")) + (end - pl.col("_end"))) // 2
    outer = (
        answers.join(callers, on="parent_row")
        .filter(outside & fits)
        .select("row", "parent_row", middles.alias("skew_ns"))
        .collect()
    )
    skewed = outer.filter(_party(spans, outer["row"]) != _party(spans, outer["parent_row"]))
    return replace(spans, rows=rows.with_columns(_scattered(len(rows), "skew_ns", skewed, pl.Int64())))


def _party(spans: Spans, rows: pl.Series) -> pl.Series:
    """A number for the service and instance of each of these rows."""
    numbers = spans.looks.select(pl.struct("service", "service_instance").rank("dense")).to_series()
    return numbers.gather(spans.rows["look"].gather(rows))
