from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from baton import limits
from baton.values import Instant, Link, Number, duration_ns, instant_ns


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("500ms", 500_000_000),
        ("2s", 2_000_000_000),
        ("1.5s", 1_500_000_000),
        ("5m", 300_000_000_000),
        ("1h", 3_600_000_000_000),
        ("30", 30_000_000_000),
        ("0.25", 250_000_000),
        ("744h", 744 * 3_600_000_000_000),
    ],
)
def test_durations(written: str, expected: int) -> None:
    """A number with ms, s, m or h, or a bare number of seconds, becomes nanoseconds; 31 days is the most."""
    assert duration_ns(written) == expected


@pytest.mark.parametrize(
    "written", ["", "soon", "-1s", "0", "0.0000000001s", "1d", "1h30m", ".inf", "nan", "744.1h", "٣s", None]
)
def test_durations_refused(written: str | None) -> None:
    """What is no positive duration of at most 31 days is refused."""
    with pytest.raises(ValueError, match=r"is no duration; write|check its unit"):
        duration_ns(written)


@pytest.mark.parametrize("written", ["", "soon", "2026-02-30", "1969-12-31", "2300-01-01", "2026", None, True])
def test_dates_refused(written: object) -> None:
    """What names no instant between 1970 and 2225 is refused."""
    with pytest.raises(ValueError, match=r"is no date; write|check its year"):
        instant_ns(written)


def test_what_is_an_instant_already_passes() -> None:
    """Python callers give nanoseconds, files dates."""
    instant = TypeAdapter(Instant)
    assert instant.validate_python(5) == 5
    assert instant.validate_python("1970-01-01T00:00:01Z") == limits.SECOND_NS


@pytest.mark.parametrize(
    ("kind", "written", "told"),
    [
        (Link, "ftp://host/x", "is no link; write https"),
        (Link, "https://", "is no link"),
        (Link, "javascript:alert(1)", "is no link"),
        (Link, "https://host/a b", "is no link"),
        (Link, "https://host/\x1b[2J", "is no link"),
        (Link, "https://host/" + "a" * limits.LINK_CHARS_MAX, "shorten it"),
        (Number, "many", "is no whole number"),
        (Number, "-1", "is no whole number"),
    ],
)
def test_links_and_numbers_refused(kind: object, written: str, told: str) -> None:
    """A link is one that a browser opens; a number is whole."""
    with pytest.raises(ValidationError, match=told):
        TypeAdapter(kind).validate_python(written)
