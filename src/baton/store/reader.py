"""Reading a store, beside a writer or without one, without locks."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING

import polars as pl

from baton.errors import InvalidRequestError, RequestTooLargeError, StoreError
from baton.journal.segment import read_segment, segment_numbers, segment_path
from baton.limits import DRAIN_BYTES, DRAIN_ROWS_MAX, READ_ATTEMPTS_MAX, SECOND_NS, SEGMENT_AGE_S_MAX
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
        """When Baton itself could not see, OUTAGES's columns, by start.

        What is damaged of the journal counts, whether it was drained already or not.

        Raises:
            StoreError: the table is damaged.
        """
        from baton.store.delta import open_table  # noqa: PLC0415 - deltalake is imported where it is used

        # The journal first: what is drained meanwhile is then in the table.
        known = [self._lost(number) for number in segment_numbers(self._layout.journal)]
        if self._layout.outages.exists():
            known.append(pl.scan_delta(open_table(self._layout.outages)).collect())
        return pl.concat([OUTAGES.empty(), *known]).unique().sort(OUTAGES.names)

    def facts(self, until_ns: int | None = None) -> pl.DataFrame:
        """What brokers said of themselves up to a time, null for all, FACTS's columns; by time.

        It is a history, see FACTS: `brokers.history.held` gives the state at a time.

        Raises:
            StoreError: the table is damaged.
        """
        from baton.store.facts import read  # noqa: PLC0415 - deltalake is imported where it is used

        known = read(self._layout.facts)
        return (known if until_ns is None else known.filter(pl.col("at_ns") <= until_ns)).sort(
            "at_ns", maintain_order=True
        )

    def _lost(self, number: int) -> pl.DataFrame:
        try:
            records = read_segment(self._layout.journal, number)
        except FileNotFoundError:
            return OUTAGES.empty()
        for _ in records:
            pass
        return lost(self._layout.journal, number, records)

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


def lost(journal: Path, number: int, records: Records) -> pl.DataFrame:
    """What of a segment is lost, OUTAGES's columns: between the requests taken before and after it.

    Where it has no such neighbour it is as old as a segment gets, or reaches to the segment's last write.
    """
    age_ns = int(SEGMENT_AGE_S_MAX * SECOND_NS)
    rows = []
    for damage, line in zip(records.damages, told(journal, number, records), strict=True):
        if not damage.lost_bytes:
            continue
        with suppress(FileNotFoundError):
            written_ns = segment_path(journal, number).stat().st_mtime_ns
            end_ns = damage.before_ns if damage.before_ns is not None else max(written_ns, damage.after_ns or 0)
            start_ns = damage.after_ns if damage.after_ns is not None else end_ns - age_ns
            rows.append((min(start_ns, end_ns), end_ns, "damaged", line, 0))
    return pl.DataFrame(rows, schema=OUTAGES.schema, orient="row")


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
        yield from _slices([record for record, _ in part])
    except InvalidRequestError:
        yield from _slices([record for record, at in part if _is_request(record, at, records)])


def _slices(requests: list[Record]) -> Iterator[pl.DataFrame]:
    for frame in frames(requests):
        yield from frame.iter_slices(DRAIN_ROWS_MAX)


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
