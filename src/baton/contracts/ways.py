"""Which handoffs a contract speaks of. Names are globs, matched against the few ways that many handoffs share."""

from __future__ import annotations

import re
from functools import reduce
from operator import and_, or_
from typing import TYPE_CHECKING

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


def covered(traffic: pl.DataFrame, contracts: Sequence[Contract]) -> pl.DataFrame:
    """The handoffs that contracts speak of, once for each contract.

    A call that nobody answered, whose client span names no operation, may have been the one that a contract names: it
    counts as unobserved there.

    Args:
        traffic: TRAFFIC.
        contracts: each is known by its position.

    Returns:
        TRAFFIC's columns and `contract` (UInt32).
    """
    ways = traffic.select(WAY).unique().with_row_index("way")
    found = [
        ways.filter(said).select("way", pl.lit(number, dtype=pl.UInt32).alias("contract"), maybe.alias("maybe"))
        for number, (said, maybe) in enumerate(map(_speaks, contracts))
    ]
    if not found:
        return traffic.clear().with_columns(pl.lit(None, dtype=pl.UInt32).alias("contract"))
    by_way = traffic.join(ways, on=WAY, nulls_equal=True, maintain_order="left").join(pl.concat(found), on="way")
    verdict = pl.when("maybe").then(pl.lit("unobserved")).otherwise("verdict").alias("verdict")
    return by_way.with_columns(verdict).drop("way", "maybe")


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


def key_glob(key: str) -> str:
    """A contract's routing key as a glob: a binding's # is any text, as * is."""
    return key.replace("#", "*")


def names(contract: Contract) -> pl.Expr:
    """Whether a way is the contract's, its operation apart (Boolean), of a frame with WAY's columns."""
    told = [pl.col("kind") == contract.kind, matches("service", (contract.sender,))]
    if contract.channel is not None:
        told.append(matches("channel", (contract.channel,)))
    if contract.key is not None:
        told.append(matches("routing_key", (key_glob(contract.key),)))
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
    return names(contract) & (said | maybe), maybe
