"""Baton's own refusals, for verdicts to know: what was turned away may be missing from what it judges."""

from __future__ import annotations

from typing import NamedTuple

import polars as pl

from baton.limits import OUTAGES_INTERVAL_S, OUTAGES_WAITING_MAX, SECOND_NS
from baton.schema import OUTAGES


class _Interval(NamedTuple):
    """OUTAGES's columns."""

    start_ns: int
    end_ns: int
    kind: str
    reason: str | None
    requests: int


class Refusals:
    """Collects outages until they are saved; used from one thread."""

    def __init__(self) -> None:
        self._intervals: list[_Interval] = []

    def note(self, reason: str, at_ns: int) -> None:
        """A request was turned away; refusals less than `OUTAGES_INTERVAL_S` apart are one interval.

        Args:
            reason: why, in a sentence; the first of an interval stands for all.
            at_ns: when, ns since 1970.
        """
        last = self._intervals[-1] if self._intervals else None
        apart_ns = int(OUTAGES_INTERVAL_S * SECOND_NS)
        together = len(self._intervals) >= OUTAGES_WAITING_MAX
        if last is not None and last.kind == "refusing" and (at_ns - last.end_ns < apart_ns or together):
            self._intervals[-1] = last._replace(end_ns=max(at_ns, last.end_ns), requests=last.requests + 1)
        else:
            self._intervals.append(_Interval(at_ns, at_ns, "refusing", reason, 1))

    def was_down(self, start_ns: int, end_ns: int) -> None:
        """No endpoint ran in this time."""
        self._intervals.append(_Interval(start_ns, end_ns, "down", None, 0))

    def take(self) -> pl.DataFrame:
        """What was collected, OUTAGES's columns; it is no longer here."""
        intervals, self._intervals = self._intervals, []
        return pl.DataFrame(intervals, schema=OUTAGES.schema, orient="row")

    def give_back(self, frame: pl.DataFrame) -> None:
        """What was taken and could not be saved."""
        self._intervals = [*map(_Interval._make, frame.iter_rows()), *self._intervals]
