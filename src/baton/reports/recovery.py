"""`baton recover` for people: the work list for a spreadsheet, and as a Markdown table of what a person needs of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars.selectors as cs

from baton.reports.rows import as_csv as frame_as_csv
from baton.reports.rows import as_markdown as frame_as_markdown

if TYPE_CHECKING:
    import polars as pl

_MARKDOWN = (
    "sent_at",
    "keys",
    "message_id",
    "customer",
    "amount",
    "currency",
    "disposition",
    "held_at",
    "replay",
    "why",
    "notify",
    "trace_id",
)


def as_csv(frame: pl.DataFrame) -> str:
    """The work list (frame of RECOVERY) for a spreadsheet: a list is one text, to filter and sort by."""
    return frame_as_csv(_joined(frame))


def as_markdown(frame: pl.DataFrame) -> str:
    """The work list (frame of RECOVERY) as a Markdown table of every row."""
    return frame_as_markdown(_joined(frame.select(_MARKDOWN)))


def _joined(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(cs.list().list.join("; "))
