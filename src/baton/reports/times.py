"""Times as people type them and as Baton prints them, exact to the nanosecond: no float stands in between."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from baton.errors import UsageError
from baton.limits import SECOND_NS, TIME_NS_MAX

ACCEPTED = (
    "an RFC 3339 time with its offset (2025-03-14T09:26:53.589793238Z), "
    "a date (2025-03-14, its midnight in UTC), now, or a time ago (-15m, -2h, -3d)"
)
"""The forms that `parse` takes, in words."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RELATIVE = re.compile(r"-([0-9]{1,9})([smhdw])")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,9}))?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}

_THREE_FIGURES = 100


def parse(text: str, now_ns: int) -> int:
    """The time that `text` names, in ns since 1970; relative ones count back from `now_ns`.

    Raises:
        UsageError: not one of the forms of ACCEPTED, no such day or hour, or before 1970 or after 2262.
    """
    time_ns = _parse(text, now_ns)
    if time_ns is None:
        raise UsageError(f"{text!r} is not a time: write {ACCEPTED}")
    if not 0 <= time_ns <= TIME_NS_MAX:
        raise UsageError(f"{text!r} lies outside 1970 to 2262, the times that spans can have: write {ACCEPTED}")
    return time_ns


def _parse(text: str, now_ns: int) -> int | None:
    """As `parse`, without bounds; None for what is no time."""
    if text == "now":
        return now_ns
    if relative := _RELATIVE.fullmatch(text):
        return now_ns - int(relative[1]) * _UNIT_S[relative[2]] * SECOND_NS
    if _DATE.fullmatch(text):
        return _seconds(f"{text}T00:00:00+00:00", 0)
    if absolute := _TIME.fullmatch(text):
        date, clock, fraction, offset = absolute.groups()
        zone = "+00:00" if offset in {"Z", "z"} else offset
        return _seconds(f"{date}T{clock}{zone}", int((fraction or "").ljust(9, "0")))
    return None


def _seconds(iso: str, fraction_ns: int) -> int | None:
    """A time of whole seconds and the nanoseconds within its last second; None if there is no such time."""
    try:
        return (datetime.fromisoformat(iso) - _EPOCH) // timedelta(seconds=1) * SECOND_NS + fraction_ns
    except ValueError:
        return None


def rfc3339(time_ns: int) -> str:
    """`2025-03-14T09:26:53.589793238Z`."""
    return f"{_EPOCH + timedelta(seconds=time_ns // SECOND_NS):%Y-%m-%dT%H:%M:%S}.{time_ns % SECOND_NS:09}Z"


def moment(time_ns: int) -> str:
    """A time for people, whole seconds: `2025-03-14 09:26:53 UTC`."""
    return f"{_EPOCH + timedelta(seconds=time_ns // SECOND_NS):%Y-%m-%d %H:%M:%S} UTC"


def duration(duration_ns: int) -> str:
    """A length of time for people, two or three figures: `412 µs`, `8.3 ms`, `2.4 s`, `4 min 10 s`, `3 h 5 min`."""
    if duration_ns < 0:
        return f"-{duration(-duration_ns)}"
    if duration_ns < 60 * SECOND_NS:
        for unit_ns, unit in ((SECOND_NS, "s"), (1_000_000, "ms"), (1_000, "µs")):
            if duration_ns >= unit_ns:
                value = duration_ns / unit_ns
                return f"{value:.{1 if value < _THREE_FIGURES else 0}f} {unit}"
        return f"{duration_ns} ns"
    minutes, seconds = divmod(duration_ns // SECOND_NS, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = ((days, "d"), (hours, "h"), (minutes, "min"), (seconds, "s"))
    first = next(i for i, (count, _) in enumerate(parts) if count)
    return " ".join(f"{count} {unit}" for count, unit in parts[first : first + 2] if count)
