"""Which spans carry an attribute: the column that it fills, and wherever attributes stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import polars as pl

from baton.schema import RESOURCE_ALIASES, SPANS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_NESTED_TYPES = (5, 6)  # AnyValue's array and kvlist: JSON in `value`
_SEPARATOR = "\0"


class Carriers:
    """Finds the spans with one of several values of an attribute.

    Of a column that several attributes fill nothing tells which of them did: the value in it counts. Values that are
    no strings count by their text. Inside arrays and kvlists, a value counts as one of the array's key; a kvlist's
    own keys count as keys, and with what leads to them: `enduser` that holds `id` holds `enduser.id`, as redaction
    reads it.
    """

    def __init__(self, key: str, values: Sequence[str]) -> None:
        self._key = key
        self._values = [*values]

    def of(self, spans: pl.LazyFrame) -> pl.Expr:
        """Whether a span carries it; SPANS's columns."""
        carries = self._attribute(self._nested(spans))
        inside = [
            *(pl.col(name).list.eval(carries).list.any() for name in ("attributes", "resource", "scope")),
            *(pl.col(name).list.eval(_attributes(carries)).list.any() for name in ("events", "links")),
            pl.col("keys").list.eval(self._is(pl.element().struct.field("value"), "key")).list.any(),
        ]
        columns = [pl.col(name).cast(pl.String).is_in(self._values) for name in self._columns()]
        return pl.any_horizontal(*inside, *columns).fill_null(value=False)

    def _columns(self) -> Iterator[str]:
        """The columns that the attribute may fill."""
        place = SPANS.aliases().get(self._key)
        if place is not None:
            yield place[0]
        yield from (column for column, aliases in RESOURCE_ALIASES.items() if self._key in aliases)

    def _is(self, value: pl.Expr, key: str) -> pl.Expr:
        return (pl.element().struct.field(key) == self._key) & value.is_in(self._values)

    def _attribute(self, nested: list[str]) -> pl.Expr:
        """Whether an element of a list of attributes is it, or holds it."""
        key, value = pl.element().struct.field("key"), pl.element().struct.field("value")
        return self._is(value, "key") | pl.concat_str(key, pl.lit(_SEPARATOR), value).is_in(nested)

    def _nested(self, spans: pl.LazyFrame) -> list[str]:
        """The arrays and kvlists of these spans that hold it, each as its key, a separator and its text."""
        lists = [pl.col(name) for name in ("attributes", "resource", "scope")]
        lists += [pl.col(name).list.eval(_flat()) for name in ("events", "links")]
        found: list[str] = []
        for attributes in lists:
            one = spans.select(attributes.explode(empty_as_null=False, keep_nulls=False).alias("one")).unnest("one")
            nested = one.filter(pl.col("type").is_in(_NESTED_TYPES)).select("key", "value").unique()
            found += [
                f"{key}{_SEPARATOR}{text}"
                for key, text in nested.collect(engine="streaming").iter_rows()
                if self._holds(key, orjson.loads(text))
            ]
        return found

    def _holds(self, key: str, value: object) -> bool:
        """Whether a value of that path, or one inside it, is it."""
        if isinstance(value, dict):
            return any(self._holds(f"{key}.{inner}", item) for inner, item in value.items())
        if isinstance(value, list):
            return any(self._holds(key, item) for item in value)
        text = value if isinstance(value, str) else orjson.dumps(value).decode()
        return f".{key}".endswith(f".{self._key}") and text in self._values


def _attributes(carries: pl.Expr) -> pl.Expr:
    """Whether any attribute of an element (an event, a link) does."""
    return pl.element().struct.field("attributes").list.eval(carries).list.any()


def _flat() -> pl.Expr:
    """The attributes of the elements (events, links) of a list, one after the other."""
    return pl.element().struct.field("attributes").explode(empty_as_null=False, keep_nulls=False)
