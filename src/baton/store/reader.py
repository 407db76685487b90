"""Reading a store, beside a writer or without one, without locks."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import polars as pl

from baton.errors import InvalidRequestError, RequestTooLargeError, StoreError
from baton.journal.segment import read_segment, segment_numbers, segment_path
from baton.limits import DRAIN_BYTES, READ_ATTEMPTS_MAX
from baton.schema import EXPECTATIONS, OUTAGES
from baton.store.layout import Layout, check_format
from baton.wire.decode import check, frames

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from baton.journal.record import Record, Records

_log = logging.getLogger(__name__)


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

        Of a damaged segment all whole records are read, and a warning is logged: see `Writer.drain`.

        Raises:
            StoreError: the table is damaged, or another version of Baton wrote the journal.
        """
        from baton.store.delta import drained, open_table  # noqa: PLC0415 - deltalake is imported where it is used

        for _ in range(READ_ATTEMPTS_MAX):
            numbers = segment_numbers(self._layout.journal)
            table = open_table(self._layout.spans)
            last = drained(table)
            try:
                tail = [frame for n in numbers if n > last for frame in self._segment(n)]
            except FileNotFoundError:
                continue
            return pl.concat([pl.scan_delta(table), *(frame.lazy() for frame in tail)])
        raise StoreError(
            f"the journal of {self.path} was drained {READ_ATTEMPTS_MAX} times while it was read: try again"
        )

    def expectations(self) -> pl.DataFrame | None:
        """What was learned last, EXPECTATIONS's columns; None if nothing ever was, or by a Baton with other columns.

        Raises:
            StoreError: the table is damaged.
        """
        from baton.store.delta import open_table, parts  # noqa: PLC0415 - deltalake is imported where it is used

        table = open_table(self._layout.expectations)
        if not parts(table):
            return None
        learned = pl.scan_delta(table).collect()
        # Expectations are learned anew from the spans at any time: those of another profile are no loss.
        return learned if learned.schema == EXPECTATIONS.schema else None

    def outages(self) -> pl.DataFrame:
        """When Baton itself could not see, OUTAGES's columns, by start; empty in a store that an earlier Baton made.

        Raises:
            StoreError: the table is damaged.
        """
        from baton.store.delta import open_table  # noqa: PLC0415 - deltalake is imported where it is used

        if not self._layout.outages.exists():
            return OUTAGES.empty()
        return pl.scan_delta(open_table(self._layout.outages)).sort(OUTAGES.names).collect()

    def _segment(self, number: int) -> list[pl.DataFrame]:
        """The spans of a segment, decoded at once: it may be deleted any time."""
        records = read_segment(self._layout.journal, number)
        frames = list(decoded_in_parts(records))
        for line in told(self._layout.journal, number, records):
            _log.warning("journal: %s", line)
        return frames


def decoded_in_parts(records: Records) -> Iterator[pl.DataFrame]:
    """The records' spans in frames of at most about `DRAIN_BYTES` of requests, SPANS's columns; none of them is empty.

    A record that cannot be decoded counts as damage: it must not keep back all that comes after it.
    """
    part: list[tuple[Record, int]] = []
    size = 0
    for record in records:
        if part and size + len(record.body) > DRAIN_BYTES:
            yield from _frames(part, records)
            part.clear()
            size = 0
        part.append((record, records.at))
        size += len(record.body)
    yield from _frames(part, records)


def told(journal: Path, number: int, records: Records) -> list[str]:
    """A line for each piece of damage that was met in a segment."""
    return [
        f"segment {segment_path(journal, number)} is damaged at byte {damage.at}: "
        + (f"{damage.lost_bytes} bytes of requests are lost" if damage.lost_bytes else "it was put right")
        for damage in records.damages
    ]


def _frames(part: list[tuple[Record, int]], records: Records) -> Iterator[pl.DataFrame]:
    try:
        # A part is scanned as a whole before anything of it is a frame.
        yield from frames([record for record, _ in part])
    except InvalidRequestError:
        yield from frames([record for record, at in part if _is_request(record, at, records)])


def _is_request(record: Record, at: int, records: Records) -> bool:
    try:
        check(record.body)
    except InvalidRequestError:
        records.refuse(record, at)
        return False
    except RequestTooLargeError:
        # It was taken when another bound held.
        return True
    return True
