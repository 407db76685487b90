"""Consistent probability sampling, as W3C trace context and OpenTelemetry's `ot` tracestate entry say it.

A trace has 56 bits of randomness R (`rv`, else the end of its trace id); a sampler with threshold T (`th`, hex digits
from the left) keeps the traces with R >= T. So one can tell *which* receipts a sampler left out.
(OpenTelemetry specification, TraceState: Probability Sampling.)
"""

from __future__ import annotations

import polars as pl

from baton.limits import DECISION_WAIT_SLACK, DECISION_WAITS_NS

_DIGITS = 14
_MASK = 2**56 - 1
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
