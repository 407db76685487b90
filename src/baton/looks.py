"""Looks: what spans have in common, kept once.

Of ten million spans a few thousand differ in more than their ids, times and texts of their own: the same service does
the same thing time and again. What they share is their *look*. Conventions and ownership settle each look once, and a
span holds four bytes in the place of thirty columns. The lists of a span's own stay where they lie: few spans are asked
for them. Ids are held as whole numbers, which compare and copy faster than bytes, and are spelled where they are read.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import polars as pl

from baton.errors import StoreError
from baton.limits import TIME_NS_MAX

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray
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

LISTS: tuple[str, ...] = ("keys", "attributes", "links", "resource")
"""Columns of SPANS that hold a list, see `Spans.held`."""
PROCESS: tuple[str, ...] = (
    "tenant",
    "environment",
    "service",
    "service_namespace",
    "service_version",
    "service_instance",
)
"""Columns of LOOK that tell one process from another: their resource attributes are the same."""
_IDS = ("trace_id", "span_id", "parent_span_id")
KEYS = ("trace_high", "trace_key", "span_key")
"""What a span's ids are made of: 16 bytes of the trace's, 8 of its own."""
PLACE = "place"
_FLAGS_MIN = 1 << 20
"""So many flags cost nothing, however few spans there are."""
_NOWHERE = 2**32 - 1
"""The row of a place whose span is not among them."""
_STRETCHES = 16
"""So many ranges of time tell which parts of files to pass over."""


@dataclass(frozen=True, slots=True)
class Spans:
    """Spans as two frames, which behave as one in what stages ask of it: columns, rows, queries.

    Attributes:
        rows: one row a span: every column that is none of its look's, no list and no id, `trace_high` (Int64: the first
            half of the trace's id, `trace_key` is the second), `linked` (UInt32: how many links it has), `look`
            (UInt32), and `place` (UInt32: its position in the source).
        looks: one row a look, at the position that `look` names.
        source: the query that they were read by, with `place`.
    """

    rows: pl.DataFrame
    looks: pl.DataFrame
    source: pl.LazyFrame

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

    def where(self, predicate: pl.Expr) -> Spans:
        """The spans whose looks it holds of: an expression over columns of `looks`, null is no."""
        holds = self.looks.select(predicate.fill_null(value=False)).to_series()
        return replace(self, rows=self.rows.filter(holds.gather(self.rows["look"])))

    def at(self, rows: pl.Series) -> Spans:
        """The spans at these places of `rows`, in this order, as often as they are named."""
        return replace(self, rows=self.rows[rows])

    def telling(self, *expressions: pl.Expr) -> Spans:
        """With further columns of the looks, made of theirs: once a look, and not once a span."""
        return replace(self, looks=self.looks.with_columns(*expressions))

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
            return self.at(place).lazy().collect()
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

    def split(self, name: str, numbers: NDArray[np.int64]) -> Spans:
        """Spans of one look that differ in a further number are of several looks then.

        Args:
            name: of the column that looks gain (Int64).
            numbers: a small whole number a span, from 0, at its place of `rows`.
        """
        count = int(numbers.max(initial=0)) + 1
        both = self.rows["look"].to_numpy().astype(np.int64) * count + numbers
        if len(self.looks) * count <= max(len(both), _FLAGS_MIN):
            there = np.zeros(len(self.looks) * count, dtype=np.bool_)
            there[both] = True
            known, placed = np.flatnonzero(there), (np.cumsum(there, dtype=np.uint32) - 1)[both]
        else:
            # As many flags as looks times numbers would be more than there are spans.
            known, placed = np.unique(both, return_inverse=True)
        look = pl.Series("look", placed.astype(np.uint32, copy=False))
        looks = self.looks[known // count].with_columns(pl.Series(name, known % count))
        return replace(self, rows=self.rows.with_columns(look), looks=looks)

    def newest(self, columns: tuple[str, ...]) -> tuple[pl.Series, pl.Series]:
        """Of spans that say the same in these columns, which are the look's, the one that began last.

        Returns:
            For each look the number (UInt32) of what it says, and for each number a span's place in `rows` (UInt32).
        """
        numbers, _ = self.numbered(list(columns))
        by_look = self.rows.lazy().group_by("look").agg(pl.col("start_ns").max()).collect()
        last = (
            by_look.with_columns(numbers.gather(by_look["look"]).alias("number"))
            .sort("start_ns", "look", descending=[True, False])
            .unique("number", keep="first", maintain_order=True)
        )
        # One column first: few spans begin at these instants.
        near = (
            self.rows.lazy()
            .select("row", "look", "start_ns")
            .filter(pl.col("start_ns").is_in(last["start_ns"].implode()))
        )
        found = near.join(last.lazy(), on=["look", "start_ns"]).group_by("number").agg(pl.col("row").min())
        return numbers, found.sort("number").collect()["row"]

    def held(self, name: str, rows: pl.Series | None = None) -> pl.DataFrame:
        """What spans hold in one of LISTS, read now.

        Args:
            name: the column.
            rows: only of the spans at these places of `rows`; null for all.

        Returns:
            `row` (UInt32) and the fields of the list's structs: one row an item, by `row`, in the order of the list.

        Raises:
            StoreError: a file that the spans were read from is gone.
        """
        own = self.rows.select("row", PLACE, "start_ns")
        own = own if rows is None else own[rows]
        lists = self._listed([name], None if rows is None else own)
        # Where nobody is asked, no file is.
        lists = _reread(lists).lazy() if own.height else self.source.select(PLACE, name).head(0)
        items = lists.filter(pl.col(name).list.len() > 0).explode(name).unnest(name)
        placed = items.join(own.lazy().select("row", PLACE), on=PLACE).sort("row", maintain_order=True)
        return placed.select("row", pl.exclude("row", PLACE)).collect(engine="streaming")

    def bearing(self, name: str, keys: Collection[str]) -> pl.DataFrame:
        """What spans hold under some keys in one of LISTS that has keys and values, read now.

        Args:
            name: the column.
            keys: only these; of the rest nothing is kept, however many spans there are.

        Returns:
            `row` (UInt32), `key`, `value` (String), one row an item, in no order.

        Raises:
            StoreError: a file that the spans were read from is gone.
        """
        items = self.source.select(PLACE, name).filter(pl.col(name).list.len() > 0).explode(name).unnest(name)
        found = _reread(items.filter(pl.col("key").is_in(list(keys))).select(PLACE, "key", "value"))
        # By place and not by a join: it may be an item of every span.
        places, asked = self.rows[PLACE].to_numpy(), found[PLACE].to_numpy()
        rows = np.full(int(max(places.max(initial=0), asked.max(initial=0))) + 1, _NOWHERE, dtype=np.uint32)
        rows[places] = self.rows["row"].to_numpy()
        placed = found.with_columns(pl.Series("row", rows[asked]))
        return placed.select("row", "key", "value").filter(pl.col("row") != _NOWHERE)

    def whole(self) -> pl.DataFrame:
        """All columns of all spans, lists too: of few."""
        names = [name for name in (*LISTS, *_IDS) if name in self.source.collect_schema()]
        lists = _reread(self._listed(names, self.rows))
        return self.lazy().join(lists.lazy(), on=PLACE, how="left", maintain_order="left").collect()

    def ids(self, rows: pl.Series) -> pl.DataFrame:
        """`trace_id` and `span_id` (String, hex) of the spans at these places of `rows`; null where one is."""
        return pl.DataFrame({"trace_id": self.trace_ids(rows), "span_id": self.span_ids(rows)})

    def trace_ids(self, rows: pl.Series) -> pl.Series:
        """As of `ids`."""
        return spelled(*(self.rows[half].gather(rows) for half in KEYS[:2])).bin.encode("hex")

    def span_ids(self, rows: pl.Series) -> pl.Series:
        """As of `ids`."""
        return spelled(self.rows[KEYS[2]].gather(rows)).bin.encode("hex")

    def _listed(self, names: list[str], rows: pl.DataFrame | None) -> pl.LazyFrame:
        """`place` and lists; of these rows only, whose times tell which parts of files to pass over."""
        if rows is None:
            return self.source.select(PLACE, *names)
        return self.source.filter(_within(rows["start_ns"]) & pl.col(PLACE).is_in(rows[PLACE].implode())).select(
            PLACE, *names
        )

    @property
    def height(self) -> int:
        """How many spans there are."""
        return len(self.rows)

    def each(self, column: str) -> pl.Series:
        """A column of the looks, a value a span."""
        return self.looks[column].gather(self.rows["look"])


def _reread(lists: pl.LazyFrame) -> pl.DataFrame:
    """The lists, from files that were there when the spans were read."""
    try:
        return lists.collect(engine="streaming")
    except FileNotFoundError as error:
        raise StoreError(
            "a file of the store was removed while it was read, as `baton forget` does: ask again"
        ) from error


def read(spans: pl.LazyFrame, as_of_ns: int = TIME_NS_MAX) -> Spans:
    """Reads spans from wherever they lie, a part at a time.

    A look is known by a hash of 64 bits, from a seed drawn anew each time, so that nobody can choose two that meet. Of
    n looks two meet by chance with a probability of n * n / 2**65: one in 4e15 for a hundred, one in 4e7 for a million.
    The spans of one would then be told with the columns of the other, in that one answer; ids and times are no part of
    a look.

    Args:
        spans: SPANS, or those of its columns that are wanted, LOOK's among them. A query over files is best given its
            `place` by `with_row_index` before all else: then only those parts of files are opened again that hold
            what is asked for.
        as_of_ns: spans that end later are not there yet.
    """
    look = list(LOOK)
    names = spans.collect_schema()
    source = (spans if PLACE in names else spans.with_row_index(PLACE)).filter(pl.col("end_ns") <= as_of_ns)
    linked = [pl.col("links").list.len().fill_null(0).alias("linked")] if "links" in names else []
    hashed = source.with_columns(*linked, pl.struct(look).hash(secrets.randbits(64)).alias("look"))
    hashed = hashed.with_columns(high().alias("trace_high")).drop(*LISTS, *_IDS, strict=False)
    empty = pl.DataFrame(schema=hashed.collect_schema())
    rows, looks = [empty.drop(look)], [empty.select("look", *look)]
    for part in hashed.collect_batches(maintain_order=False, engine="streaming"):
        # Most looks are seen soon: what the first part showed is not gathered again. Where spans share no looks, to
        # compare each part with all before it would never end.
        strange = part.filter(~pl.col("look").is_in(looks[min(1, len(looks) - 1)]["look"].implode()))
        looks.append(strange.select("look", *look).unique("look", keep="any"))
        rows.append(part.drop(look))
    known = pl.concat(looks).unique("look", keep="any")
    return Spans(_numbered(pl.concat(rows), known["look"]), known.drop("look"), source)


def high() -> pl.Expr:
    """Int64: the first 8 bytes of `trace_id`."""
    return pl.col("trace_id").bin.slice(0, 8).bin.reinterpret(dtype=pl.Int64(), endianness="big")


def spelled(*words: pl.Series) -> pl.Series:
    """Int64 as Binary: the bytes of these words, one after the other, the highest first; null where one is."""
    if not len(words[0]):
        return pl.Series(dtype=pl.Binary)
    raw = np.stack([word.fill_null(0).to_numpy() for word in words], axis=1).astype(">i8").view(np.uint8)
    told = pl.Series(raw).arr.to_list().cast(pl.Binary)
    known = pl.all_horizontal(word.is_not_null() for word in words)
    return pl.select(pl.when(known).then(told)).to_series()


def _within(starts: pl.Series) -> pl.Expr:
    """Whether a span began in one of a few stretches of time that hold all of these starts, with wide gaps between."""
    ordered = starts.sort()
    if ordered.is_empty():
        return pl.lit(value=False)
    gaps = ordered.diff().arg_sort(descending=True, nulls_last=True).head(_STRETCHES - 1).sort()
    edges = zip([0, *gaps], [*(gap - 1 for gap in gaps), len(ordered) - 1], strict=True)
    return pl.any_horizontal(pl.col("start_ns").is_between(ordered[first], ordered[last]) for first, last in edges)


def _numbered(rows: pl.DataFrame, hashes: pl.Series) -> pl.DataFrame:
    """The rows, each column in one piece, with the number of their look in the place of its hash."""
    numbers = pl.DataFrame({"_hash": hashes}).lazy().with_row_index("look")
    placed = (
        rows.lazy().select(pl.col("look").alias("_hash")).join(numbers, on="_hash", how="left", maintain_order="left")
    )
    columns = {**rows.to_dict(), "look": placed.collect()["look"]}
    del rows
    # One column at a time, each let go before the next is made: all at once would be held twice.
    return pl.DataFrame([columns.pop(name).rechunk() for name in list(columns)])
