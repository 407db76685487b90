"""Reading a store, beside a writer or without one, without locks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from baton.errors import StoreError
from baton.journal.segment import read_segment, segment_numbers
from baton.limits import READ_ATTEMPTS_MAX
from baton.schema import EXPECTATIONS
from baton.store.layout import Layout, check_format
from baton.wire.decode import decode

if TYPE_CHECKING:
    from pathlib import Path

    from baton.journal.record import Record


class Store:
    """A store to read from.

    Attributes:
        path: its folder.

    Raises:
        NotFoundError: there is no store at `path`.
        StoreError: it is of another format.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._layout = Layout(path)
        check_format(self._layout)

    def spans(self) -> pl.LazyFrame:
        """All spans acknowledged before this call, SPANS's columns, each exactly as often as it was sent.

        The table as it is now, and those journal segments that are not in it: the segments are listed before the table
        is opened, so one drained in between is either in the table that was opened, or still wanted and gone, and then
        all is done again.

        Raises:
            StoreError: the journal or the table is damaged.
        """
        from baton.store.delta import drained, open_table  # noqa: PLC0415 - deltalake is imported where it is used

        for _ in range(READ_ATTEMPTS_MAX):
            numbers = segment_numbers(self._layout.journal)
            table = open_table(self._layout.spans)
            last = drained(table)
            try:
                tail = [r for n in numbers if n > last for r in read_segment(self._layout.journal, n).records]
            except FileNotFoundError:
                continue
            return pl.concat([pl.scan_delta(table), decoded(tail).lazy()])
        raise StoreError(
            f"the journal of {self.path} was drained {READ_ATTEMPTS_MAX} times while it was read: try again"
        )

    def expectations(self) -> pl.DataFrame | None:
        """What was learned last, EXPECTATIONS's columns; None if nothing ever was, or by a Baton with other columns.

        Raises:
            StoreError: the table is damaged.
        """
        from baton.store.delta import open_table  # noqa: PLC0415 - deltalake is imported where it is used

        table = open_table(self._layout.expectations)
        if table.version() == 0:
            return None
        learned = pl.scan_delta(table).collect()
        # Expectations are learned anew from the spans at any time: those of another profile are no loss.
        return learned if learned.schema == EXPECTATIONS.schema else None


def decoded(records: list[Record]) -> pl.DataFrame:
    """The records' spans, SPANS's columns."""
    return decode(records)
