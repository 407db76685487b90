from __future__ import annotations

import pytest

from baton.instants import absolute_ns
from baton.limits import DAY_NS, SECOND_NS


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("1970-01-02", DAY_NS),
        ("1970-01-01T00:00:01Z", SECOND_NS),
        ("1970-01-01 01:00:00.000000001+01:00", 1),
        ("1969-12-31", -DAY_NS),
        ("2026-02-30", None),
        ("2026-03-01T12:00:00", None),
        ("2026-3-1", None),
        ("now", None),
        ("", None),
    ],
)
def test_instants(written: str, expected: int | None) -> None:
    """A date is its midnight in UTC, a time has its offset; what names no instant is None."""
    assert absolute_ns(written) == expected
