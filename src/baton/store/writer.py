"""Writing a store: one process at a time, under its lock."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from baton.errors import NotFoundError, StoreError
from baton.journal.segment import delete_segment, read_segment, segment_numbers
from baton.schema import EXPECTATIONS, SPANS
from baton.store import delta
from baton.store.layout import Layout, check_format, write_format
from baton.store.lock import locked
from baton.store.reader import decoded

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    import polars as pl


@dataclass(frozen=True, slots=True)
class Drained:
    """What a drain moved.

    Attributes:
        spans: rows now in the table.
        torn: a line for each segment whose last record was cut off: never acknowledged, but told.
    """

    spans: int
    torn: list[str]


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

    def append(self, spans: pl.DataFrame, segment: int | None) -> None:
        """Adds spans in one commit and returns when it is durable; a segment that is in the table already adds none.

        Args:
            spans: SPANS's columns.
            segment: number of the journal segment they come from; None if they come from elsewhere.

        Raises:
            StoreError: the commit failed; nothing was added.
        """
        if segment is not None and segment <= self.drained:
            return
        delta.commit(self._layout.spans, spans, "append", segment)

    def drain(self, last: int) -> Drained:
        """Moves the journal's segments up to number `last`, all of them sealed, into the table, one commit each.

        A segment is deleted when its commit is durable. The first that fails stops the drain: the order of segments
        is what makes them count once.

        Raises:
            StoreError: a segment is damaged, or the table refused.
        """
        count, torn, drained = 0, [], self.drained
        for number in segment_numbers(self.journal):
            if number > last:
                break
            contents = read_segment(self.journal, number)
            if contents.torn_bytes:
                torn.append(f"segment {number}: {contents.torn_bytes} bytes of an unfinished record cut off")
            spans = decoded(contents.records)
            if len(spans) and number > drained:
                self.append(spans, number)
                count += len(spans)
            delete_segment(self.journal, number)
        return Drained(count, torn)

    def save_expectations(self, frame: pl.DataFrame) -> None:
        """Replaces what was learned.

        Args:
            frame: EXPECTATIONS's columns.

        Raises:
            StoreError: the commit failed; what was learned before still stands.
        """
        delta.commit(self._layout.expectations, frame.select(EXPECTATIONS.names), "overwrite")

    def _prepare(self) -> None:
        """Makes a new store, or readies one that another process, or a power cut, left."""
        try:
            check_format(self._layout)
        except NotFoundError:
            self.journal.mkdir(exist_ok=True)
            delta.create(self._layout.spans, SPANS)
            delta.create(self._layout.expectations, EXPECTATIONS)
            os.sync()
            write_format(self._layout)
            return
        # A process that was killed may have committed and not synced; its segments may be deleted from here on.
        os.sync()
        for path in (self._layout.spans, self._layout.expectations):
            delta.sweep(path)
