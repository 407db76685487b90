"""Looks: what spans have in common, kept once.

Of ten million spans a few thousand differ in more than their ids, times and texts of their own: the same service does
the same thing time and again. What they share is their *look*. Conventions and ownership settle each look once, and a
span holds four bytes in the place of thirty columns.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, overload

import polars as pl

if TYPE_CHECKING:
    from polars._typing import IntoExpr

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


@dataclass(frozen=True, slots=True)
class Spans:
    """Spans as two frames, which behave as one in what stages ask of it: columns, rows, queries.

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

    def select(self, *expressions: IntoExpr) -> pl.DataFrame:
        """As of a frame; only what is selected is put together."""
        return self.lazy().select(*expressions).collect()

    def filter(self, *predicates: pl.Expr) -> pl.DataFrame:
        """As of a frame: all columns of the rows that remain."""
        return self.lazy().filter(*predicates).collect()

    def join(self, other: pl.DataFrame, **how: Any) -> pl.DataFrame:  # noqa: ANN401 - as of a frame
        """As of a frame."""
        return self.lazy().join(other.lazy(), **how).collect()

    @overload
    def __getitem__(self, place: str) -> pl.Series: ...

    @overload
    def __getitem__(self, place: pl.Series) -> pl.DataFrame: ...

    def __getitem__(self, place: str | pl.Series) -> pl.Series | pl.DataFrame:
        """A column by its name, or all columns of the rows at these places."""
        if not isinstance(place, str):
            return Spans(self.rows[place], self.looks).lazy().collect()
        return self.rows[place] if place in self.rows.columns else self.each(place)

    def numbered(self, columns: list[str]) -> tuple[pl.Series, pl.DataFrame]:
        """Whole numbers in the place of names: millions of spans are told apart by them.

        Returns:
            For each look the number (UInt32) of what it says in these columns, which are the look's; and those values,
            sorted, each with its number (`place`).
        """
        values = self.looks.select(columns).unique().sort(columns).with_row_index("place")
        numbers = self.looks.select(columns).join(
            values, on=columns, how="left", nulls_equal=True, maintain_order="left"
        )
        return numbers["place"], values

    @property
    def height(self) -> int:
        """How many spans there are."""
        return len(self.rows)

    def each(self, column: str) -> pl.Series:
        """A column of the looks, a value a span."""
        return self.looks[column].gather(self.rows["look"])


def read(spans: pl.LazyFrame, *further: str) -> Spans:
    """Reads spans from wherever they lie, a part at a time.

    A look is known by a hash of 64 bits, from a seed drawn anew each time, so that nobody can choose two that meet. Of
    n looks two meet by chance with a probability of n * n / 2**65: one in 4e15 for a hundred, one in 4e7 for a million.
    The spans of one would then be told with the columns of the other, in that one answer; ids and times are no part of
    a look.

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
    hashes = rows.lazy().select(pl.col("look").alias("_hash"))
    placed = hashes.join(numbers, on="_hash", how="left", maintain_order="left").collect()
    columns = {**rows.to_dict(), "look": placed["look"]}
    del rows
    # Lists in several chunks take a hundred times as long to put in order. One column at a time: all at once would be
    # held twice.
    return Spans(pl.DataFrame([columns.pop(name).rechunk() for name in list(columns)]), looks.drop("look"))
