"""Looks: what spans have in common, kept once.

Of ten million spans a few thousand differ in more than their ids, times and texts of their own: the same service does
the same thing time and again. What they share is their *look*. Conventions and ownership settle each look once, and a
span holds four bytes in the place of thirty columns.
"""

from __future__ import annotations

import secrets
from typing import NamedTuple

import polars as pl

LOOK: tuple[str, ...] = (
    "tenant",
    "environment",
    "kind",
    "name",
    "status_code",
    "status_message",
    "flags",
    "service",
    "service_namespace",
    "service_version",
    "service_instance",
    "messaging_system",
    "destination",
    "subscription_name",
    "consumer_group",
    "operation_type",
    "operation_name",
    "routing_key",
    "partition",
    "batch_count",
    "server_address",
    "server_port",
    "peer_service",
    "rpc_service",
    "rpc_method",
    "http_route",
    "http_status",
    "db_system",
    "error_type",
    "exception_type",
)
"""Columns of SPANS that make a look."""


class Spans(NamedTuple):
    """Spans as two frames.

    Attributes:
        rows: one row a span: every column that is none of its look's, and `look` (UInt32).
        looks: one row a look, at the position that `look` names.
    """

    rows: pl.DataFrame
    looks: pl.DataFrame

    def lazy(self) -> pl.LazyFrame:
        """All columns of all spans, in the order of `rows`; a query over it reads those columns that it needs."""
        looks = self.looks.lazy().with_row_index("look")
        return self.rows.lazy().join(looks, on="look", maintain_order="left").drop("look")

    def each(self, column: str) -> pl.Series:
        """A column of the looks, a value a span."""
        return self.looks[column].gather(self.rows["look"])


def read(spans: pl.LazyFrame, *further: str) -> Spans:
    """Reads spans from wherever they lie, a part at a time.

    A look is known by a hash, from a seed that nobody can guess: of a million looks, two fall together once in forty
    million times.

    Args:
        spans: SPANS, or those of its columns that are wanted, LOOK's among them.
        further: further columns that belong to the look.
    """
    look = [*LOOK, *further]
    hashed = spans.with_columns(pl.struct(look).hash(secrets.randbits(64)).alias("look"))
    rows, looks = pl.collect_all(
        [hashed.drop(look), hashed.group_by("look").agg(pl.col(look).first())], engine="streaming"
    )
    numbers = looks.lazy().select(pl.col("look").alias("_hash")).with_row_index("look")
    numbered = rows.lazy().rename({"look": "_hash"}).join(numbers, on="_hash", how="left", maintain_order="left")
    # Lists in several chunks take a hundred times as long to put in order.
    return Spans(numbered.drop("_hash").collect().rechunk(), looks.drop("look"))
