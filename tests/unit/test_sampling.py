from __future__ import annotations

import random

import polars as pl
import pytest

from baton import sampling
from baton.limits import DECISION_WAITS_NS, SECOND_NS


def said(state: str | None, trace_key: int = 0) -> tuple[int, int]:
    """Randomness and threshold of a span with that tracestate."""
    frame = pl.DataFrame(
        {"trace_state": [state], "trace_key": [trace_key]}, schema_overrides={"trace_state": pl.String}
    )
    return frame.select(r=sampling.randomness(), t=sampling.threshold()).row(0)


@pytest.mark.parametrize(
    ("state", "threshold"),
    [
        (None, 0),
        ("", 0),
        ("ot=th:0", 0),
        ("ot=th:8", 2**55),
        ("ot=th:c", 3 * 2**54),
        ("congo=t61,ot=rv:00000000000001;th:fd70a", 0xFD70A << 36),
        ("ot=th:fd70a3d70a3d71;rv:00000000000001,rojo=1", 0xFD70A3D70A3D71),
        ("rojo=th:8", 0),
        ("ot=th:zz", 0),
        ("ot=path:8", 0),
    ],
)
def test_a_threshold_is_read_from_the_left(state: str | None, threshold: int) -> None:
    """Hex digits of `th` in the entry `ot`, those left out being zeros; what is no threshold keeps everything."""
    assert said(state)[1] == threshold


def test_randomness_is_the_traces_own_unless_it_is_said() -> None:
    """The last 56 bits of the trace id, also where its surrogate is negative; else `rv`."""
    assert said(None, 0x7F00_0000_0000_0005)[0] == 5
    assert said("ot=th:8", -1)[0] == 2**56 - 1
    assert said("ot=th:8;rv:0000000000000a", -1)[0] == 10


def test_a_ceiling_near_a_decision_wait_is_told() -> None:
    """10, 30 and 60 s, a tenth around them; nothing between."""
    near = [0.95, 1.05, 0.8, 1.2]
    ceilings = pl.DataFrame({"ns": [round(wait * part) for wait in DECISION_WAITS_NS for part in near]})
    told = ceilings.select(sampling.near_decision_wait(pl.col("ns"))).to_series().to_list()
    assert told == [True, True, False, False] * 3
    assert not pl.select(sampling.near_decision_wait(pl.lit(SECOND_NS))).item()


def kept(share: float, rule: str, count: int = 400) -> pl.DataFrame:
    """Trace ids (their surrogates) of which a sampler kept that share."""
    draw = random.Random(7)
    keys = [draw.getrandbits(64) - 2**63 for _ in range(count)]
    part = {
        "all": lambda _key: 1.0,
        "randomness": lambda key: (key % 2**56) / 2**56,
        "unsigned": lambda key: 1 - (key % 2**64) / 2**64,
        "signed": lambda key: 1 - abs(key) / 2**63,
    }[rule]
    return pl.DataFrame({"trace_key": [key for key in keys if part(key) >= 1 - share]}, schema={"trace_key": pl.Int64})


@pytest.mark.parametrize("rule", ["randomness", "unsigned", "signed"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_a_sampler_by_trace_id_shows_in_the_ids_that_it_kept(rule: str, share: float) -> None:
    """By the low 56 bits, or as an SDK's TraceIdRatioBased reads the last 8 bytes: a part of the range is empty."""
    found = kept(share, rule).select(cut=sampling.cut(pl.col("trace_key")), t=sampling.lowest(pl.col("trace_key")))
    assert found["cut"][0]
    assert (found["t"][0] > 0) == (rule == "randomness")


def test_ids_that_are_whole_few_or_counted_show_none() -> None:
    """Random ids without a sampler, ten of a sampled service, numbers from 1 on, and none."""
    for frame in (
        kept(1, "all"),
        kept(0.95, "randomness").head(10),
        pl.DataFrame({"trace_key": range(1, 1000)}),
        pl.DataFrame(schema={"trace_key": pl.Int64}),
    ):
        told = frame.select(cut=sampling.cut(pl.col("trace_key")), t=sampling.lowest(pl.col("trace_key"))).row(0)
        assert [value or 0 for value in told] == [0, 0]
