"""Calls: a client span with the server span that answered it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from baton.looks import Spans


def calls(spans: Spans) -> pl.DataFrame:
    """One row a call.

    A client span within a client span of the same service (an RPC client over an HTTP client) is the same call: the
    one that a server answered, else the inner, stands for it. Of several answers to one client span (a transport's own
    retries) the first counts.

    Args:
        spans: SPANS after `conventions.normalise`, with `row` and `parent_row`.

    Returns:
        CALLS, sorted by `send`.
    """
    told = spans.telling(
        pl.concat_str("service", pl.lit(" -> "), "target", pl.lit(" "), "name").alias("way"),
        (pl.col("status_code") == 2).alias("failed"),  # noqa: PLR2004 - OTLP's STATUS_CODE_ERROR
        pl.coalesce("exception_type", "error_type", "status_message").alias("failure"),
    )
    clients = told.where(pl.col("role") == "client").lazy()
    answers = (
        spans.where(pl.col("role") == "server")
        .lazy()
        .filter(pl.col("parent_row").is_not_null())
        .select(
            pl.col("parent_row").alias("row"),
            pl.col("row").alias("receive"),
            pl.col("service").alias("to_service"),
            pl.col("start_ns").alias("received_ns"),
            pl.col("end_ns").alias("done_ns"),
        )
        .sort("received_ns", "receive")
        .unique("row", keep="first", maintain_order=True)
    )
    inner = (
        clients.select(pl.col("parent_row").alias("row"), pl.col("service").alias("_service"))
        .join(clients.select("row", "service"), on="row")
        .filter(pl.col("service") == pl.col("_service"))
        .select("row")
        .unique()
        .with_columns(pl.lit(value=True).alias("outer"))
    )
    return (
        clients.join(answers, on="row", how="left")
        .join(inner, on="row", how="left")
        .filter(pl.col("receive").is_not_null() | pl.col("outer").is_null())
        .select(
            pl.col("row").alias("send"),
            "receive",
            "tenant",
            "environment",
            pl.col("way").alias("channel"),
            "service",
            "to_service",
            "failed",
            "failure",
            "http_status",
            pl.col("start_ns").alias("sent_ns"),
            pl.col("end_ns").alias("sent_end_ns"),
            "received_ns",
            "done_ns",
            "parent_row",
            "name",
        )
        .sort("send")
        .collect()
    )
