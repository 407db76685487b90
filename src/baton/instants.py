"""Instants as people write them, exact to the nanosecond: no float stands in between."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from baton.limits import SECOND_NS

DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
TIME = rf"({DATE})[Tt ]([0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}})(?:\.([0-9]{{1,9}}))?([Zz]|[+-][0-9]{{2}}:[0-9]{{2}})"
"""RFC 3339, with its offset."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def absolute_ns(text: str) -> int | None:
    """The instant that a date (its midnight in UTC) or an RFC 3339 time names, in ns since 1970; None for all else.

    It may lie before 1970 or after 2262: whoever keeps it checks.
    """
    if re.fullmatch(DATE, text):
        return _ns(f"{text}T00:00:00+00:00", 0)
    if absolute := re.fullmatch(TIME, text):
        date, clock, fraction, offset = absolute.groups()
        zone = "+00:00" if offset in {"Z", "z"} else offset
        return _ns(f"{date}T{clock}{zone}", int((fraction or "").ljust(9, "0")))
    return None


def _ns(iso: str, fraction_ns: int) -> int | None:
    """An instant of whole seconds and the nanoseconds within its last second; None if there is no such instant."""
    try:
        return (datetime.fromisoformat(iso) - EPOCH) // timedelta(seconds=1) * SECOND_NS + fraction_ns
    except ValueError:
        return None
