"""Writing a store: one process at a time, under its lock."""

from __future__ import annotations

import logging
import shutil
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import polars as pl

from baton.errors import NotFoundError, StoreError
from baton.journal.segment import delete_segment, keep_segment, read_segment, segment_numbers, segment_path
from baton.schema import EXPECTATIONS, OUTAGES
from baton.store import delta, rewrite
from baton.store.alive import beat, last_beat
from baton.store.facts import Facts
from baton.store.forget import Carriers
from baton.store.layout import Layout, check_format, write_format
from baton.store.lock import locked
from baton.store.reader import decoded_in_parts, lost, told

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path
    from types import TracebackType

    from baton.journal.record import Records
    from baton.store.rewrite import Rewrite

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Drained:
    """What a drain moved.

    Attributes:
        spans: rows now in the table.
        warnings: a line for each record that was cut off at the end of a segment (never acknowledged, but told), and
            for each piece of damage.
    """

    spans: int
    warnings: list[str]


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was forgotten.

    Attributes:
        spans: rows that are gone.
        traces: of how many traces.
        learned: whether the values stand in what was learned: then it is to be learned anew, and saved.
        quarantined: damaged segments, which cannot be searched.
    """

    spans: int
    traces: int
    learned: bool
    quarantined: list[Path]


class Writer:
    """Holds a store's lock from `with` to its end; creates the store if there is none.

    Attributes:
        path: the store's folder.
        journal: the folder of its segments.

    Raises:
        StoreError: another process holds the lock, or the store is of another format, or its folder cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._layout = Layout(path)
        self.journal = self._layout.journal
        self._held = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            try:
                self.path.mkdir(parents=True, exist_ok=True)
                stack.enter_context(locked(self._layout.lock))
                self._prepare()
            except OSError as error:
                raise StoreError(f"the store at {self.path} cannot be made or opened ({error}): see to it") from error
            self._held = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._held.close()

    @property
    def drained(self) -> int:
        """Number of the last segment in the table; 0 if none is."""
        return delta.drained(delta.open_table(self._layout.spans))

    @property
    def holds_spans(self) -> bool:
        """Whether anything is in the table, or in the journal."""
        return bool(delta.parts(delta.open_table(self._layout.spans)) or segment_numbers(self.journal))

    def append(self, spans: pl.DataFrame, segment: int | None) -> None:
        """Adds spans in one commit and returns when it is durable; a segment that is in the table already adds none.

        Args:
            spans: SPANS's columns.
            segment: number of the journal segment they come from; None if they come from elsewhere.

        Raises:
            StoreError: the commit failed; nothing was added, unless the message says that it was not synced.
        """
        if segment is None or segment > self.drained:
            self._add([spans], segment)

    def drain(self, last: int) -> Drained:
        """Moves the journal's segments up to number `last`, all of them sealed, into the table, one commit each.

        A segment is deleted when its commit is durable. The first that fails stops the drain: the order of segments
        is what makes them count once. A damaged segment is kept in quarantine, its whole records are moved like any,
        and what is lost is recorded as an outage.

        Raises:
            StoreError: the table refused, or another version of Baton wrote a segment.
        """
        count, drained = 0, self.drained
        warnings: list[str] = []
        if any(number <= drained for number in segment_numbers(self.journal)):
            # An earlier drain stopped between commit and deletion: the commit may not be durable yet.
            self._settle(self._layout.spans)
        for number in segment_numbers(self.journal):
            if number > last:
                break
            if number > drained:
                records = read_segment(self.journal, number)
                count += self._add(self._whole(number, records), number)
                warnings += self._told(number, records)
            delete_segment(self.journal, number)
        return Drained(count, warnings)

    def drain_all(self) -> Drained:
        """The same for all segments there are, and logs the warnings: where no journal is being written."""
        drained = self.drain(max(segment_numbers(self.journal), default=0))
        for line in drained.warnings:
            _log.warning("journal: %s", line)
        return drained

    def save_expectations(self, frame: pl.DataFrame) -> None:
        """Replaces what was learned.

        Args:
            frame: EXPECTATIONS's columns.

        Raises:
            StoreError: the commit failed; what was learned before still stands.
        """
        self._replace(self._layout.expectations, frame.select(EXPECTATIONS.names))

    def save_outages(self, frame: pl.DataFrame) -> None:
        """Adds outages; those that are there already, to the letter, are there once.

        Args:
            frame: OUTAGES's columns.

        Raises:
            StoreError: the commit failed; nothing was added.
        """
        known = pl.scan_delta(delta.open_table(self._layout.outages)).collect()
        frames = pl.concat([known, frame.select(OUTAGES.names)]).unique(maintain_order=True)
        if len(frames) > len(known):
            self._replace(self._layout.outages, frames)

    def beat(self, now_ns: int) -> None:
        """Writes a sign of life, see `alive`; a disk that refuses it keeps the one before."""
        beat(self._layout.alive, now_ns)

    def last_beat(self) -> int | None:
        """The last sign of life of an endpoint on this store; null if there never was one."""
        return last_beat(self._layout.alive)

    def needs_compaction(self) -> bool:
        """Whether the table has so many small files that questions take longer for it."""
        return rewrite.is_due(delta.parts(delta.open_table(self._layout.spans)))

    def compact(self, kept_from_ns: int | None) -> Rewrite:
        """Puts all small files together, and deletes spans ingested before `kept_from_ns`; null keeps all.

        Raises:
            StoreError: the disk or the table refused; nothing was changed.
        """
        try:
            done = rewrite.compact(self._layout.spans, kept_from_ns, everything=True)
        except (OSError, pl.exceptions.ComputeError) as error:
            raise _refused(self._layout.spans, error) from error
        self.swap(done)
        return done

    def swap(self, done: Rewrite) -> None:
        """Lets a rewrite's new files stand for the old ones.

        Raises:
            StoreError: the disk or the table refused; nothing was changed.
        """
        if done.removed:
            delta.commit(self._layout.spans, done.added, [part.name for part in done.removed])

    def vacuum(self, older_s: float) -> int:
        """Deletes files that no table has held for `older_s`, and returns how many that were.

        Raises:
            StoreError: the disk refused.
        """
        try:
            deleted = sum(delta.vacuum(table, older_s) for table in self._layout.tables)
        except OSError as error:
            raise _refused(self.path, error) from error
        return deleted + (Facts(self.path).vacuum(older_s) if self._layout.facts.exists() else 0)

    def forget(self, key: str, values: Sequence[str], tenant: str | None) -> Forgotten:
        """Deletes every span that carries one of the values as attribute `key`, see `forget.Carriers`, for good.

        The journal is drained first, and no file that held them stays, whoever may still be reading it.

        Args:
            key: name of the attribute.
            values: what may stand for the value.
            tenant: only this tenant's spans; null for all.

        Raises:
            StoreError: the disk or the table refused; nothing was forgotten, or all of it and old files stay.
        """
        self.drain_all()
        path, carriers = self._layout.spans, Carriers(key, values)
        ids = [pl.DataFrame(schema={"tenant": pl.String, "trace_id": pl.Binary})]
        done = rewrite.Rewrite([], [])
        try:
            for part in delta.parts(delta.open_table(path)):
                spans = pl.scan_parquet(path / part.name)
                carries = carriers.of(spans)
                if tenant is not None:
                    carries &= pl.col("tenant") == tenant
                found = spans.filter(carries).select("tenant", "trace_id").collect(engine="streaming")
                ids.append(found)
                if len(found):
                    one = rewrite.rewrite(path, [[part]], ~carries)
                    done.removed.extend(one.removed)
                    done.added.extend(one.added)
        except (OSError, pl.exceptions.ComputeError) as error:
            delta.discard(path, done.added)
            raise _refused(path, error) from error
        self.swap(done)
        self.vacuum(0)
        found = pl.concat(ids)
        quarantined = sorted(self._layout.quarantine.glob("*"))
        return Forgotten(len(found), found.n_unique(), self._learned(values), quarantined)

    def _learned(self, values: Sequence[str]) -> bool:
        """Whether one of the values stands anywhere in what was learned, within a name too."""
        learned = pl.scan_delta(delta.open_table(self._layout.expectations))
        texts = learned.select(pl.col(pl.String), pl.col(pl.List(pl.String)).list.join("\n")).collect()
        return any(value in text for column in texts for text in column.drop_nulls() for value in values)

    def _add(self, frames: Iterable[pl.DataFrame], segment: int | None) -> int:
        """Writes each frame and lets it go before it asks for the next; adds all in one commit; returns the rows."""
        table = self._layout.spans
        parts: list[delta.Part] = []
        try:
            for frame in frames:
                parts.append(delta.write_part(table, frame))
                del frame
        except BaseException as error:
            delta.discard(table, parts)
            if isinstance(error, OSError):
                raise _refused(table, error) from error
            raise
        delta.commit(table, parts, segment=segment)
        return sum(part.rows for part in parts)

    def _whole(self, number: int, records: Records) -> Iterable[pl.DataFrame]:
        """The whole records' spans; at their end damage is put on record, before the commit that follows."""
        yield from decoded_in_parts(records)
        if not records.damages:
            return
        keep_segment(self.journal, number, self._layout.quarantine)
        self.save_outages(lost(self.journal, number, records))

    def _told(self, number: int, records: Records) -> list[str]:
        lines = [
            f"{line}; the segment is kept as {segment_path(self._layout.quarantine, number)}"
            for line in told(self.journal, number, records)
        ]
        if records.torn_bytes:
            lines.append(f"segment {number}: {records.torn_bytes} bytes of an unfinished record cut off")
        return lines

    def _replace(self, table: Path, frame: pl.DataFrame) -> None:
        before = [part.name for part in delta.parts(delta.open_table(table))]
        try:
            part = delta.write_part(table, frame)
            delta.commit(table, [part], before)
        except OSError as error:
            raise _refused(table, error) from error

    def _settle(self, table: Path) -> None:
        try:
            delta.settle(table)
        except OSError as error:
            raise _refused(table, error) from error

    def _prepare(self) -> None:
        """Makes a new store, or readies one that another process, or a power cut, left."""
        try:
            check_format(self._layout)
        except NotFoundError:
            self.journal.mkdir(exist_ok=True)
            for table, frame in self._layout.tables.items():
                delta.create(table, frame)
            write_format(self._layout)
            return
        self.journal.mkdir(exist_ok=True)  # copies of folders often leave out what is empty
        for table, frame in self._layout.tables.items():
            if not table.exists():
                if table == self._layout.spans:
                    raise StoreError(
                        f"{table} is missing: is all of the store mounted, or restored? What it held is not elsewhere"
                    )
                delta.create(table, frame)  # an earlier Baton had no such table, or it is learned anew
            if table == self._layout.expectations and not delta.holds(table, frame):
                shutil.rmtree(table)  # learned anew at any time
                delta.create(table, frame)
            delta.refuse_damage(table)
            delta.upgrade(table)
            # A process that was killed may have committed and not synced; its segments are deleted from here on.
            delta.settle(table)


def existing(path: Path) -> Path:
    """The path, for a writer that must not make a store where none is.

    Raises:
        NotFoundError: there is no store.
        StoreError: it is of another format.
    """
    check_format(Layout(path))
    return path


def _refused(table: Path, error: Exception) -> StoreError:
    return StoreError(f"the table at {table} cannot be written ({error}): see to its disk")
