"""Which handoffs a contract speaks of. Names are globs, matched against the few ways that many handoffs share."""

from __future__ import annotations

import re
from functools import reduce
from operator import and_, or_
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from baton.schema import SEPARATOR

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from baton.contracts.contract import Contract

WAY = ["kind", "tenant", "environment", "service", "channel", "routing_key", "operation", "to_service"]
"""Columns of TRAFFIC that decide which contracts speak of a handoff."""

_BARE = r"^(HTTP )?[A-Z]+$"
"""A client span that names its method and no more, as OpenTelemetry's HTTP conventions have it."""

_WILDCARD = re.compile(r"\[(?>(!?))(.[^\]]*)\]|[*?]", re.DOTALL)


class Ways:
    """Traffic laid out by its ways, so that a contract's handoffs are found without a look at all others.

    Attributes:
        ways: WAY's columns, each way once, and `handoffs` (UInt32): how many took it.
    """

    def __init__(self, traffic: pl.DataFrame) -> None:
        ways = traffic.group_by(WAY, maintain_order=True).agg(pl.len().alias("handoffs"))
        numbers = traffic.select(WAY).join(
            ways.with_row_index("way"), on=WAY, how="left", nulls_equal=True, maintain_order="left"
        )["way"]
        self.ways = ways
        self._rows = traffic[numbers.arg_sort()] if traffic.height else traffic
        self._ends = ways["handoffs"].cast(pl.Int64).cum_sum().to_numpy()

    def of(self, contract: Contract) -> pl.DataFrame:
        """The handoffs that it speaks of: TRAFFIC's columns.

        A call that nobody answered, whose client span names no operation, may have been the one that it names: it
        counts as unobserved.
        """
        said, maybe = _speaks(contract)
        sure, unsure = (
            self._taken(self.ways.select(one.arg_true()).to_series()) for one in (said & ~maybe, said & maybe)
        )
        return pl.concat([sure, unsure.with_columns(pl.lit("unobserved").alias("verdict"))])

    def unspoken(self, contracts: Sequence[Contract]) -> pl.DataFrame:
        """The ways that none of them speaks of."""
        return self.ways.filter(~pl.any_horizontal(pl.lit(value=False), *(_speaks(one)[0] for one in contracts)))

    def _taken(self, ways: pl.Series) -> pl.DataFrame:
        """The handoffs of the ways at these places."""
        ends = self._ends[ways.to_numpy()]
        counts = self.ways["handoffs"].gather(ways).to_numpy()
        parts = [np.arange(end - count, end) for end, count in zip(ends, counts, strict=True)]
        return self._rows[np.concatenate(parts)] if parts else self._rows.clear()


def matches(column: str, globs: Iterable[str]) -> pl.Expr:
    """Whether a name, or one of several with SEPARATOR between them, is one of these (Boolean; null is none)."""
    one = "|".join(map(regex, globs))
    return pl.col(column).str.contains(f"(?:^|{SEPARATOR})(?:{one})(?:$|{SEPARATOR})").fill_null(value=False)


def regex(glob: str) -> str:
    """A glob of `fnmatch` (case counts) as Polars' regex reads it; no wildcard stands for a SEPARATOR."""
    parts, end = [], 0
    for found in _WILDCARD.finditer(glob):
        parts.append(re.escape(glob[end : found.start()]))
        if found.group() in ("*", "?"):
            parts.append(f"[^{SEPARATOR}]{'*' if found.group() == '*' else ''}")
        else:
            parts.append(_class(found[2], negated=bool(found[1])))
        end = found.end()
    return "".join((*parts, re.escape(glob[end:])))


def _class(within: str, *, negated: bool) -> str:
    """A class of characters; a range that runs backwards is empty, as fnmatch has it."""
    told, at = "", 0
    while at < len(within):
        ranged = within[at + 1 : at + 2] == "-" and at + 2 < len(within)
        first, last = within[at], within[at + 2] if ranged else within[at]
        if first <= last:
            told += f"\\x{{{ord(first):x}}}-\\x{{{ord(last):x}}}"
        at += 3 if ranged else 1
    if negated:
        return f"[^{SEPARATOR}{told}]"
    return f"[{told}]" if told else r"[^\s\S]"


def key_globs(key: str) -> tuple[str, ...]:
    """A contract's routing key as globs: a binding's # is any text, as * is, or nothing with the dot beside it."""
    bare = key.removesuffix(".#").removeprefix("#.")
    return tuple(dict.fromkeys(one.replace("#", "*") for one in (key, bare)))


def names(contract: Contract) -> pl.Expr:
    """Whether a way is the contract's, its operation apart (Boolean), of a frame with WAY's columns."""
    told = [pl.col("kind") == contract.kind, matches("service", (contract.sender,))]
    if contract.channel is not None:
        told.append(matches("channel", (contract.channel,)))
    if contract.key is not None:
        told.append(matches("routing_key", key_globs(contract.key)))
    if contract.environment is not None:
        told.append(matches("environment", (contract.environment,)))
    if contract.takers:
        # Of a message that went nowhere, the contract is the only one who says who should have it.
        nobody = pl.col("to_service").is_null() & (contract.kind == "message")
        told.append(or_(matches("to_service", contract.takers), nobody))
    return reduce(and_, told)


def _speaks(contract: Contract) -> tuple[pl.Expr, pl.Expr]:
    """Whether it speaks of a way, and whether it only may."""
    if contract.call is None:
        return names(contract), pl.lit(value=False)
    said = matches("operation", (contract.call,))
    maybe = pl.col("operation").str.contains(_BARE).fill_null(value=True) & ~said
    return names(contract) & (said | maybe), names(contract) & maybe
