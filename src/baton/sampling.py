"""Consistent probability sampling, as W3C trace context and OpenTelemetry's `ot` tracestate entry say it.

A trace has 56 bits of randomness R (`rv`, else the end of its trace id); a sampler with threshold T (`th`, hex digits
from the left) keeps the traces with R >= T. So one can tell *which* receipts a sampler left out.
(OpenTelemetry specification, TraceState: Probability Sampling.)
"""

from __future__ import annotations

import math

import polars as pl

from baton.limits import DECISION_WAIT_SLACK, DECISION_WAITS_NS, SAMPLED_IDS_CHANCE, SAMPLED_IDS_RATIO_MIN

_DIGITS = 14
_BITS = 56
_MASK = 2**_BITS - 1
KEPT = 0x01
"""W3C's sampled flag."""
KNOWS = 0x100
"""OTLP's flag that says whether the parent is remote: who sets it, sets W3C's flags as well."""


def randomness() -> pl.Expr:
    """Int64: R, of a frame with `trace_key` and `trace_state`."""
    return pl.coalesce(_of("rv"), pl.col("trace_key") & _MASK)


def threshold() -> pl.Expr:
    """Int64: T, of a frame with `trace_state`; 0 keeps everything, and stands where no sampler is named."""
    return _of("th").fill_null(0)


def lowest(trace_keys: pl.Expr) -> pl.Expr:
    """Int64, an aggregation: T as trace ids tell it where no sampler is named; 0 where they look whole.

    Of n random ids none has R under a part p of the range with a chance of (1 - p)^n.

    Args:
        trace_keys: SPANS' `trace_key` of those kept.
    """
    least = (trace_keys & _MASK).min()
    return pl.when(_cut(trace_keys, least / 2**_BITS)).then(least).otherwise(0)


def cut(trace_keys: pl.Expr) -> pl.Expr:
    """Boolean, an aggregation: whether trace ids are those that a sampler by trace id keeps.

    By R as above, or as the SDKs' TraceIdRatioBased does: the last 8 bytes below a bound, as an unsigned number
    (Python; Go without the last bit) or as the amount of a signed one (Java).

    Args:
        trace_keys: as of `lowest`.
    """
    signed = trace_keys.cast(pl.Float64)
    unsigned = signed + (signed < 0).cast(pl.Float64) * 2.0**64
    above = [1 - unsigned.max() / 2**64, 1 - signed.abs().max() / 2**63]
    return pl.any_horizontal(lowest(trace_keys) > 0, *(_cut(trace_keys, part) for part in above))


def _cut(trace_keys: pl.Expr, part: pl.Expr) -> pl.Expr:
    """Whether so large a part of the range without any id is no chance (Boolean)."""
    drawn = part <= 1 - SAMPLED_IDS_RATIO_MIN
    return drawn & (trace_keys.n_unique() * (1 - part).log() <= math.log(SAMPLED_IDS_CHANCE))


def near_decision_wait(ceiling_ns: pl.Expr) -> pl.Expr:
    """Whether a ceiling of waiting times (ns) lies where a tail sampler's decision wait would draw it (Boolean).

    Spans that come after the decision are lost, so under tail sampling no receipt is seen to wait for longer.
    """
    return pl.any_horizontal(
        (ceiling_ns - wait_ns).abs() <= DECISION_WAIT_SLACK * wait_ns for wait_ns in DECISION_WAITS_NS
    )


def _of(key: str) -> pl.Expr:
    digits = pl.col("trace_state").str.extract(rf"(?:^|,)\s*ot=(?:[^,]*;)?{key}:([0-9a-f]{{1,{_DIGITS}}})(?:[;,\s]|$)")
    return digits.str.pad_end(_DIGITS, "0").str.to_integer(base=16, strict=False)
