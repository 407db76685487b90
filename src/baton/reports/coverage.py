"""`baton coverage` as text, JSON and Markdown: the shares that are owned, then what is amiss, the worst first."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from math import floor
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import orjson
import polars as pl

from baton.limits import LIST_LINES_MAX
from baton.reports.rows import as_json as rows_as_json
from baton.reports.rows import as_markdown as rows_as_markdown
from baton.reports.table import columns, line, lines, render
from baton.reports.text import markdown
from baton.reports.times import moment, rfc3339
from baton.schema import COVERAGE_SECTIONS, DEFAULT_TENANT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rich.console import RenderableType

_TITLES = {
    "unowned_service": "Services without an owner",
    "unowned_channel": "Channels without an owner",
    "gray_area": "Gray areas: several claim it, so nobody owns it",
    "orphan": "Orphaned integration points: both ends owned, nothing between",
    "journey": "Journeys without an owner",
    "unsent": "Receives that nothing sent",
    "unreachable": "Owners without an escalation",
    "stale": "Stale entries of the ownership file",
    "unseen": "Not seen, in too short a time to say more",
    "conflict": "Sources that disagree",
    "note": "Notes on the files",
}
_COUNTS = {"orphan": "message", "journey": "journey", "unsent": "span", "unreachable": "span"}
"""What a section counts; the others count spans, or messages of channels and queues."""
_UNCOUNTED = ("stale", "unseen", "conflict", "note")
_OF_MESSAGES = ("channel", "queue")


@dataclass(frozen=True, slots=True)
class Coverage:
    """What is owned of a window, and what is not.

    Attributes:
        shares: COVERED.
        rows: COVERAGE.
        since_ns: start of the window; null is the store's.
        until_ns: its end; null is the store's.
        as_of_ns: event time of the judgement.
        stale_days: days without a span that make an entry stale.
        held_days: days of spans that the store holds.
        minimum: per cent that was asked for; null where none was.
    """

    shares: pl.DataFrame
    rows: pl.DataFrame
    since_ns: int | None
    until_ns: int | None
    as_of_ns: int
    stale_days: int
    held_days: float
    minimum: float | None = None

    @property
    def empty(self) -> bool:
        """Whether there was no span to own."""
        return not self.shares.filter(what="spans")["total"].sum()

    @property
    def short(self) -> tuple[str, ...]:
        """The shares below the minimum, the least first; of what there is none of, none is asked."""
        if self.minimum is None:
            return ()
        # Exactly, in decimals as it was asked for: 19 of 20 are 95 per cent, whatever doubles say.
        asked = Decimal(str(self.minimum))
        rows = self.shares.select("share", "what", "owned", "total").iter_rows()
        low = [(share, what) for share, what, owned, total in rows if owned * 100 < total * asked]
        return tuple(what for _, what in sorted(low, key=itemgetter(0)))

    @property
    def met(self) -> bool | None:
        """Whether each share reaches the minimum; not where nothing can prove it; null if none was asked for."""
        return None if self.minimum is None else not (self.empty or self.short)


def verdict(answer: Coverage) -> str:
    """In a sentence how the shares compare to the minimum."""
    if answer.empty:
        held = "no span began in this window, so there is nothing to own"
        return held if answer.minimum is None else f"unproven: {held}; --min needs spans"
    if answer.minimum is None:
        return "no minimum asked for (--min)"
    if not answer.short:
        return f"each share reaches {answer.minimum:g} %"
    by_name = {row["what"]: row for row in answer.shares.iter_rows(named=True)}
    told = [f"{name} {percent(by_name[name]['share'])}" for name in answer.short]
    return f"below {answer.minimum:g} %: {', '.join(told)}"


def percent(share: float | None) -> str:
    """A share for people; never rounded up: what is not all must not look like all."""
    # A share of doubles may lie a hair below what it is.
    return "-" if share is None else f"{floor(share * 1000 + 1e-9) / 10:.1f} %"


def as_table(answer: Coverage, *, width: int, color: bool) -> str:
    """The answer as text of at most `width` columns, at most LIST_LINES_MAX rows of each section."""
    return render(_parts(answer), width=width, color=color)


def _parts(answer: Coverage) -> Iterator[RenderableType]:
    yield line(f"Ownership coverage, {_window(answer)}", "bold")
    yield ""
    table = columns((("", False), ("owned", True), ("of", True), ("share", True), ("by traffic", True)))
    for row in answer.shares.iter_rows(named=True):
        table.add_row(line(row["what"]), *(line(cell, _alarm(answer, row["what"])) for cell in _share(row)))
    yield table
    yield line(_capital(verdict(answer)), "bold red" if answer.met is False else "")
    for section, rows in _sections(answer):
        yield ""
        yield line(f"{_TITLES[section]} ({rows.height:,})", "bold")
        yield _listed(section, rows.head(LIST_LINES_MAX))
        if rows.height > LIST_LINES_MAX:
            yield line(f"and {rows.height - LIST_LINES_MAX:,} more: --format json has them all.", "dim")
    if answer.rows.is_empty() and not answer.empty:
        yield ""
        yield line("Nothing is unowned, gray, orphaned or stale.")


def _window(answer: Coverage) -> str:
    since = f"since {moment(answer.since_ns)}" if answer.since_ns is not None else "all of the store"
    until = f" until {moment(answer.until_ns)}" if answer.until_ns is not None else ""
    return f"{since}{until}, as of {moment(answer.as_of_ns)}"


def _share(row: Mapping[str, Any]) -> tuple[str, ...]:
    return f"{row['owned']:,}", f"{row['total']:,}", percent(row["share"]), percent(row["traffic"])


def _alarm(answer: Coverage, what: str) -> str:
    return "bold red" if what in answer.short else ""


def _capital(sentence: str) -> str:
    return f"{sentence[0].upper()}{sentence[1:]}."


def _sections(answer: Coverage) -> Iterator[tuple[str, pl.DataFrame]]:
    """Those sections that have rows, in their order."""
    for section in COVERAGE_SECTIONS:
        rows = answer.rows.filter(section=section)
        if rows.height:
            yield section, rows


def _listed(section: str, rows: pl.DataFrame) -> RenderableType:
    """A section's rows: what, how much of it, why."""
    counted = section not in _UNCOUNTED
    table = columns((("what", False), *([("traffic", True)] if counted else []), ("why", False)))
    for row in rows.with_columns(pl.col("last_seen").to_physical()).iter_rows(named=True):
        table.add_row(_what(row), *([line(_count(section, row))] if counted else []), line(_why(section, row)))
    return table


def _what(row: Mapping[str, Any]) -> RenderableType:
    """Kind and name, and below whose it is where that tells it from others."""
    tenant = None if row["tenant"] == DEFAULT_TENANT else row["tenant"]
    place = " ".join(filter(None, (tenant, row["environment"], row["owner"] and f"of {row['owner']}")))
    named = line(f"{row['kind']} {row['name']}")
    return lines(named, line(place, "dim")) if place else named


def _count(section: str, row: Mapping[str, Any]) -> str:
    noun = _COUNTS.get(section) or ("message" if row["kind"] in _OF_MESSAGES else "span")
    return f"{row['count']:,} {noun}" + ("" if row["count"] == 1 else "s")


def _why(section: str, row: Mapping[str, Any]) -> str:
    """The reason; of what is not seen any more also when it was."""
    if section != "stale" or row["last_seen"] is None:
        return str(row["detail"])
    return f"{row['detail']} (last seen {moment(row['last_seen'])})"


def as_json(answer: Coverage) -> str:
    """One object: the window, the shares, whether the minimum is met, and every row by section."""
    head = {
        "as_of": rfc3339(answer.as_of_ns),
        "since": None if answer.since_ns is None else rfc3339(answer.since_ns),
        "until": None if answer.until_ns is None else rfc3339(answer.until_ns),
        "stale_days": answer.stale_days,
        "held_days": round(answer.held_days, 3),
        "min": answer.minimum,
        "met": answer.met,
        "short": list(answer.short),
        "verdict": verdict(answer),
        "shares": {row.pop("what"): row for row in answer.shares.to_dicts()},
    }
    parts = [f'"{key}":{orjson.dumps(value).decode()}' for key, value in head.items()]
    for section in COVERAGE_SECTIONS:
        rows = answer.rows.filter(section=section).drop("section")
        parts.append(f'"{section}":{rows_as_json(rows).rstrip()}')
    return "{" + ",\n".join(parts) + "}\n"


def as_markdown(answer: Coverage) -> str:
    """The answer for a ticket: the shares, then a table of each section, every row."""
    shares = answer.shares.with_columns(
        pl.col("share", "traffic").map_elements(percent, return_dtype=pl.String, skip_nulls=False)
    )
    said = markdown(_capital(verdict(answer)))
    parts = [f"# Ownership coverage\n\n{_window(answer)}\n\n{rows_as_markdown(shares)}\n{said}\n"]
    parts += [
        f"\n## {_TITLES[section]} ({rows.height:,})\n\n{rows_as_markdown(rows.drop('section'))}"
        for section, rows in _sections(answer)
    ]
    return "".join(parts)
