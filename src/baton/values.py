"""Values that people write in files: durations, instants, whole numbers, links; each read from its text.

The strict YAML loader (`baton.ownership.strict_yaml`) leaves every scalar as it was written, so all of these take text.
What is an int already (a Python caller's) passes.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from baton import limits
from baton.instants import DATE, TIME, absolute_ns

_UNITS_NS = {
    "ms": limits.SECOND_NS // 1000,
    "s": limits.SECOND_NS,
    "m": 60 * limits.SECOND_NS,
    "h": 3600 * limits.SECOND_NS,
}
_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?) ?(ms|s|m|h)?")

_LINK = re.compile(r"https?://[^\s/]\S*")


def duration_ns(value: object) -> int:
    """A duration as written, in nanoseconds: "500ms", "2s", "5m", "1h", or a number of seconds.

    Raises:
        ValueError: not a duration, zero, or longer than `limits.DECLARED_DEADLINE_NS_MAX`.
    """
    written = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if written is None:
        raise ValueError('is no duration; write "500ms", "2s", "5m", "1h" or a number of seconds')
    duration = round(float(written[1]) * _UNITS_NS[written[2] or "s"])
    if not 0 < duration <= limits.DECLARED_DEADLINE_NS_MAX:
        raise ValueError(f"is not between 0 and {limits.DECLARED_DEADLINE_NS_MAX // _UNITS_NS['h']}h; check its unit")
    return duration


def instant_ns(value: object) -> int:
    """A date or an RFC 3339 time as written, in nanoseconds since 1970.

    Raises:
        ValueError: neither, no such day or hour, or outside 1970 to 2262.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    instant = absolute_ns(value) if isinstance(value, str) else None
    if instant is None:
        raise ValueError("is no date; write 2026-03-01 (its midnight in UTC) or 2026-03-01T12:00:00Z")
    if not 0 <= instant <= limits.INSTANT_NS_MAX:
        raise ValueError("lies outside the times that spans can have, 1970 to 2225; check its year")
    return instant


def _number(value: object) -> object:
    if not (isinstance(value, str) and re.fullmatch(r"[0-9_]{1,19}", value)):
        raise ValueError("is no whole number; write 50, or leave its key out where there is no limit")
    return value


def _link(value: str) -> str:
    if len(value) > limits.LINK_CHARS_MAX:
        raise ValueError(f"is longer than {limits.LINK_CHARS_MAX} characters; shorten it")
    if not (_LINK.fullmatch(value) and value.isprintable()):
        raise ValueError("is no link; write https://...")
    return value


Duration = Annotated[
    int,
    BeforeValidator(duration_ns),
    WithJsonSchema({"type": ["string", "number"], "pattern": f"^{_DURATION.pattern}$", "exclusiveMinimum": 0}),
]
"""Nanoseconds, written as `duration_ns` reads them."""

Instant = Annotated[
    int,
    BeforeValidator(instant_ns),
    WithJsonSchema({"type": "string", "pattern": f"^({DATE}|{TIME})$"}),
]
"""Nanoseconds since 1970, written as `instant_ns` reads them."""

Number = Annotated[
    int,
    Field(le=limits.TIME_NS_MAX),
    BeforeValidator(_number),
    WithJsonSchema({"type": ["integer", "string"], "minimum": 0, "pattern": "^[0-9_]{1,19}$"}),
]
"""A whole number, `50` or `1_000`."""

Link = Annotated[str, AfterValidator(_link), WithJsonSchema({"type": "string", "pattern": f"^{_LINK.pattern}$"})]
"""An address that a browser opens, http or https."""
