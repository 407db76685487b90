"""Times as people type them and as Baton prints them, exact to the nanosecond: no float stands in between."""

from __future__ import annotations

import re
from datetime import timedelta

from baton.errors import UsageError
from baton.instants import EPOCH, absolute_ns
from baton.limits import SECOND_NS, TIME_NS_MAX

ACCEPTED = (
    "an RFC 3339 time with its offset (2025-03-14T09:26:53.589793238Z), "
    "a date (2025-03-14, its midnight in UTC), now, or a time ago (-15m, -2h, -3d)"
)
"""The forms that `parse` takes, in words."""

_RELATIVE = re.compile(r"-([0-9]{1,9})([smhdw])")
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
    return absolute_ns(text)


def rfc3339(time_ns: int) -> str:
    """`2025-03-14T09:26:53.589793238Z`."""
    return f"{EPOCH + timedelta(seconds=time_ns // SECOND_NS):%Y-%m-%dT%H:%M:%S}.{time_ns % SECOND_NS:09}Z"


def moment(time_ns: int) -> str:
    """A time for people, whole seconds: `2025-03-14 09:26:53 UTC`."""
    return f"{EPOCH + timedelta(seconds=time_ns // SECOND_NS):%Y-%m-%d %H:%M:%S} UTC"


def duration(duration_ns: int) -> str:
    """A length of time for people, two or three figures: `412 µs`, `8.3 ms`, `2.4 s`, `4 min 10 s`, `3 h 5 min`.

    Zero is `0 ms`: clocks that spans are stamped by rarely tell nanoseconds apart.
    """
    if duration_ns < 0:
        return f"-{duration(-duration_ns)}"
    if duration_ns < 60 * SECOND_NS:
        for unit_ns, unit in ((SECOND_NS, "s"), (1_000_000, "ms"), (1_000, "µs")):
            if duration_ns >= unit_ns:
                value = duration_ns / unit_ns
                return f"{value:.{1 if value < _THREE_FIGURES else 0}f} {unit}"
        return f"{duration_ns} ns" if duration_ns else "0 ms"
    minutes, seconds = divmod(duration_ns // SECOND_NS, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = ((days, "d"), (hours, "h"), (minutes, "min"), (seconds, "s"))
    first = next(i for i, (count, _) in enumerate(parts) if count)
    return " ".join(f"{count} {unit}" for count, unit in parts[first : first + 2] if count)
