from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baton.errors import UsageError
from baton.limits import TIME_NS_MAX
from baton.reports.times import ACCEPTED, duration, moment, parse, rfc3339

NOW_NS = 1_741_944_413_000_000_001


@pytest.mark.parametrize(
    ("text", "time_ns"),
    [
        ("2025-03-14T09:26:53.589793238Z", 1_741_944_413_589_793_238),
        ("2025-03-14T09:26:53.5Z", 1_741_944_413_500_000_000),
        ("2025-03-14t09:26:53z", 1_741_944_413_000_000_000),
        ("2025-03-14 10:26:53+01:00", 1_741_944_413_000_000_000),
        ("2025-03-13T23:56:53.000000001-09:30", 1_741_944_413_000_000_001),
        ("2025-03-14", 1_741_910_400_000_000_000),
        ("1970-01-01", 0),
        ("now", NOW_NS),
        ("-90s", NOW_NS - 90 * 10**9),
        ("-15m", NOW_NS - 15 * 60 * 10**9),
        ("-2h", NOW_NS - 2 * 3600 * 10**9),
        ("-3d", NOW_NS - 3 * 86400 * 10**9),
        ("-1w", NOW_NS - 7 * 86400 * 10**9),
    ],
)
def test_parse(text: str, time_ns: int) -> None:
    """Every accepted form is exact to the nanosecond."""
    assert parse(text, NOW_NS) == time_ns


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "15m",
        "-15",
        "-1.5h",
        "-9999999999s",
        "2025-02-30",
        "2025-03-14T09:26:53",
        "2025-03-14T25:00:00Z",
        "2025-03-14T09:26:60Z",
        "2025-03-14T09:26:53.1234567890Z",
        "2025-03-14T09:26:53+99:00",
        "2025-03-14\n",
        "٢٠٢٥-03-14",
        "1741944413",
    ],
)
def test_parse_refuses(text: str) -> None:
    """What is no time is refused by its value and with the accepted forms."""
    with pytest.raises(UsageError) as refusal:
        parse(text, NOW_NS)
    assert repr(text) in str(refusal.value)
    assert ACCEPTED in str(refusal.value)


@pytest.mark.parametrize("text", ["1969-12-31", "2263-01-01", "9999-12-31T23:59:59-23:59", "-999999999d"])
def test_parse_refuses_what_no_span_can_have(text: str) -> None:
    """Times outside Int64 nanoseconds since 1970 are refused, not wrapped."""
    with pytest.raises(UsageError, match="outside 1970 to 2262"):
        parse(text, NOW_NS)


@given(st.integers(0, TIME_NS_MAX))
def test_rfc3339_round_trips(time_ns: int) -> None:
    """Nine digits say the time exactly."""
    assert parse(rfc3339(time_ns), 0) == time_ns


def test_moment() -> None:
    """People read whole seconds in UTC."""
    assert moment(1_741_944_413_999_999_999) == "2025-03-14 09:26:53 UTC"


@pytest.mark.parametrize(
    ("duration_ns", "text"),
    [
        (0, "0 ms"),
        (1, "1 ns"),
        (999, "999 ns"),
        (412_000, "412 µs"),
        (8_340_000, "8.3 ms"),
        (2_400_000_000, "2.4 s"),
        (-2_400_000_000, "-2.4 s"),
        (60_000_000_000, "1 min"),
        (250_000_000_000, "4 min 10 s"),
        (3 * 3600 * 10**9 + 5 * 60 * 10**9, "3 h 5 min"),
        (2 * 86400 * 10**9 + 59 * 10**9, "2 d"),
    ],
)
def test_duration(duration_ns: int, text: str) -> None:
    """Two units or three figures, never more."""
    assert duration(duration_ns) == text
