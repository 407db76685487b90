"""What was measured, a row each, as one table or as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

DIGITS_MIN = 3


@dataclass(frozen=True, slots=True)
class Row:
    """One figure.

    Attributes:
        group: what of the endpoint it is about.
        what: what was measured.
        value: the figure; null where it could not be had, and then `how` says why.
        unit: of the figure.
        least: what it shall be at least; null where nothing is asked.
        most: what it shall be at most; null where nothing is asked.
        how: what stands behind it.
    """

    group: str
    what: str
    value: float | None
    unit: str
    least: float | None = None
    most: float | None = None
    how: str = ""

    @property
    def asked(self) -> str:
        """What was asked and whether it is so; empty where nothing is asked."""
        if self.least is None and self.most is None:
            return ""
        bound = f">= {_figure(self.least)}" if self.least is not None else f"<= {_figure(self.most or 0)}"
        if self.value is None:
            return bound
        met = (self.least is None or self.value >= self.least) and (self.most is None or self.value <= self.most)
        return f"{bound} {'met' if met else 'MISSED'}"


HEADINGS = ("", "measured", "unit", "asked", "how")


def as_text(rows: Sequence[Row]) -> str:
    """An aligned table, the groups' names on lines of their own."""
    lines: list[tuple[str, ...]] = [HEADINGS]
    for position, row in enumerate(rows):
        if position == 0 or rows[position - 1].group != row.group:
            lines.append((row.group,))
        value = "-" if row.value is None else _figure(row.value)
        lines.append((f"  {row.what}", value, row.unit, row.asked, row.how))
    full = [line for line in lines if len(line) > 1]
    widths = [max(len(cell) for cell in column) for column in zip(*full, strict=True)]
    return "".join(f"{_aligned(line, widths)}\n" for line in lines)


def as_json(rows: Iterable[Row]) -> str:
    """A JSON array, an object a row."""
    return orjson.dumps([asdict(row) for row in rows], option=orjson.OPT_INDENT_2).decode() + "\n"


def _aligned(line: tuple[str, ...], widths: Sequence[int]) -> str:
    cells = [
        cell.rjust(width) if place == 1 else cell.ljust(width)
        for place, (cell, width) in enumerate(zip(line, widths, strict=False))
    ]
    return "  ".join(cells).rstrip()


def _figure(value: float) -> str:
    """At least three digits that count, thousands apart."""
    whole = len(str(int(abs(value))))
    return f"{value:,.{max(0, DIGITS_MIN - whole)}f}"
