"""What spans were seen doing, and when last: what a rule of the ownership file is held against.

Of ten million spans a few thousand looks are left here, so a rule meets each thing once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from baton.limits import REACH_SPANS_MIN, TIME_NS_MAX
from baton.schema import RESOURCE_ALIASES, SPANS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from baton.looks import Spans
    from baton.ownership.rules import Fact

MESSAGING = ("send", "receive", "settle")
"""Roles of spans that name a place of messages."""
_WORDS = {
    "service": ("service",),
    "namespace": ("service_namespace",),
    "rpc_service": ("rpc_service",),
    "http_route": ("http_route",),
    "entry": ("service", "name"),
    "step": ("service", "name"),
    "sampling": ("service", "environment"),
}
_SAID = {"key": pl.String(), "value": pl.String(), "spans": pl.UInt32(), "last_ns": pl.Int64()}
_LISTS = ("attributes", "resource", "keys")
_COLUMN_OF = {
    **{alias: column for alias, (column, _) in SPANS.aliases().items()},
    **{alias: column for column, aliases in RESOURCE_ALIASES.items() for alias in aliases},
}


def traffic(spans: Spans, since_ns: int | None = None, until_ns: int | None = None) -> pl.DataFrame:
    """One row a look of the spans that began in a window.

    Args:
        spans: SPANS and SIGHTINGS; without `team` where only names matter.
        since_ns: began at or after; null is from the first on.
        until_ns: began before; null is to the last.

    Returns:
        the looks' columns, `spans` (UInt32: how many), `last_ns` (Int64: start of the newest).
    """
    rows = spans.rows.lazy().select("look", "start_ns").filter(within(since_ns, until_ns))
    counted = rows.group_by("look").agg(pl.len().alias("spans"), pl.col("start_ns").max().alias("last_ns"))
    return counted.join(spans.looks.lazy().with_row_index("look"), on="look").drop("look").collect()


def within(since_ns: int | None, until_ns: int | None) -> pl.Expr:
    """Whether a span began in a window: at or after its first ns, and before its last; null is without a bound."""
    return pl.col("start_ns").is_between(
        -TIME_NS_MAX if since_ns is None else since_ns, TIME_NS_MAX if until_ns is None else until_ns - 1
    )


def reach_ns(spans: Spans) -> int | None:
    """Since when the store holds spans: REACH_SPANS_MIN had begun by then; null where there are not as many."""
    starts = spans.rows["start_ns"]
    return None if len(starts) < REACH_SPANS_MIN else int(starts.bottom_k(REACH_SPANS_MIN).max())  # type: ignore[arg-type]  # of an Int64 column


def said(spans: pl.LazyFrame, keys: Iterable[str], since_ns: int | None, until_ns: int | None) -> pl.DataFrame:
    """What spans said of some attributes, in lists or in the columns that these filled.

    Args:
        spans: SPANS.
        keys: the attributes' names.
        since_ns: of the window, see `traffic`.
        until_ns: of the window.

    Returns:
        `key`, `value` (String), `spans` (UInt32: how many of the window said so), `last_ns` (Int64: start of the newest
        of all that did); each pair once.
    """
    names = sorted(keys)
    if not names:
        # No list is read where no rule asks for it.
        return pl.DataFrame(schema=_SAID)
    lists = [
        spans.select("start_ns", item=name)
        .explode("item", empty_as_null=False, keep_nulls=False)
        .select("start_ns", key=pl.col("item").struct.field("key"), value=pl.col("item").struct.field("value"))
        .filter(pl.col("key").is_in(names))
        for name in _LISTS
    ]
    filled = [
        spans.select("start_ns", key=pl.lit(name), value=pl.col(_COLUMN_OF[name]).cast(pl.String))
        for name in names
        if name in _COLUMN_OF
    ]
    pairs = pl.concat([*lists, *filled], how="diagonal").drop_nulls("value").group_by("key", "value")
    inside = within(since_ns, until_ns)
    told = pairs.agg(inside.sum().alias("spans"), pl.col("start_ns").max().alias("last_ns"))
    return told.sort("key", "value").collect(engine="streaming")


def facts(
    known: pl.DataFrame, attributes: pl.DataFrame, queues: pl.DataFrame, kinds: Collection[str]
) -> dict[Fact, int]:
    """When each fact that a rule may match was seen last, ns.

    Args:
        known: the frame of `traffic`.
        attributes: the frame of `said`.
        queues: `name` (String), `last_ns` (Int64): queues that brokers know, and when they were looked at last.
        kinds: of facts that some rule looks at; of spans no other is told.

    Returns:
        a place of messages counts as channel and as queue, whoever named it: a rule is not called idle for the want of
        the other side's spans.
    """
    seen: dict[Fact, int] = {}
    for kind, columns in _WORDS.items():
        if kind in kinds:
            seen |= _newest(kind, known, columns)
    places = known.filter(pl.col("role").is_in(MESSAGING))
    named = pl.concat([places.select(pl.col(name).alias("name"), "last_ns") for name in ("channel", "queue")])
    named = pl.concat([named, queues.select("name", "last_ns")])
    for kind in ("channel", "queue"):
        seen |= _newest(kind, named, ("name",))
    seen |= _newest("deadline", places, ("channel", "environment"))
    return seen | _newest("attribute", attributes, ("key", "value"))


def _newest(kind: str, frame: pl.DataFrame, columns: tuple[str, ...]) -> dict[Fact, int]:
    newest = frame.drop_nulls(columns).group_by(columns).agg(pl.col("last_ns").max())
    return {(kind, *words): last_ns for *words, last_ns in newest.sort(columns).iter_rows()}
